"""Mutants of the pure pricing core: change one thing of it at a time, and say which changes no test sees.

A mutant is one comparison, sign, constant, condition or choice of the code, changed. First each unit test of rating and
money is run once to see which lines it reaches; then each mutant is tried by the tests that reach its line, the
quickest first, in a child of this process. `make mutants SAMPLE=300` tries as many by chance; without it, all.
Exits with 1 below `--bar`. Left out are types, texts, and what only says prices in words (`WORDS`).
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.machinery
import json
import os
import random
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import pytest
from hypothesis import settings

# What a child would import each time, and no mutant changes.
from metering.rating.v1 import rating_service_pb2_grpc  # noqa: F401
from testkit import plugin  # noqa: F401

ROOT: Final = Path(__file__).resolve().parents[1]
DOMAIN: Final = ROOT / "services/rating/src/rating/domain"
TESTS: Final = ROOT / "services/rating/tests/unit"
CORE: Final = (
    *sorted(DOMAIN.glob("pricing/*.py")),
    *(
        DOMAIN / f"{name}.py"
        for name in ("rate", "rate_events", "rate_formula", "rate_parts", "rated_period", "advance")
    ),
    *(DOMAIN / f"{name}.py" for name in ("commitments", "discounts", "fees", "plan_bounds", "proration", "segments")),
    *sorted((ROOT / "libs/money/src/money").glob("*.py")),
)
WORDS: Final = frozenset({"tell", "said", "introduced", "words", "units", "money", "examples", "told", "labelled"})
"""Functions that say prices in words."""
LIMIT_S: Final = 120.0
"""A mutant that runs longer loops: the suite would see that."""
_CONTROL: Final = 800
"""So many of the quickest tests must pass in a child with nothing changed."""
_OTHER: Final[dict[type, type]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
_OTHER_NAME: Final = {"min": "max", "max": "min", "floor": "ceil", "ceil": "floor", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """One change of a file: where, what it was and is, and the whole module with it."""

    file: Path
    line: int
    was: str
    now: str
    code: ast.Module

    def __str__(self) -> str:
        """Return it in a line."""
        return f"{self.file.relative_to(ROOT)}:{self.line}: {self.was}  ->  {self.now}"


def mutants_of(file: Path) -> Iterator[Mutant]:
    """Yield every mutant of a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    count = sum(1 for _ in _changes(tree))
    for place in range(count):
        changed = copy.deepcopy(tree)
        node, change = next(each for at, each in enumerate(_changes(changed)) if at == place)
        was = ast.unparse(node)
        change()
        now = ast.unparse(node)
        yield Mutant(file, node.lineno, was, f"not ({was})" if now == was else now, ast.fix_missing_locations(changed))


Change = tuple[Any, Callable[[], None]]


