"""The documented metrics and spans are those of the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = (ROOT / "docs/telemetry.md").read_text(encoding="utf-8")
SOURCES = [
    *ROOT.glob("services/*/src/**/*.py"),
    *ROOT.glob("libs/chassis/src/**/*.py"),
    *ROOT.glob("libs/eventlog/src/**/*.py"),
]
INSTRUMENTS = re.compile(r"create_(counter|histogram|up_down_counter|gauge|observable_\w+)")


def first_texts(names: re.Pattern[str]) -> set[str]:
    """Give the first argument of every call of a function or method whose name matches."""
    found: set[str] = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and names.fullmatch(_name(node.func)) and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    return found


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def test_every_metric_is_documented_and_every_documented_metric_exists() -> None:
    in_code = first_texts(INSTRUMENTS) | {"rpc.server.call.duration", "rpc.client.call.duration"}
    rows = DOCUMENT.partition("## Metrics")[2].partition("## Logs")[0].splitlines()
    documented = {name for row in rows if row.startswith("| `") for name in re.findall(r"`([^`]+)`", row.split("|")[1])}

    assert documented == in_code


@pytest.mark.parametrize(
    ("service", "span"),
    [
        ("ingest", "publish usage"),
        ("aggregator", "process usage"),
        ("aggregator", "seal usage"),
        ("rating", "rate usage"),
        ("invoicing", "finalize invoice"),
        ("invoicing", "invoice line"),
    ],
)
def test_every_span_of_the_way_back_is_made_by_its_service(service: str, span: str) -> None:
    sources = [source.read_text(encoding="utf-8") for source in ROOT.glob(f"services/{service}/src/**/*.py")]

    assert f"| `{span}` |" in DOCUMENT
    assert any(f'"{span}"' in source for source in sources)
