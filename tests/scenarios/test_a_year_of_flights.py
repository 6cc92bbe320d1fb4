"""The whole line in real processes: 336,776 real flights in, 192 invoices out, each equal to the oracle's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from testkit.flights import FLIGHT_COUNT
from testkit.live import Tenant
from testkit.oracle import Oracle, comparable
from testkit.oracle.invoices import MONTHS

pytestmark = pytest.mark.timeout(600)  # the first test imports and bills the year


@dataclass(frozen=True)
class BilledYear:
    """The tenant after the year was imported and billed, with what the commands said."""

    tenant: Tenant
    imported: dict[str, Any]
    invoices: dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def billed(make_tenant: Callable[[str], Tenant], catalog: Path, import_map: Path, flights: Path) -> BilledYear:
    tenant = make_tenant("airlines")
    tenant.run("apply", "-f", catalog)
    imported = tenant.json("import", flights, "--map", import_map, "--backfill")
    finalized = [invoice for month in MONTHS for invoice in tenant.json("invoice", "finalize", "--period", month)]
    return BilledYear(tenant, imported, {(each["customer"], each["billingPeriod"]): each for each in finalized})


def test_every_flight_is_accepted_once(billed: BilledYear) -> None:
    assert billed.imported == {"accepted": FLIGHT_COUNT, "duplicates": 0, "conflicts": [], "refused": []}


def test_every_invoice_equals_the_oracle_to_the_last_digit(billed: BilledYear, oracle: Oracle) -> None:
    assert {key: comparable(invoice) for key, invoice in billed.invoices.items()} == oracle.invoices


def test_a_total_is_the_sum_of_the_lines_as_printed(billed: BilledYear) -> None:
    for invoice in billed.invoices.values():
        assert Fraction(invoice["total"]) == sum(Fraction(line["amount"]) for line in invoice["lines"])


def test_invoice_numbers_have_no_gap_and_the_chain_holds(billed: BilledYear) -> None:
    numbers = sorted(invoice["number"] for invoice in billed.invoices.values())

    assert numbers == [f"INV-{ordinal:06d}" for ordinal in range(1, len(billed.invoices) + 1)]
    verified = billed.tenant.json("invoice", "verify")
    assert (verified["invoiceCount"], verified["problems"]) == (192, [])


@pytest.mark.parametrize("meter", ["flights", "air-minutes", "aircraft", "worst-delay"])
def test_usage_by_month_and_origin_equals_the_oracle(billed: BilledYear, oracle: Oracle, meter: str) -> None:
    span = ["--from", "2013-01-01", "--to", "2014-01-01", "--tz", "America/New_York", "--window", "month"]
    usage = billed.tenant.json("usage", meter, *span, "--group-by", "origin")

    # A New York month begins at 04:00 or 05:00 UTC of its first day, so the UTC date names it.
    found = {
        (row["customer"], row["window"]["start"][:7], row["group"]["origin"]): Fraction(row["quantity"])
        for row in usage["rows"]
    }
    assert found == oracle.quantities_by_origin[meter]


@pytest.mark.parametrize("meter", ["air-minutes", "aircraft", "worst-delay"])
def test_what_lacks_its_value_is_parked_with_the_reason(billed: BilledYear, oracle: Oracle, meter: str) -> None:
    parked = billed.tenant.json("get", "parked", meter)

    assert len(parked) == oracle.parked[meter]
    assert {event["reason"] for event in parked} == {"VALUE_MISSING"}


@pytest.mark.parametrize("customer", ["HA", "OO"])
def test_the_listed_events_of_every_line_give_its_quantity(billed: BilledYear, customer: str) -> None:
    for line in billed.invoices[customer, "2013-09"]["lines"]:
        if not line["meter"]:
            continue
        events = billed.tenant.json("explain", line["id"], "--events")["events"]

        values = [event["value"] for event in events]
        assert len(events) == line["eventCount"]
        assert quantity_of(line["meter"], values) == Fraction(line["quantity"])
        assert {event["event"]["customer"] for event in events} == {customer}


def quantity_of(meter: str, values: list[str]) -> Fraction:
    """What a meter makes of the values that its events contributed."""
    if meter == "aircraft":
        return Fraction(len(set(values)))
    numbers = [Fraction(value) for value in values]
    return max(numbers) if meter == "worst-delay" else sum(numbers, Fraction(0))


def test_a_flight_of_the_last_evening_belongs_to_the_month_of_its_new_york_date(billed: BilledYear) -> None:
    # 2013-10-01T02:00:00Z is ten in the evening of 30 September in New York.
    line = next(line for line in billed.invoices["B6", "2013-09"]["lines"] if line["meter"] == "flights")
    events = billed.tenant.json("explain", line["id"], "--events")["events"]

    times = sorted(event["event"]["time"] for event in events)
    assert times[0] >= "2013-09-01T04:00:00Z"
    assert "2013-10-01T00:00:00Z" < times[-1] < "2013-10-01T04:00:00Z"


def test_finalizing_again_changes_nothing(billed: BilledYear) -> None:
    again = billed.tenant.json("invoice", "finalize", "--period", "2013-06")

    assert again == [billed.invoices[invoice["customer"], "2013-06"] for invoice in again]
    assert len(billed.tenant.json("invoice", "list")) == len(billed.invoices)
