"""Style as a program: what a reviewer would otherwise have to say again and again.

    tidy.py        check every tracked file; one line per finding, exit 1 if there is any

`tests/tidy` runs the same checks and shows that each of them finds what it is meant to find.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 500
# A clone may belong to a different user than the one who tests it, as in a container.
LIST_TRACKED = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
GENERATED = "libs/contracts/src/"
# Files that must name what is looked for.
LOOKOUTS = re.compile(r"^scripts/tidy\.py$|^tests/tidy/")
# Where a float could get into a quantity or an amount of money.
EXACT = re.compile(r"^services/\w+/src/\w+/domain/|^libs/(?:expressions|money)/src/")
# The edges, where the current time or a random id may enter; everywhere else they are arguments.
EDGES = re.compile(
    r"/__main__\.py$|/operations(\.py$|/)|/web/|^libs/chassis/src/chassis/clock\.py$|^libs/meterline/|^libs/testkit/"
    r"|^(benchmarks|demo|scripts)/"
)
CLOCK_AND_CHANCE = {"datetime.now", "datetime.utcnow", "date.today", "time.time", "time.time_ns", "uuid.uuid4", "uuid4"}
SLEEPS = {"time.sleep", "asyncio.sleep"}
HOMES = re.compile(r"(?<![\w.])/(?:home|Users|root|work)/[\w.-]+")
# Registries and mirrors have such names; a lock or a setting that names one can't be installed elsewhere.
REGISTRIES = re.compile(
    r"https?://[^\s\"')>]*(?:pypi|pythonhosted|npmjs|registry|artifactor|nexus|/simple\b)"
    r"|--(?:extra-)?index-url\s*[= ]\s*\S",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class SourceFile:
    """A text file: its path from the root, with '/', and its content."""

    path: str
    text: str

    @property
    def is_python(self) -> bool:
        """Whether it is Python that people wrote."""
        return self.path.endswith(".py") and not self.path.startswith(GENERATED)

    @property
    def is_test(self) -> bool:
        """Whether it is in a folder of tests."""
        return "tests/" in self.path

    @cached_property
    def nodes(self) -> list[tuple[str, ast.AST]]:
        """Yield each node of its syntax tree with its place."""
        tree = ast.parse(self.text, filename=self.path)
        return [(f"{self.path}:{getattr(node, 'lineno', 0)}", node) for node in ast.walk(tree)]

    def calls(self) -> Iterator[tuple[str, ast.Call, str]]:
        """Yield each call of something that has a name, with its place and the name."""
        for place, node in self.nodes:
            if isinstance(node, ast.Call) and (name := dotted(node.func)):
                yield place, node, name

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield each line with its place."""
        for number, line in enumerate(self.text.splitlines(), 1):
            yield f"{self.path}:{number}", line


def dotted(node: ast.AST) -> str:
    """Return the dotted name of an expression, or "": `datetime.now` for the function in `datetime.now(UTC)`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (inner := dotted(node.value)):
        return f"{inner}.{node.attr}"
    return ""


def is_one_of(name: str, endings: set[str]) -> bool:
    """Whether a dotted name is one of these or ends in one: datetime.datetime.now is datetime.now."""
    return any(name == ending or name.endswith(f".{ending}") for ending in endings)


def long_functions(file: SourceFile) -> Iterator[str]:
    """Find functions that do not fit on a page."""
    for place, node in file.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            length = node.end_lineno - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"{place}: {node.name} has {length} lines, at most {FUNCTION_LINES_MAX}"


def long_modules(file: SourceFile) -> Iterator[str]:
    """Find modules that contain more than one idea, judging by their length."""
    length = len(file.text.splitlines())
    if length > MODULE_LINES_MAX:
        yield f"{file.path}: {length} lines, at most {MODULE_LINES_MAX}"


def floats(file: SourceFile) -> Iterator[str]:
    """Find floats where quantities and money are computed."""
    if not EXACT.search(file.path):
        return
    for place, node in file.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield f"{place}: the literal {node.value} is a float"
    for place, _, name in file.calls():
        if name == "float":
            yield f"{place}: float(...)"


def clock_and_chance(file: SourceFile) -> Iterator[str]:
    """Find inner code that reads the clock or makes a random id, and so can't be tested or repeated."""
    if file.is_test or EDGES.search(file.path):
        return
    for place, _, name in file.calls():
        if is_one_of(name, CLOCK_AND_CHANCE):
            yield f"{place}: {name}() belongs to the edges; take it as an argument"


