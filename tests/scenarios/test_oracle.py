"""The oracle itself, against figures worked out by hand from the CSV, and against its own promise of independence."""

from __future__ import annotations

import ast
import csv
from fractions import Fraction
from pathlib import Path

import pytest

from testkit import oracle as oracle_package
from testkit.oracle import Oracle
from testkit.oracle.exact import decimal_text, round_half_away
from testkit.oracle.prices import cost_of

ROOT = Path(__file__).resolve().parents[2]
OURS = {file.parent.name for file in ROOT.glob("*/*/src/*/py.typed")} - {"buf", "testkit"}


def test_an_airline_month_worked_out_by_hand_gives_the_same_invoice(oracle: Oracle) -> None:
    # United, January: 4,637 flights, 980,893 min, 548 aircraft, worst departure 385 min late.
    # 90,000 x 0.05 + 880,893 x 0.04 = 39,735.72; 538 x 25 = 13,450; 4,637 x 0.2435 + 45.50 = 1,174.6095;
    # 180 x 0.125 + 15 + 145 x 0.333 + 75 = 160.785, which rounds away from zero.
    invoice = oracle.invoices["UA", "2013-01"]

    assert [(line["item"], line["quantity"], line["amount"]) for line in invoice["lines"]] == [
        ("Base fee", "1", "500.00"),
        ("Air minutes", "980893", "39735.72"),
        ("Aircraft", "548", "13450.00"),
        ("Flights", "4637", "1174.61"),
        ("Worst delay", "385", "160.79"),
    ]
    assert invoice["total"] == "55021.12"
    assert invoice["period"] == {"start": "2013-01-01T05:00:00Z", "end": "2013-02-01T05:00:00Z"}


def test_a_month_without_flights_costs_the_fixed_fee_and_the_minimum(oracle: Oracle) -> None:
    invoice = oracle.invoices["OO", "2013-02"]

    assert [(line["quantity"], line["amount"]) for line in invoice["lines"]] == [
        ("1", "149.99"),
        ("0", "0.00"),
        ("0", "60.00"),
        ("0", "0.00"),
    ]


def test_quantities_agree_with_a_plain_loop_over_the_file(oracle: Oracle, flights: Path) -> None:
    minutes: dict[tuple[str, ...], int] = {}
    with flights.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["air_time"] != "NA":
                key = (row["carrier"], f"2013-{int(row['month']):02d}")
                minutes[key] = minutes.get(key, 0) + int(row["air_time"])

    assert {key: int(quantity) for key, quantity in oracle.quantities["air-minutes"].items()} == minutes
    assert len(oracle.invoices) == 192
    assert oracle.parked == {"flights": 0, "air-minutes": 9430, "aircraft": 2512, "worst-delay": 8255}


@pytest.mark.parametrize(
    ("quantity", "price", "amount"),
    [
        (
            "150",
            {"graduated": {"tiers": [{"upTo": "10", "unit": "0"}, {"upTo": "100", "unit": "0.05"}, {"unit": "0.04"}]}},
            "6.5",
        ),
        ("100", {"volume": {"tiers": [{"upTo": "100", "unit": "0.05"}, {"unit": "0.04", "flat": "3"}]}}, "5"),
        ("100.5", {"volume": {"tiers": [{"upTo": "100", "unit": "0.05"}, {"unit": "0.04", "flat": "3"}]}}, "7.02"),
        ("2001", {"package": {"size": "1000", "unit": "1.50"}}, "4.5"),
        ("2000", {"package": {"size": "1000", "unit": "1.50"}}, "3"),
        ("12", {"perUnit": "25", "included": "10", "minimum": "100"}, "100"),
        ("0", {"graduated": {"tiers": [{"unit": "1", "flat": "7"}]}}, "0"),
        ("0", {"perUnit": "25", "minimum": "100"}, "100"),
    ],
)
def test_the_published_rules(quantity: str, price: dict[str, object], amount: str) -> None:
    assert decimal_text(cost_of(Fraction(quantity), price).amount) == amount


@pytest.mark.parametrize(
    ("value", "rounded"), [("2.345", "2.35"), ("-2.345", "-2.35"), ("2.3449", "2.34"), ("0.005", "0.01"), ("0", "0.00")]
)
def test_halves_are_rounded_away_from_zero(value: str, rounded: str) -> None:
    assert decimal_text(round_half_away(Fraction(value), 2), 2) == rounded


def test_what_has_no_exact_text_is_refused() -> None:
    with pytest.raises(ValueError, match="1/3 has no exact decimal text"):
        decimal_text(Fraction(1, 3))


def test_the_oracle_imports_nothing_of_meterline() -> None:
    folder = Path(str(oracle_package.__file__)).parent
    imported = set()
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).partition(".")[0])

    assert not imported & OURS
