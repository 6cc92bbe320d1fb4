"""The story of one event, executable: reported, counted, priced, invoiced, traced back; and one that comes late."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from testkit.live import Tenant

CATALOG = """
kind: Meter
metadata: {name: sms}
spec: {eventTypes: [sms.sent], aggregation: SUM, value: parts, groupBy: [country], unit: part}
---
kind: Plan
metadata: {name: messaging}
spec:
  currency: EUR
  items:
    - {name: Base fee, fixed: {amount: "9.90"}}
    - name: Messages
      meter: sms
      price: {graduated: {tiers: [{upTo: "10", unit: "0"}, {upTo: "100", unit: "0.0525"}, {unit: "0.0415"}]}}
---
kind: Customer
metadata: {name: acme}
spec: {displayName: Acme Ltd., currency: EUR}
---
kind: Contract
metadata: {name: acme-2024}
spec: {customer: acme, plan: messaging, start: "2024-01-01", interval: MONTH, timeZone: Europe/Vienna}
"""


def sms(event_id: str, time: str, parts: str) -> dict[str, Any]:
    return {
        "id": event_id,
        "source": "gateway",
        "type": "sms.sent",
        "customer": "acme",
        "time": time,
        "properties": {"parts": parts, "country": "AT"},
    }


# 31 January, 23:30 in Vienna: by UTC still January, and so it is by the contract.
JANUARY = [
    sms("a", "2024-01-01T00:00:00Z", "60"),
    sms("b", "2024-01-15T12:00:00.123456Z", "47.5"),
    sms("c", "2024-01-31T22:30:00Z", "1"),
]
# Half an hour after midnight in Vienna: by UTC January, by the contract February.
FEBRUARY = sms("d", "2024-01-31T23:30:00Z", "30")
LATE = sms("e", "2024-01-20T08:00:00Z", "2.5")


@pytest.fixture(scope="module")
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("story")
    tenant.apply(CATALOG)
    return tenant


@pytest.fixture(scope="module")
def january(tenant: Tenant) -> dict[str, Any]:
    """January's invoice, after its usage has been reported, twice."""
    assert tenant.report(*JANUARY, FEBRUARY)["accepted"] == 4
    assert tenant.report(*JANUARY, FEBRUARY)["duplicates"] == 4
    (invoice,) = tenant.json("invoice", "finalize", "--period", "2024-01")
    return dict(invoice)


@pytest.fixture(scope="module")
def cost_of_january(tenant: Tenant, january: dict[str, Any]) -> dict[str, Any]:
    """What January costs by day and country, before anything of it comes late."""
    assert january["number"]
    asked = ("--period", "2024-01", "--window", "day", "--group-by", "country")
    return dict(tenant.json("cost", "acme", *asked))


@pytest.fixture(scope="module")
def february(tenant: Tenant, cost_of_january: dict[str, Any]) -> dict[str, Any]:
    """February's invoice, after an event of January came late."""
    assert cost_of_january["rows"]
    assert tenant.report(LATE)["accepted"] == 1
    (invoice,) = tenant.json("invoice", "finalize", "--period", "2024-02")
    return dict(invoice)


def test_usage_becomes_an_invoice_of_exact_lines(january: dict[str, Any]) -> None:
    # 108.5 parts: 10 free, 90 at 0.0525, 8.5 at 0.0415: 4.725 + 0.35275 = 5.07775.
    fee, messages = january["lines"]

    assert (fee["item"], fee["amount"]) == ("Base fee", "9.90")
    assert (messages["quantity"], messages["exactAmount"], messages["amount"]) == ("108.5", "5.07775", "5.08")
    assert [(tier["upTo"], tier["quantity"], tier["unitPrice"], tier["amount"]) for tier in messages["tiers"]] == [
        ("10", "10", "0", "0"),
        ("100", "90", "0.0525", "4.725"),
        (None, "8.5", "0.0415", "0.35275"),
    ]
    assert january["total"] == "14.98"
    assert january["period"] == {"start": "2023-12-31T23:00:00Z", "end": "2024-01-31T23:00:00Z"}


def test_a_line_explains_itself_down_to_its_events(tenant: Tenant, january: dict[str, Any]) -> None:
    line = january["lines"][1]

    explained = tenant.json("explain", line["id"], "--events")

    assert explained["line"] == line
    assert explained["charge"]["exactAmount"] == line["exactAmount"]
    assert explained["snapshot"]["id"] == line["snapshotId"]
    windows = explained["snapshot"]["windows"]
    assert sum(Decimal(window["quantity"]) for window in windows) == Decimal(line["quantity"])
    assert {event["event"]["id"]: event["value"] for event in explained["events"]} == {"a": "60", "b": "47.5", "c": "1"}
    assert all(event["acceptedTraceparent"] for event in explained["events"])


