"""The documented metrics and spans are those of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.metric_catalog import DOCUMENT, documented_metrics

ROOT = Path(__file__).parent.parent.parent
SOURCES = [
    *ROOT.glob("services/*/src/**/*.py"),
    *ROOT.glob("libs/chassis/src/**/*.py"),
    *ROOT.glob("libs/eventlog/src/**/*.py"),
]
KINDS = {
    "counter_from_zero": "counter",
    "create_gauge": "gauge",
    "create_histogram": "histogram",
    "create_observable_gauge": "gauge",
}
UNIT_ENDINGS = {"s": "_seconds", "By": "_bytes"}
# The one place that may make a counter that does not exist at 0.
MAKER = ROOT / "libs/chassis/src/chassis/telemetry.py"


def instruments() -> Iterator[tuple[str, str, str]]:
    """Give name, kind and unit of every instrument that the code makes."""
    for source in SOURCES:
        if source == MAKER:
            continue
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and re.match(
                r"create_\w*(counter|gauge|histogram)|counter_from", _name(node)
            ):
                kind = KINDS.get(_name(node), f"{_name(node)} in {source.name}, which is not among those documented")
                arguments = node.args[1:] if _name(node) == "counter_from_zero" else node.args
                unit = next((word.value for word in node.keywords if word.arg == "unit"), None)
                if unit is None:
                    unit = next(text for text in arguments[1:] if isinstance(text, ast.Constant))
                for name in _names(arguments[0]):
                    yield name, kind, str(ast.literal_eval(unit))


def _name(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _names(first: ast.expr) -> list[str]:
    if isinstance(first, ast.JoinedStr):
        # Calls are measured on both sides, under names that differ by the side.
        parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in first.values]
        return ["".join(map(str, parts)).format(side) for side in ("server", "client")]
    return [str(ast.literal_eval(first))]


def test_every_metric_is_documented_with_its_kind_and_unit_and_every_documented_metric_exists() -> None:
    documented = [(metric.name, metric.kind, metric.unit) for metric in documented_metrics()]

    assert sorted(documented) == sorted(instruments())


def test_every_metric_is_documented_under_the_name_that_prometheus_has() -> None:
    for metric in documented_metrics():
        name = metric.name.replace(".", "_")
        ending = UNIT_ENDINGS.get(metric.unit, "")
        if not name.endswith(ending):
            name += ending
        assert metric.prometheus == name + ("_total" if metric.kind == "counter" else "")


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

    assert f"| `{span}` |" in DOCUMENT.read_text(encoding="utf-8")
    assert any(f'"{span}"' in source for source in sources)
