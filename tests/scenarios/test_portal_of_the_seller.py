"""The seller's pages over the whole suite: what they add up is what the invoices and drafts say, digit by digit."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from testkit.live import Tenant
from testkit.wait import wait_until

CATALOG = """
kind: Meter
metadata: {name: sms}
spec: {eventTypes: [sms.sent], aggregation: SUM, value: parts, unit: part}
---
kind: Plan
metadata: {name: messaging}
spec:
  currency: EUR
  items:
    - {name: Base fee, fixed: {amount: "9.90"}}
    - {name: Messages, meter: sms, price: {perUnit: "0.0333"}}
---
kind: Plan
metadata: {name: bulk}
spec:
  currency: USD
  items:
    - {name: Messages, meter: sms, price: {perUnit: "0.0111"}}
"""
CUSTOMER = """
kind: Customer
metadata: {{name: {key}}}
spec: {{displayName: {key} Ltd., currency: {currency}}}
---
kind: Contract
metadata: {{name: {key}-2024}}
spec: {{customer: {key}, plan: {plan}, start: "2024-01-01", end: "2024-03-01", interval: MONTH, timeZone: UTC}}
"""
CUSTOMERS = {"acme": ("messaging", "EUR"), "beta": ("messaging", "EUR"), "gamma": ("bulk", "USD")}
MONTHS = ("2024-01", "2024-02")


def sms(customer: str, number: int, month: str, parts: str | None = "7.25") -> dict[str, Any]:
    return {
        "id": f"{customer}-{month}-{number}",
        "source": "gateway",
        "type": "sms.sent",
        "customer": customer,
        "time": f"{month}-1{number}T12:00:00Z",
        "properties": {} if parts is None else {"parts": parts},
    }


@pytest.fixture(scope="module")
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    """January is billed and February is not; one event is parked, and one is of a customer that nobody knows."""
    tenant = make_tenant("seller")
    contracts = (CUSTOMER.format(key=key, plan=plan, currency=currency) for key, (plan, currency) in CUSTOMERS.items())
    tenant.apply("---".join((CATALOG, *contracts)))
    known = (sms(customer, number, month) for customer in CUSTOMERS for month in MONTHS for number in range(5))
    tenant.report(*known, sms("acme", 9, "2024-02", None), sms("nobody", 1, "2024-02"))
    wait_until(lambda: tenant.json("invoice", "finalize", "--period", MONTHS[0]), 60, what="January to be final")
    return tenant


@pytest.fixture(scope="module")
def seller(tenant: Tenant) -> Iterator[httpx.Client]:
    """Somebody of the seller, with the token that the command's link carries."""
    address, _, token = tenant.json("portal", "seller")["url"].partition("/seller#")
    with httpx.Client(base_url=f"{address}/api/v1", timeout=30) as client:
        client.headers["authorization"] = f"Bearer {token}"
        yield client


def ask(client: httpx.Client, path: str, **parameters: Any) -> Any:
    answer = client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def bills(tenant: Tenant) -> dict[str, list[dict[str, Any]]]:
    """The invoices and drafts of each month, by the commands."""
    drafts = [
        tenant.json("invoice", "preview", "--contract", f"{key}-2024", "--period", MONTHS[1]) for key in CUSTOMERS
    ]
    return {MONTHS[0]: tenant.json("invoice", "list", "--period", MONTHS[0]), MONTHS[1]: drafts}


@pytest.mark.parametrize("cut", ["customer", "item", "plan"])
@pytest.mark.parametrize("count", [1, 2])
def test_revenue_is_what_invoices_and_drafts_come_to(
    tenant: Tenant, seller: httpx.Client, bills: dict[str, list[dict[str, Any]]], cut: str, count: int
) -> None:
    months = MONTHS[-count:]
    found = [bill for month, listed in bills.items() if month in months for bill in listed]

    told = ask(seller, "/operator/revenue", billingPeriod=MONTHS[1], months=count, by=cut)

    wanted = {
        currency: sum((Decimal(one["total"]) for one in found if one["currency"] == currency), Decimal(0))
        for currency in ("EUR", "USD")
    }
    rows = {
        currency: sum((Decimal(row["amount"]) for row in told["rows"] if row["currency"] == currency), Decimal(0))
        for currency in wanted
    }
    assert {total["currency"]: Decimal(total["amount"]) for total in told["totals"]} == wanted == rows
    assert sum(total["drafts"] for total in told["totals"]) == len(CUSTOMERS)
    assert sum(total["invoices"] for total in told["totals"]) == len(CUSTOMERS) * (count - 1)