def test_the_same_id_with_another_body_is_a_conflict_and_the_first_one_stands(
    tenant: Tenant, january: dict[str, Any]
) -> None:
    other = {**JANUARY[0], "properties": {"parts": "61", "country": "AT"}}

    result = tenant.report(other, expected=(7,))

    assert (result["accepted"], [conflict["id"] for conflict in result["conflicts"]]) == (0, ["a"])
    assert tenant.json("invoice", "show", january["number"]) == january


def test_late_usage_becomes_an_adjustment_on_the_next_invoice(
    january: dict[str, Any], february: dict[str, Any]
) -> None:
    # 111 parts cost 4.725 + 0.4565 = 5.1815, rounded 5.18; 5.08 was billed.
    fee, messages, adjustment = february["lines"]

    assert (fee["amount"], messages["quantity"], messages["amount"]) == ("9.90", "30", "1.05")
    assert (adjustment["kind"], adjustment["item"]) == ("adjustment", "Messages")
    assert (adjustment["quantity"], adjustment["amount"]) == ("2.5", "0.10")
    assert adjustment["adjustsLineId"] == january["lines"][1]["id"]
    assert adjustment["period"] == january["period"]
    assert february["total"] == "11.05"


def test_an_adjustment_lists_the_events_that_came_late(tenant: Tenant, february: dict[str, Any]) -> None:
    explained = tenant.json("explain", february["lines"][2]["id"], "--events")

    assert [(event["event"]["id"], event["value"]) for event in explained["events"]] == [("e", "2.5")]


def test_an_invoice_stays_as_it_was_whatever_comes_later(
    tenant: Tenant, january: dict[str, Any], february: dict[str, Any]
) -> None:
    assert tenant.json("invoice", "show", january["number"]) == january
    assert tenant.json("invoice", "finalize", "--period", "2024-01") == [january]
    assert tenant.json("invoice", "finalize", "--period", "2024-02") == [february]


def test_the_next_invoice_does_not_adjust_what_was_adjusted(tenant: Tenant, february: dict[str, Any]) -> None:
    assert february["number"]

    (march,) = tenant.json("invoice", "finalize", "--period", "2024-03")

    assert [line["kind"] for line in march["lines"]] == ["fixed", "usage"]
    assert march["total"] == "9.90"


def test_another_tenant_sees_nothing_of_it(make_tenant: Callable[[str], Tenant], january: dict[str, Any]) -> None:
    stranger = make_tenant("stranger")

    assert stranger.json("invoice", "list") == []
    refused = stranger.run("invoice", "show", january["number"], expected=(3,))
    assert "INVOICE_NOT_FOUND" in refused.stderr


def test_the_cost_of_each_day_and_country_adds_up_to_the_lines(
    tenant: Tenant, january: dict[str, Any], cost_of_january: dict[str, Any]
) -> None:
    rows = cost_of_january["rows"]

    messages = [row for row in rows if row["item"] == "Messages"]
    assert [(row["window"]["start"][:10], row["group"], row["quantity"], row["amount"]) for row in messages] == [
        ("2023-12-31", {"country": "AT"}, "60", "2.63"),
        ("2024-01-14", {"country": "AT"}, "47.5", "2.41"),
        ("2024-01-30", {"country": "AT"}, "1", "0.04"),
    ]
    for line in january["lines"]:
        of_item = [Decimal(row["amount"]) for row in rows if row["item"] == line["item"]]
        assert sum(of_item) == Decimal(line["amount"])
    assert len(rows) == 31 + 3


def test_one_invoice_and_its_lines_are_verified(
    tenant: Tenant, january: dict[str, Any], february: dict[str, Any]
) -> None:
    for invoice in (january, february):
        verified = tenant.json("invoice", "verify", invoice["number"])

        assert (verified["problems"], verified["digest"], verified["chain"]) == (
            [],
            invoice["digest"],
            invoice["chain"],
        )
        assert verified["lineCount"] == len(invoice["lines"])
    by_number = tenant.json("invoice", "list")
    assert tenant.json("invoice", "list", "--newest-first") == by_number[::-1]
