"""A customer's pages over the whole suite: a link is opened, and every sum is that of the services, digit by digit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from testkit.live import Tenant
from testkit.otlp import OtlpReceiver, ReceivedSpan
from testkit.wait import wait_until

CATALOG = """
kind: Meter
metadata: {name: sms}
spec: {eventTypes: [sms.sent], aggregation: SUM, value: parts, groupBy: [country], unit: part}
---
kind: Meter
metadata: {name: countries}
spec: {eventTypes: [sms.sent], aggregation: COUNT_UNIQUE, value: country, unit: country}
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
    - {name: Countries, meter: countries, price: {perUnit: "1.5"}}
---
kind: Customer
metadata: {name: acme}
spec: {displayName: Acme Ltd., currency: EUR}
---
kind: Contract
metadata: {name: acme-2024}
spec:
  {customer: acme, plan: messaging, start: "2024-01-01", end: "2024-03-01", interval: MONTH, timeZone: Europe/Vienna}
"""
COUNTRIES = ("AT", "DE", "CH", "IT", "FR", "ES", "PL", "CZ", "HU", "SI")


def sms(number: int, day: str, parts: str) -> dict[str, Any]:
    return {
        "id": f"{day}-{number}",
        "source": "gateway",
        "type": "sms.sent",
        "customer": "acme",
        "time": f"{day}T23:30:00Z",
        "properties": {"parts": parts, "country": COUNTRIES[number]},
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }


@pytest.fixture(scope="module")
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("pages")
    tenant.apply(CATALOG)
    days = {"2024-01-03": 7, "2024-01-17": 7, "2024-01-31": 10, "2024-02-05": 10}
    tenant.report(*(sms(number, day, f"{number + 7}.25") for day, count in days.items() for number in range(count)))
    wait_until(lambda: tenant.json("invoice", "finalize", "--period", "2024-01"), 60, what="January to be final")
    return tenant


@pytest.fixture(scope="module")
def browser(tenant: Tenant) -> Iterator[httpx.Client]:
    """A browser in which the customer's link was opened."""
    made = tenant.json("portal", "link", "--customer", "acme")
    address, _, code = made["url"].partition("/l/")
    with httpx.Client(base_url=address, timeout=30) as client:
        opened = client.post(f"/l/{code}")
        assert (opened.status_code, opened.headers["location"]) == (303, "/")
        value = SimpleCookie(opened.headers["set-cookie"])["__Host-meterline"].value
        assert client.post(f"/l/{code}").status_code == 410
        client.headers["cookie"] = f"__Host-meterline={value}"
        yield client


