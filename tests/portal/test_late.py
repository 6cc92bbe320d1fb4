"""What came late: the final invoice stays as it is, and the next one carries the difference, on every page alike."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from testkit.browser.portal import Portal, exact, show
from testkit.live import LiveSuite, Tenant

CATALOG = """
kind: Meter
metadata: {name: calls}
spec: {eventTypes: [call.made], aggregation: COUNT, groupBy: [region], unit: call}
---
kind: Plan
metadata: {name: calls}
spec:
  currency: EUR
  items:
    - {name: Base fee, fixed: {amount: "10.00"}}
    - {name: Calls, meter: calls, price: {graduated: {tiers: [{upTo: "5", unit: "0.35"}, {unit: "0.305"}]}}}
---
kind: Customer
metadata: {name: acme}
spec: {displayName: Acme, currency: EUR}
---
kind: Contract
metadata: {name: acme}
spec: {customer: acme, plan: calls, start: "2013-10-01", end: "2014-01-01", interval: MONTH, timeZone: Europe/Berlin}
"""


def calls(name: str, day: str, count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{name}-{number}",
            "source": "test",
            "type": "call.made",
            "customer": "acme",
            "time": f"{day}T12:00:00Z",
            "properties": {"region": "eu"},
        }
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def late(suite: LiveSuite, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Portal:
    """A customer whose October is billed, and three of whose calls of October came after that."""
    tenant = Tenant.create(suite, "late", tmp_path_factory.mktemp("late"))
    tenant.apply(CATALOG)
    tenant.report(*calls("october", "2013-10-09", 4), *calls("november", "2013-11-09", 9))
    tenant.json("invoice", "finalize", "--period", "2013-10")
    tenant.report(*calls("late", "2013-10-31", 3))
    span = ("--from", "2013-10-01", "--to", "2013-11-01", "--tz", "Europe/Berlin")
    tenant.json("usage", "calls", *span, "--wait")
    return Portal(tenant, browser)


def preview(portal: Portal, month: str) -> Any:
    return portal.tenant.json("invoice", "preview", "--contract", "acme", "--period", month)


def test_a_final_invoice_stays_and_says_what_came_late(late: Portal) -> None:
    october = preview(late, "2013-10")

    with late.page("acme", f"/invoices/{october['number']}") as page:
        total = exact(page.locator("[data-figure=total] button"))
        amounts = exact(page.locator("tr[data-line] td:last-child button.figure"))
        came_late = page.locator(".pending").inner_text()

    pending = october["pending"]
    assert total == [october["total"]] == ["11.40"]
    assert amounts == [line["amount"] for line in (*october["lines"], *pending["lines"])]
    # One more at 0.35, and two of the next tier at 0.305.
    assert f"€{pending['amount']} will be on the invoice of 2013-11" in came_late
    assert pending["amount"] == "0.96"


def test_the_next_bill_is_its_lines_and_the_adjustment_on_every_page(late: Portal) -> None:
    november = preview(late, "2013-11")
    own = [line for line in november["lines"] if line["kind"] != "adjustment"]
    adjustments = sum(Decimal(line["amount"]) for line in november["lines"] if line["kind"] == "adjustment")

    with late.page("acme", "/?billingPeriod=2013-11") as page:
        bill = exact(page.locator("[data-figure=bill] button"))
        items = exact(page.locator("ul.items button.figure"))
        start, *steps, end = map(Decimal, exact(page.locator("meterline-waterfall [data-value]")))
        show(page, f"{late.url}/cost?billingPeriod=2013-11")
        cost = exact(page.locator("[data-figure=table-total] button"))
        agrees = page.locator("[data-equals=true]").count()
        show(page, f"{late.url}/invoices/draft?billingPeriod=2013-11")
        amounts = exact(page.locator("tr[data-line] td:last-child button.figure"))

    assert adjustments == Decimal("0.96")
    assert bill == [november["total"]]
    assert sum(map(Decimal, items)) == end == Decimal(november["total"])
    assert start + sum(steps) == end
    assert [Decimal(total) for total in cost] == [sum(Decimal(line["amount"]) for line in own)]
    assert agrees == 1
    assert amounts == [line["amount"] for line in november["lines"]]


def test_the_invoice_that_carries_it_says_so_and_leads_back(late: Portal) -> None:
    late.tenant.json("invoice", "finalize", "--period", "2013-11")
    november = preview(late, "2013-11")
    (adjustment,) = [line for line in november["lines"] if line["kind"] == "adjustment"]

    with late.page("acme", "/invoices") as page:
        assert "Adjustments" in page.locator(f"tr[data-invoice='{november['number']}']").inner_text()
        page.locator(f"tr[data-invoice='{november['number']}']").click()
        line = page.locator(f"tr[data-line='{adjustment['id']}']")
        line.wait_for()
        assert f"adjusts {adjustment['adjustsLineId']}" in line.inner_text()
        line.locator("td:last-child button").click()
        page.locator("meterline-line .result [data-value]").wait_for()
        assert exact(page.locator("meterline-line .result [data-value]")) == [adjustment["amount"]]
        amounts = exact(page.locator("tr[data-line] td:last-child button.figure"))

    assert sum(map(Decimal, amounts)) == Decimal(november["total"])


def test_what_was_corrected_since_is_marked_in_the_lists_of_events(late: Portal, tmp_path: Path) -> None:
    late.tenant.run("events", "void", "test", "october-0", "--reason", "a test call")
    moved = tmp_path / "event.json"
    moved.write_text(json.dumps(calls("october", "2013-10-10", 2)[1]), encoding="utf-8")
    late.tenant.run("events", "replace", "test", "october-1", "-f", moved, "--reason", "wrong day")
    span = ("--from", "2013-10-01", "--to", "2013-11-01", "--tz", "Europe/Berlin")
    late.tenant.json("usage", "calls", *span, "--wait")
    (billed,) = [line for line in preview(late, "2013-10")["lines"] if line["kind"] == "usage"]
    (changed,) = [line for line in preview(late, "2013-12")["lines"] if line["kind"] == "adjustment"]
    addresses = {
        f"/invoices/{billed['id'].rpartition('.')[0]}?line={billed['id']}": ["takenBack", "takenBack"],
        "/usage?meter=calls&billingPeriod=2013-10&window=month&bucket=2013-10": ["replacement"],
        f"/invoices/draft?billingPeriod=2013-12&line={changed['id']}": ["replacement"],
    }

    marked = {}
    for address in addresses:
        with late.page("acme", address) as page:
            page.locator("tr[data-event]").first.wait_for()
            events = page.locator("tr[data-event]").count()
            expect(page.get_by_text(f"{events} of {events}", exact=True)).to_be_visible()
            marks = page.locator("tr[data-event] [data-correction]")
            marked[address] = sorted(marks.evaluate_all("(found) => found.map((mark) => mark.dataset.correction)"))

    assert marked == addresses
