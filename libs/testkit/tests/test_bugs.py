"""The switches themselves: a bug that no law notices fails the run, and nothing stays switched on."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from testkit import plugin
from testkit.bugs import BUGS, Bug, caught_by, switched_on

ROOT = Path(__file__).parents[3]
LIMIT = Bug("X1", "time is limited twice as far", {"testkit.wait:_intervals": lambda real: lambda s: real(2 * s)}, ())


def run_of(bug: Bug | None) -> Any:
    """The hook around a test with a bug, as far as the test itself."""
    case = SimpleNamespace(callspec=SimpleNamespace(params={"bug": bug}), path=Path(__file__))
    run: Any = plugin.pytest_pyfunc_call(case)  # type: ignore[arg-type]
    next(run)
    return run


def test_a_bug_that_its_law_does_not_notice_fails() -> None:
    with pytest.raises(pytest.fail.Exception, match="X1 was not caught: time is limited"):
        run_of(LIMIT).send(None)


@pytest.mark.parametrize("failure", [AssertionError(), pytest.fail.Exception("did not raise")])
def test_a_law_that_fails_by_the_bug_has_caught_it(failure: BaseException) -> None:
    with pytest.raises(StopIteration) as end:
        run_of(LIMIT).throw(failure)

    assert end.value.value is True


@pytest.mark.parametrize("failure", [KeyError(), TypeError(), ValueError("raised elsewhere")])
def test_a_law_that_only_breaks_has_caught_nothing(failure: Exception) -> None:
    with pytest.raises(type(failure)):
        run_of(LIMIT).throw(failure)


def test_without_a_bug_a_test_is_what_it_is() -> None:
    with pytest.raises(AssertionError):
        run_of(None).throw(AssertionError())


def test_a_switch_is_off_after_its_block() -> None:
    from testkit import wait  # noqa: PLC0415 - what the switch replaces in it

    real = wait._intervals

    with switched_on(LIMIT):
        replaced = wait._intervals

    assert replaced is not real
    assert wait._intervals is real


def test_what_a_switch_replaces_must_be_there() -> None:
    gone = Bug("X2", "nothing", {"testkit.wait:gone": lambda real: real}, ())

    with pytest.raises(AttributeError), switched_on(gone):
        pass


def test_every_bug_has_an_id_of_its_own_and_a_law_that_there_is() -> None:
    assert len({bug.id for bug in BUGS}) == len(BUGS)
    for bug in BUGS:
        assert bug.caught_by
        for law in bug.caught_by:
            path, _, name = law.partition("::")
            module = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            tests = {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
            assert name in tests, f"{bug.id}: {law}"
            assert bug in caught_by(BUGS, law)