def ask(browser: httpx.Client, path: str, **parameters: str) -> Any:
    answer = browser.get(f"/api/v1/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("month", ["2024-01", "2024-02"])
@pytest.mark.parametrize("window", ["day", "week", "month"])
def test_usage_and_cost_are_those_of_the_line(browser: httpx.Client, month: str, window: str) -> None:
    chosen = {"billingPeriod": month, "window": window, "groupBy": "country"}
    usage = ask(browser, "usage", meter="sms", **chosen)
    cost = ask(browser, "cost", item="Messages", **chosen)

    for shown in (usage, cost):
        assert shown["line"]["equals"], shown["line"]
        assert sum(Decimal(one["total"]) for one in shown["series"]) == Decimal(shown["total"])
        assert sum(Decimal(value) for value in shown["totals"] if value) == Decimal(shown["total"])
    assert usage["completeUntil"] is not None


def test_the_first_page_is_the_draft(tenant: Tenant, browser: httpx.Client) -> None:
    overview = ask(browser, "overview", billingPeriod="2024-02")
    (preview,) = [tenant.json("invoice", "preview", "--contract", "acme-2024", "--period", "2024-02")]

    assert overview["billSoFar"]["amount"] == preview["total"]
    waterfall = overview["waterfall"]
    steps = sum(Decimal(step["amount"]) for step in waterfall["steps"])
    assert Decimal(waterfall["from"]["amount"]) + steps == Decimal(waterfall["to"]["amount"])


def test_quantities_of_the_period_before_are_those_of_its_invoice(browser: httpx.Client) -> None:
    number = {one["billingPeriod"]: one["invoice"] for one in ask(browser, "periods")}["2024-01"]
    lines = {line["item"]: line for line in ask(browser, f"invoices/{number}")["lines"]}

    steps = ask(browser, "overview", billingPeriod="2024-02")["waterfall"]["steps"]

    before = {step["item"]: step["quantityBefore"] for step in steps}
    # A month has no more different countries than one of its days, however often each was seen.
    assert before["Countries"] == lines["Countries"]["quantity"] == "7"
    assert before["Messages"] == lines["Messages"]["quantity"]


@pytest.mark.parametrize("month", ["2024-01", "2024-02"])
def test_a_line_leads_to_its_events_and_their_traces(browser: httpx.Client, month: str) -> None:
    number = {one["billingPeriod"]: one["invoice"] for one in ask(browser, "periods")}[month] or "draft"
    invoice = ask(browser, f"invoices/{number}", billingPeriod=month)
    line = next(one for one in invoice["lines"] if one["meter"] == "sms")
    home = f"invoices/{number}/lines/{line['id']}"

    explained = ask(browser, f"{home}/explain", billingPeriod=month)
    assert explained["steps"][-1]["value"] == line["exactAmount"]
    assert sum(Decimal(day["quantity"]) for day in explained["days"]) == Decimal(line["quantity"])
    events: list[Any] = []
    page: Any = {"next": ""}
    while page["next"] is not None:
        page = ask(browser, f"{home}/events", billingPeriod=month, after=page["next"], limit="7")
        events += page["events"]
    assert len({event["id"] for event in events}) == len(events) == line["eventCount"] == page["total"]
    assert sum(Decimal(event["value"]) for event in events) == Decimal(line["quantity"])
    assert {event["traceId"] for event in events} == {"0af7651916cd43dd8448eb211c80319c"}


def test_proofs_are_sound(browser: httpx.Client) -> None:
    (listed,) = ask(browser, "invoices")["invoices"]
    invoice = ask(browser, f"invoices/{listed['number']}")

    checked = ask(browser, f"invoices/{listed['number']}/verify")
    assert (checked["ok"], checked["digest"], checked["chain"]) == (True, invoice["digest"], invoice["chain"])
    for line in invoice["lines"]:
        counted = ask(browser, f"invoices/{listed['number']}/lines/{line['id']}/verify")
        assert (counted["ok"], counted["counted"]) == (True, line["eventCount"])


def test_the_plan_and_the_session_are_told(browser: httpx.Client) -> None:
    assert ask(browser, "session")["customer"] == {"key": "acme", "name": "Acme Ltd."}
    items = ask(browser, "plan", billingPeriod="2024-02")["items"]
    assert [item["item"] for item in items] == ["Base fee", "Messages", "Countries"]


def test_a_question_of_a_page_is_a_span_above_the_calls_that_answer_it(
    browser: httpx.Client, otlp: OtlpReceiver
) -> None:
    ask(browser, "invoices/draft", billingPeriod="2024-02")

    def asked() -> list[ReceivedSpan]:
        return otlp.spans("GET /api/v1/invoices/{number}")

    wait_until(asked, 60, what="the span of the question")
    span = asked()[-1]
    assert (span.service, span.kind) == ("portal", "SERVER")
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["http.route"] == "/api/v1/invoices/{number}"
    assert "2024-02" not in str(span.attributes)

    def calls() -> list[str]:
        below = otlp.spans("metering.invoicing.v1.InvoicingService/PreviewInvoice")
        return [one.service for one in below if one.id.trace_id == span.id.trace_id]

    wait_until(lambda: {"portal", "invoicing"} <= set(calls()), 60, what="the spans of the call, on both sides")
