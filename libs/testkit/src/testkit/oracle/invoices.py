"""The invoices that the demo's catalog and the flights must result in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

import yaml

from testkit.oracle.exact import decimal_text, round_half_away
from testkit.oracle.flights import FlightTable
from testkit.oracle.prices import Cost, Row, cost_of

MONTHS: Final = tuple(f"2013-{month:02d}" for month in range(1, 13))
_MINOR_UNITS: Final = {"USD": 2}
_LINE_FIELDS: Final = ("item", "meter", "quantity", "amount")
_TIER_FIELDS: Final = ("upTo", "quantity", "unitPrice", "flat", "amount")

Quantities = Mapping[tuple[str, ...], Fraction]


@dataclass(frozen=True)
class Oracle:
    """Every invoice by (customer, "YYYY-MM"), in the shape of the CLI's invoice JSON without number, ids and asOf."""

    invoices: Mapping[tuple[str, str], Mapping[str, Any]]
    quantities: Mapping[str, Quantities]
    quantities_by_origin: Mapping[str, Quantities]
    parked: Mapping[str, int]

    @classmethod
    def compute(cls, flights: Path, catalog: Path) -> Self:
        """Read the CSV and the catalog file, and bill every contract for every month of 2013."""
        documents = list(yaml.safe_load_all(catalog.read_text(encoding="utf-8")))
        meters = dict(_specs(documents, "Meter"))
        with FlightTable(flights) as table:
            quantities = {name: table.quantities(spec) for name, spec in meters.items()}
            by_origin = {name: table.quantities(spec, "origin") for name, spec in meters.items()}
            parked = {name: table.missing(spec["value"]) if "value" in spec else 0 for name, spec in meters.items()}
        return cls(_invoices(documents, quantities), quantities, by_origin, parked)


def comparable(invoice: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce an invoice of the CLI's JSON to what the oracle knows, as text: nothing is rounded or converted."""
    return {
        "customer": invoice["customer"],
        "currency": invoice["currency"],
        "period": dict(invoice["period"]),
        "lines": [_comparable_line(line) for line in invoice["lines"]],
        "total": invoice["total"],
    }


def _comparable_line(line: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: line.get(name) or "" for name in _LINE_FIELDS}
    tiers = [{name: tier.get(name) or "" for name in _TIER_FIELDS} for tier in line.get("tiers", [])]
    return {**fields, "tiers": tiers}


def _specs(documents: list[Mapping[str, Any]], kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for document in documents:
        if document["kind"] == kind:
            yield document["metadata"]["name"], document["spec"]


def _invoices(
    documents: list[Mapping[str, Any]], quantities: Mapping[str, Quantities]
) -> dict[tuple[str, str], Mapping[str, Any]]:
    plans = dict(_specs(documents, "Plan"))
    return {
        (contract["customer"], month): _invoice(contract, plans[contract["plan"]], month, quantities)
        for _, contract in _specs(documents, "Contract")
        for month in MONTHS
    }


def _invoice(
    contract: Mapping[str, Any], plan: Mapping[str, Any], month: str, quantities: Mapping[str, Quantities]
) -> dict[str, Any]:
    places = _MINOR_UNITS[plan["currency"]]
    lines, total = [], Fraction(0)
    for item in plan["items"]:
        quantity, cost = _priced(item, (contract["customer"], month), quantities)
        amount = round_half_away(cost.amount, places)
        total += amount
        lines.append(
            {
                "item": item["name"],
                "meter": item.get("meter", ""),
                "quantity": decimal_text(quantity),
                "amount": decimal_text(amount, places),
                "tiers": [_tier(row) for row in cost.rows],
            }
        )
    return {
        "customer": contract["customer"],
        "currency": plan["currency"],
        "period": _period(month, contract["timeZone"]),
        "lines": lines,
        "total": decimal_text(total, places),
    }


def _priced(
    item: Mapping[str, Any], key: tuple[str, str], quantities: Mapping[str, Quantities]
) -> tuple[Fraction, Cost]:
    if "fixed" in item:
        return Fraction(1), Cost(Fraction(item["fixed"]["amount"]), ())
    quantity = quantities[item["meter"]].get(key, Fraction(0))
    return quantity, cost_of(quantity, item["price"])


def _tier(row: Row) -> dict[str, str]:
    return {
        "upTo": "" if row.up_to is None else decimal_text(row.up_to),
        "quantity": decimal_text(row.quantity),
        "unitPrice": decimal_text(row.unit),
        "flat": decimal_text(row.flat) if row.flat else "",
        "amount": decimal_text(row.amount),
    }


def _period(month: str, zone: str) -> dict[str, str]:
    year, number = (int(part) for part in month.split("-"))
    following = (year, number + 1) if number < len(MONTHS) else (year + 1, 1)
    return {"start": _midnight(year, number, zone), "end": _midnight(*following, zone)}


def _midnight(year: int, month: int, zone: str) -> str:
    return datetime(year, month, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