def sleeps_and_patches(file: SourceFile) -> Iterator[str]:
    """Find tests that sleep instead of waiting for a condition, or that replace what they should run."""
    if not file.is_test:
        return
    for place, call, name in file.calls():
        yields_only = [dotted(call.func), *map(ast.unparse, call.args)] == ["asyncio.sleep", "0"]
        if (is_one_of(name, SLEEPS) and not yields_only) or "mock.patch" in name or name == "monkeypatch.setattr":
            yield f"{place}: {name}() in a test; wait for a condition with a limit, use the real thing or a fake"


def open_ends(file: SourceFile) -> Iterator[str]:
    """Find work left for later without an issue."""
    for place, line in file.lines():
        if re.search(r"\bFIXME\b|\bTODO\b(?!\(#\d+\))", line):
            yield f"{place}: {line.strip()}"
    for place, node in file.nodes:
        if isinstance(node, ast.Raise) and node.exc is not None and "NotImplementedError" in ast.dump(node.exc):
            yield f"{place}: raises NotImplementedError"


def unnamed_columns(file: SourceFile) -> Iterator[str]:
    """Find queries that change their meaning when a migration adds a column."""
    for place, node in file.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"\bSELECT\s+\*", node.value):
            yield f"{place}: SELECT *; name the columns"


def swallowed(file: SourceFile) -> Iterator[str]:
    """Find errors of any kind that are caught and ignored."""
    for place, node in file.nodes:
        if isinstance(node, ast.ExceptHandler):
            any_error = node.type is None or dotted(node.type) in {"Exception", "BaseException"}
            if any_error and all(isinstance(step, ast.Pass | ast.Continue) for step in node.body):
                yield f"{place}: catches everything and goes on"


def registries(file: SourceFile) -> Iterator[str]:
    """Find names of package registries: what needs one by name can't be installed elsewhere."""
    for place, line in file.lines():
        if REGISTRIES.search(line):
            yield f"{place}: names a package registry"


def homes(file: SourceFile) -> Iterator[str]:
    """Find paths that exist only on somebody's own machine."""
    for place, line in file.lines():
        if HOMES.search(line):
            yield f"{place}: contains a path of somebody's own machine"


Check = Callable[[SourceFile], Iterator[str]]
OF_PYTHON: tuple[Check, ...] = (
    long_functions, long_modules, floats, clock_and_chance, sleeps_and_patches, open_ends, unnamed_columns, swallowed,
)  # fmt: skip
OF_ALL: tuple[Check, ...] = (registries, homes)


def tracked() -> Iterator[SourceFile]:
    """Return every tracked text file, as it is now."""
    listed = subprocess.run(LIST_TRACKED, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if not path.is_file():
            continue  # removed and not yet committed
        try:
            yield SourceFile(name, path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue  # not text


def findings(check: Check, files: list[SourceFile]) -> list[str]:
    """Return what a check finds in those files that it applies to."""
    fit = [file for file in files if not LOOKOUTS.search(file.path) and (check in OF_ALL or file.is_python)]
    return [found for file in fit for found in check(file)]


def main() -> int:
    """Print every finding; the exit code is 0 when there is none."""
    files = list(tracked())
    found = [line for check in (*OF_PYTHON, *OF_ALL) for line in findings(check, files)]
    print("\n".join(found) if found else f"{len(files)} files are tidy")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
