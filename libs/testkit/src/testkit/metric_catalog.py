"""The catalog of metrics in docs/telemetry.md, read back, so that tests hold code, rules and dashboards against it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from testkit.flights import ROOT

DOCUMENT: Final = ROOT / "docs/telemetry.md"
_CODE = re.compile(r"`([^`]+)`")
_NONE: Final = "\N{EN DASH}"
_ANYWHERE = ("rpc.", "db.", "process.", "metering.build.")
_HISTOGRAM_ENDINGS = ("_bucket", "_count", "_sum")
_FEED_READERS = ("aggregator", "rating")


@dataclass(frozen=True)
class CatalogMetric:
    """One row of the catalog.

    `kind` is counter, gauge or histogram. `attributes` holds the values of each attribute; none if they are not known.
    """

    name: str
    prometheus: str
    kind: str
    unit: str
    attributes: Mapping[str, tuple[str, ...]]
    says: str
    alert: str

    @property
    def series(self) -> frozenset[str]:
        """Names of its series in Prometheus."""
        if self.kind == "histogram":
            return frozenset(self.prometheus + ending for ending in _HISTOGRAM_ENDINGS)
        return frozenset({self.prometheus})

    @property
    def labels(self) -> frozenset[str]:
        """Names of its labels in Prometheus; every series names its service."""
        own = {label_of(attribute) for attribute in self.attributes} | {"service_name"}
        return frozenset(own | {"le"} if self.kind == "histogram" else own)

    def is_of(self, service: str) -> bool:
        """Return whether `service` has it."""
        if self.name.startswith("feed."):
            return service in _FEED_READERS
        return self.name.startswith((*_ANYWHERE, f"metering.{service}."))


def label_of(attribute: str) -> str:
    """Return an attribute's name in Prometheus."""
    return attribute.replace(".", "_")


def documented_metrics() -> list[CatalogMetric]:
    """Return the rows of the catalog."""
    section = DOCUMENT.read_text(encoding="utf-8").partition("\n## Metrics\n")[2].partition("\n## ")[0]
    rows = (line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `"))
    return [_metric(*(cell.strip() for cell in row)) for row in rows]


def _metric(name: str, prometheus: str, kind: str, unit: str, attributes: str, says: str, alert: str) -> CatalogMetric:
    if kind not in ("counter", "gauge", "histogram"):
        raise ValueError(f"{name} is of the unknown kind {kind}")
    named = alert if alert != _NONE else ""
    return CatalogMetric(name.strip("`"), prometheus.strip("`"), kind, unit, _attributes(attributes), says, named)


def _attributes(cell: str) -> dict[str, tuple[str, ...]]:
    """Read "`first`, `second`: `value`, `other`": what has a dot is an attribute, what has none a value of the last."""
    found: dict[str, tuple[str, ...]] = {}
    last = ""
    for text in _CODE.findall(cell):
        if "." in text:
            last = text
            found[last] = ()
        elif " " not in text:
            found[last] = (*found[last], text)
    return found
