"""The table of docs/security.md is true: each threat stands there once, and each test that it names is there."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest

import tidy

NOT_BUILT: Final = "nothing of this kind is built yet"
# What the code would hold if that which a threat is about were built; then its row needs another word, and a test.
SIGNS: Final = {
    "S15": r"csv\.writer|DictWriter|write_csv",
    "S16": r"jinja2|weasyprint|typst|reportlab|<html|<svg",
    "S17": r"httpx|aiohttp|requests\.|urllib\.request|http\.client|webhook",
    "S18": r"webhook",
    "S19": r"set-cookie|frame-ancestors|text/html",
    "S23": r"\berase|\bforget_customer",
}
_SOURCES: Final = re.compile(r"^(services|libs)/(?!contracts/|testkit/)[^/]+/src/.*\.py$")


@dataclass(frozen=True)
class Row:
    """What the table says of one threat."""

    number: str
    tests: list[str]
    state: str


def rows() -> list[Row]:
    text = (tidy.ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| S")]
    return [Row(number, re.findall(r"`([^`]+)`", tests), state) for number, _, _, tests, state in cells]


@cache
def collected_from(path: Path) -> set[str]:
    """Names of the test functions that pytest collects from a file."""
    if not (path.name.startswith("test_") and path.suffix == ".py" and path.exists()):
        return set()
    body = ast.parse(path.read_text(encoding="utf-8")).body
    functions = (node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


def test_every_threat_stands_there_once_and_in_order() -> None:
    assert [row.number for row in rows()] == [f"S{number}" for number in range(1, 28)]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.number)
def test_a_threat_has_tests_or_says_that_nothing_of_its_kind_is_built(row: Row) -> None:
    missing = [
        name for name in row.tests if name.partition("::")[2] not in collected_from(tidy.ROOT / name.partition("::")[0])
    ]

    assert missing == []
    assert bool(row.tests) is (row.state != NOT_BUILT)
    assert row.state.startswith(("held", "partly: ", NOT_BUILT))


@pytest.mark.parametrize("row", [row for row in rows() if row.state == NOT_BUILT], ids=lambda row: row.number)
def test_what_is_said_not_to_be_built_is_not(row: Row, files: list[tidy.SourceFile]) -> None:
    sources = [file for file in files if _SOURCES.match(file.path)]
    if row.number == "S17":
        # The command line calls what its user names; the threat is a server that calls what a stranger names.
        sources = [file for file in sources if not file.path.startswith("libs/meterline/")]

    assert sources
    assert [file.path for file in sources if re.search(SIGNS[row.number], file.text, re.IGNORECASE)] == []