@pytest.mark.parametrize("cut", ["customer", "item", "plan"])
def test_the_command_tells_the_revenue_that_the_page_shows(tenant: Tenant, seller: httpx.Client, cut: str) -> None:
    told = ask(seller, "/operator/revenue", billingPeriod=MONTHS[1], months=2, by=cut)
    asked = ("revenue", "--period", MONTHS[1], "--months", "2", "--by", cut)
    by_command = tenant.json(*asked)
    header, *lines = csv.reader(tenant.run(*asked, "-o", "csv").stdout.splitlines())

    columns = ("key", "currency", "amount")
    shown = [[row[column] for column in columns] for row in told["rows"]]
    assert [[row[column] for column in columns] for row in by_command["rows"]] == shown
    totals = [[one["currency"], one["amount"]] for one in told["totals"]]
    assert [[one["currency"], one["amount"]] for one in by_command["totals"]] == totals
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    assert [[row[column] for column in columns] for row in rows] == shown


def test_customers_have_the_totals_of_their_invoices_and_drafts(
    seller: httpx.Client, bills: dict[str, list[dict[str, Any]]]
) -> None:
    listed = {one["key"]: one for one in ask(seller, "/operator/customers")["customers"]}
    by_month = {month: {one["customer"]: one["total"] for one in found} for month, found in bills.items()}

    assert {key: one["live"]["total"] for key, one in listed.items()} == by_month[MONTHS[1]]
    assert {key: one["trend"] for key, one in listed.items()} == {k: [v] for k, v in by_month[MONTHS[0]].items()}
    assert {flag for one in listed.values() for flag in one["flags"]} == {"noContract"}


@pytest.mark.parametrize(("words", "found"), [((), [*CUSTOMERS]), (("LT", "bet"), ["beta"]), (("eta",), [])])
def test_customers_are_found_by_the_beginnings_of_words(
    tenant: Tenant, seller: httpx.Client, words: tuple[str, ...], found: list[str]
) -> None:
    told = tenant.json("customers", *words)
    page = ask(seller, "/operator/customers", search=" ".join(words))["customers"]

    assert [one["name"] for one in told] == [one["key"] for one in page] == found


def test_what_no_invoice_will_have_is_what_the_command_lists(tenant: Tenant, seller: httpx.Client) -> None:
    told = ask(seller, "/operator/unbilled")["rows"]
    wanted = tenant.json("unbilled")["rows"]

    columns = ("customer", "meter", "reason", "eventCount", "quantity", "billingPeriod")
    assert [[row[column] for column in columns] for row in told] == [
        [row[column] for column in columns] for row in wanted
    ]
    assert {row["reason"] for row in told} == {"PARKED", "UNKNOWN_CUSTOMER"}


def test_the_catalog_has_every_plan_and_its_contracts(seller: httpx.Client) -> None:
    plans = {one["name"]: one for one in ask(seller, "/operator/catalog")["plans"]}

    assert {name: {one["customer"] for one in plan["contracts"]} for name, plan in plans.items()} == {
        "messaging": {"acme", "beta"},
        "bulk": {"gamma"},
    }
    prices = {item["item"]: (item["model"], item["unitPrice"]) for item in plans["messaging"]["versions"][0]["items"]}
    assert prices["Messages"] == ("perUnit", "0.0333")


def test_who_looked_as_whom_and_why_is_in_the_list_and_in_the_audit_trail(tenant: Tenant, seller: httpx.Client) -> None:
    body = {"customer": "acme", "kind": "operator", "reason": "ticket 4711"}
    made = seller.post("/operator/sessions", json=body).json()
    address, _, code = made["url"].partition("/l/")
    with httpx.Client(base_url=address, timeout=30) as browser:
        opened = browser.post(f"/l/{code}")
        cookie = {"cookie": f"__Host-meterline={SimpleCookie(opened.headers['set-cookie'])['__Host-meterline'].value}"}
        told = browser.get("/api/v1/session", headers=cookie).json()
        assert seller.delete(f"/operator/sessions/{made['id']}").status_code == 204

    (row,) = [one for one in ask(seller, "/operator/sessions", ended=True)["sessions"] if one["id"] == made["id"]]
    methods = [one["method"] for one in tenant.json("audit", "list", "--service", "portal")["records"]]
    assert told["actingFor"]["reason"] == row["reason"] == "ticket 4711"
    assert (row["customer"], row["isOver"], row["redeemedAt"] is not None) == ("acme", True, True)
    assert [method.rpartition("/")[2] for method in methods][-2:] == ["CreateSession", "RevokeSession"]
    tenant.run("audit", "verify")
