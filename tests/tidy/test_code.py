"""Style as a test: every tracked file keeps the rules of scripts/tidy.py, and each rule sees what it is for."""

from __future__ import annotations

import pytest

import tidy

EXACT = "services/rating/src/rating/domain/rate.py"
# In two parts, so that this file itself names nobody's home.
ROOT_HOME = "ro" + "ot"
INNER = "services/rating/src/rating/store/plans.py"
TEST = "services/rating/tests/unit/test_rate.py"


@pytest.mark.parametrize("check", [*tidy.OF_PYTHON, *tidy.OF_ALL], ids=lambda check: check.__name__)
def test_the_repository_is_tidy(check: tidy.Check, files: list[tidy.SourceFile]) -> None:
    assert tidy.findings(check, files) == []


def test_there_is_something_to_look_at(files: list[tidy.SourceFile]) -> None:
    assert [file for file in files if tidy.EXACT.search(file.path)]
    assert [file for file in files if file.is_test]


@pytest.mark.parametrize(
    ("check", "path", "text", "expected"),
    [
        (tidy.long_functions, INNER, "def f():\n" + "    x()\n" * 70, "1: f has 71 lines, at most 70"),
        (tidy.floats, EXACT, "x = 1\ny = 0.5", "2: the literal 0.5 is a float"),
        (tidy.floats, EXACT, "y = float(x)", "1: float(...)"),
        (
            tidy.clock_and_chance,
            INNER,
            "x = datetime.datetime.now(UTC)",
            "1: datetime.datetime.now() belongs to the edges; take it as an argument",
        ),
        (
            tidy.sleeps_and_patches,
            TEST,
            "await asyncio.sleep(1)",
            "1: asyncio.sleep() in a test; wait for a condition with a limit, use the real thing or a fake",
        ),
        (
            tidy.sleeps_and_patches,
            TEST,
            "with mock.patch('a'): pass",
            "1: mock.patch() in a test; wait for a condition with a limit, use the real thing or a fake",
        ),
        (tidy.open_ends, INNER, "# TODO: later", "1: # TODO: later"),
        (tidy.open_ends, INNER, "raise NotImplementedError('x')", "1: raises NotImplementedError"),
        (tidy.unnamed_columns, INNER, "q = 'SELECT * FROM t'", "1: SELECT *; name the columns"),
        (tidy.swallowed, INNER, "try:\n  f()\nexcept Exception:\n  pass", "3: catches everything and goes on"),
        (tidy.registries, "x.txt", "--index-url https://mirror.example/", "1: names a package registry"),
        (tidy.registries, "x.txt", "https://registry.example/x.whl", "1: names a package registry"),
        (tidy.homes, "x.txt", "cd /home/ann/meterline", "1: contains a path of somebody's own machine"),
        (tidy.homes, "x.py", f"open('/{ROOT_HOME}/.cache/x')", "1: contains a path of somebody's own machine"),
    ],
)
def test_each_check_sees_what_it_is_for(check: tidy.Check, path: str, text: str, expected: str) -> None:
    assert list(check(tidy.SourceFile(path, text))) == [f"{path}:{expected}"]


def test_a_module_of_501_lines_is_too_long() -> None:
    assert list(tidy.long_modules(tidy.SourceFile(INNER, "x\n" * 501))) == [f"{INNER}: 501 lines, at most 500"]
    assert list(tidy.long_modules(tidy.SourceFile(INNER, "x\n" * 500))) == []


@pytest.mark.parametrize(
    ("check", "path", "text"),
    [
        (tidy.long_functions, INNER, "def f():\n" + "    x()\n" * 69),
        (tidy.floats, EXACT, "x = Decimal('0.5')"),
        (tidy.floats, INNER, "timeout_s = 0.5"),
        (tidy.clock_and_chance, INNER, "x = clock.now()"),
        (tidy.clock_and_chance, "services/rating/src/rating/__main__.py", "x = datetime.now(UTC)"),
        (tidy.sleeps_and_patches, TEST, "await asyncio.sleep(0)"),
        (tidy.sleeps_and_patches, INNER, "await asyncio.sleep(1)"),
        (tidy.open_ends, INNER, "# TODO(#12): later"),
        (tidy.unnamed_columns, INNER, "q = 'SELECT count(*) FROM t'"),
        (tidy.swallowed, INNER, "try:\n  f()\nexcept KeyError:\n  pass"),
        (tidy.registries, "README.md", "See https://grpc.io/docs/."),
        (tidy.homes, "README.md", "services/desk/x and ./home/x"),
    ],
)
def test_each_check_leaves_the_rest_alone(check: tidy.Check, path: str, text: str) -> None:
    assert list(check(tidy.SourceFile(path, text))) == []