def _changes(tree: ast.AST) -> Iterator[Change]:
    """Yield each node that can be changed, and what changes it."""
    for node in _logic(tree):
        if isinstance(node, ast.Compare) and type(node.ops[0]) in _OTHER:
            yield node, partial(node.ops.__setitem__, 0, _OTHER[type(node.ops[0])]())
        elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in _OTHER:
            yield node, partial(setattr, node, "op", _OTHER[type(node.op)]())
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield node, partial(setattr, node, "op", ast.UAdd())
        elif isinstance(node, ast.If | ast.IfExp):
            yield node.test, partial(setattr, node, "test", ast.UnaryOp(ast.Not(), node.test))
        elif isinstance(node, ast.Constant) and type(node.value) in {int, bool}:
            yield node, partial(setattr, node, "value", _other_value(node.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _OTHER_NAME:
            yield node, partial(setattr, node.func, "id", _OTHER_NAME[node.func.id])
        elif isinstance(node, ast.Continue | ast.Break):
            yield node, partial(setattr, node, "__class__", ast.Pass)


def _other_value(value: object) -> int:
    return not value if isinstance(value, bool) else int(str(value)) + 1


def _logic(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what decides, in order: no types, no decorators, no texts, and nothing that says prices in words."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef):
            if child.name not in WORDS:
                for part in child.body:
                    yield from _logic(ast.Module([part], []))
        elif isinstance(child, ast.AnnAssign):
            if child.value is not None:
                yield from _logic(ast.Module([ast.Expr(child.value)], []))
        elif isinstance(child, ast.ClassDef):
            yield from _logic(ast.Module(child.body, []))
        elif isinstance(child, ast.Raise | ast.JoinedStr) or _is_for_types(child):
            continue
        else:
            yield child
            yield from _logic(child)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


class Reached:
    """A plugin that notes which lines of the core each test reaches, and how long it takes."""

    def __init__(self) -> None:
        """Begin with no test."""
        self.lines: dict[str, list[str]] = {}
        self.seconds: dict[str, float] = {}
        self._files = {str(file) for file in CORE}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Look at the lines of a test."""
        seen: set[str] = set()

        def local(frame: FrameType, event: str, _: object) -> Any:
            if event == "line":
                seen.add(f"{frame.f_code.co_filename}:{frame.f_lineno}")
            return local

        def enter(frame: FrameType, _event: str, _argument: object) -> Any:
            return local if frame.f_code.co_filename in self._files else None

        started = time.process_time()
        sys.settrace(enter)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self.lines[item.nodeid] = sorted(seen)
            self.seconds[item.nodeid] = time.process_time() - started


class Chosen:
    """A plugin that keeps some tests, in an order."""

    def __init__(self, names: Sequence[str]) -> None:
        """Keep these."""
        self._places = {name: place for place, name in enumerate(names)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out all others."""
        items[:] = sorted(
            (item for item in items if item.nodeid in self._places), key=lambda item: self._places[item.nodeid]
        )


def run_tests(names: Sequence[str], plugins: Sequence[object]) -> int:
    """Run tests in this process, quietly; return pytest's exit code."""
    settings.register_profile("mutants", database=None, deadline=None, derandomize=True)
    settings.load_profile("mutants")
    quiet = os.open(os.environ.get("MUTANTS_LOG", os.devnull), os.O_WRONLY | os.O_CREAT)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    options = [
        "-q",
        "-x",
        "--assert=plain",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--rootdir",
        str(ROOT),
        "--no-header",
    ]
    return int(pytest.main([*options, *names], plugins=list(plugins)))


def in_child(work: Callable[[int], int], limit_s: float) -> tuple[int | None, str]:
    """Run `work` in a child, which gets a pipe to write to; return its exit code and the text.

    None: it was stopped.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        code = 70
        try:
            code = work(writer)
        finally:
            os._exit(code)
    os.close(writer)
    pieces, ends = [], time.monotonic() + limit_s
    with os.fdopen(reader, "rb") as pipe:
        while (left := ends - time.monotonic()) > 0 and select.select([pipe], [], [], left)[0]:
            if not (piece := os.read(pipe.fileno(), 1 << 20)):
                break
            pieces.append(piece)
        else:
            os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else None, b"".join(pieces).decode()


def reached() -> tuple[dict[str, list[str]], dict[str, float]]:
    """Return which lines each test reaches, and the seconds that it takes. Raises SystemExit if a test fails."""

    def work(pipe: int) -> int:
        watch = Reached()
        code = run_tests([str(TESTS), str(ROOT / "libs/money/tests")], [watch])
        with os.fdopen(pipe, "w") as out:
            json.dump([watch.lines, watch.seconds], out)
        return code

    code, text = in_child(work, 3600)
    if code:
        raise SystemExit("the tests fail without any mutant: make test ARGS='services/rating/tests/unit libs/money'")
    lines, seconds = json.loads(text)
    return lines, seconds


def tests_by_place(lines: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> dict[str, list[str]]:
    """Return the tests that reach each line, and each file, the quickest first."""
    found: dict[str, list[str]] = {}
    for name in sorted(lines, key=lambda name: seconds[name]):
        for place in dict.fromkeys([*lines[name], *(line.rpartition(":")[0] for line in lines[name])]):
            found.setdefault(place, []).append(name)
    return found


def survives(mutant: Mutant, names: Sequence[str]) -> bool:
    """Whether all tests that reach a mutant pass with it."""

    def work(pipe: int) -> int:
        real = importlib.machinery.SourceFileLoader.get_code

        def get_code(self: importlib.machinery.SourceFileLoader, name: str) -> CodeType | None:
            if Path(self.path) == mutant.file:
                return compile(mutant.code, self.path, "exec")
            return real(self, name)

        importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[assignment, method-assign]
        for loaded in [name for name in sys.modules if name.partition(".")[0] in {"money", "rating"}]:
            del sys.modules[loaded]
        files = dict.fromkeys(name.partition("::")[0] for name in names)
        code = run_tests([str(ROOT / file) for file in files], [Chosen(names)])
        os.close(pipe)
        return code

    return in_child(work, LIMIT_S)[0] == 0


def main() -> None:
    """Try the mutants, print those that survive, and the share of the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="how many, chosen at random; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only files whose path has this in it")
    parser.add_argument("--bar", type=float, default=90.0, help="percent that must be killed")
    asked = parser.parse_args()
    os.chdir(tempfile.mkdtemp())
    lines, seconds = reached()
    names_of = tests_by_place(lines, seconds)
    nothing = Mutant(CORE[0], 1, "", "", ast.parse(CORE[0].read_text(encoding="utf-8")))
    if not survives(nothing, sorted(lines, key=lambda name: seconds[name])[:_CONTROL]):
        raise SystemExit(
            "tests fail in a child with nothing changed: what this script imports is no more what they need"
        )
    mutants = [mutant for file in CORE if asked.only in str(file) for mutant in mutants_of(file)]
    print(f"{len(mutants):,} mutants of {len(CORE)} files; {len(lines):,} tests", flush=True)
    if asked.sample:
        mutants = random.Random(asked.seed).sample(mutants, min(asked.sample, len(mutants)))  # noqa: S311 - a seed is the point
    survivors = 0
    for place, mutant in enumerate(mutants, 1):
        # What runs as a file is loaded, such as a constant, is not seen by any test: all that use the file may notice.
        names = names_of.get(f"{mutant.file}:{mutant.line}") or names_of.get(str(mutant.file), [])
        if not names or survives(mutant, names):
            survivors += 1
            print(f"{mutant}{'' if names else '  (no test reaches it)'}", flush=True)
        if not place % 50:
            print(f"... {place:,} tried, {survivors} survive", flush=True)
    killed = 100 * (len(mutants) - survivors) / max(len(mutants), 1)
    print(f"{killed:.1f} % of {len(mutants):,} mutants are killed; at least {asked.bar:g} % must be")
    raise SystemExit(killed < asked.bar)


if __name__ == "__main__":
    main()
