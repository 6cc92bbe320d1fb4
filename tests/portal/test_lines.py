"""A line of an invoice or a draft: steps, tiers, events and traces behind it, and the proof that it holds."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page

from testkit.browser.airlines import TRACE_LINK
from testkit.browser.portal import Portal, exact, settled


def open_line(page: Page, line_id: str) -> None:
    """Choose a line on the paper."""
    page.locator(f"tr[data-line='{line_id}'] td:last-child button").click()
    page.locator("meterline-line .steps").wait_for()


@pytest.mark.parametrize("month", ["2013-11", "2013-12"])
@pytest.mark.parametrize("meter", ["flights", "air-minutes"])
def test_a_line_is_explained_to_its_events_and_their_traces(portal: Portal, month: str, meter: str) -> None:
    invoice = portal.preview("HA", month)
    (line,) = [line for line in invoice["lines"] if line["meter"] == meter]
    number = invoice["number"] or "draft"

    with portal.page("HA", f"/invoices/{number}?billingPeriod={month}") as page:
        open_line(page, line["id"])
        panel = page.locator("meterline-line")
        steps = exact(panel.locator("[data-step] [data-value]"))
        tiers = exact(panel.locator("[data-tier] [data-value]"))
        while panel.get_by_role("button", name="More events").count():
            panel.get_by_role("button", name="More events").click()
            settled(page)
            page.wait_for_function("(was) => true", arg=0)
        events = panel.locator("tr[data-event]")
        expected = portal.tenant.json("explain", line["id"], "--events") if invoice["number"] else None
        values = [Decimal(value) for value in exact(events.locator("td[data-value]"))]
        link = panel.locator("tr[data-event] a").first.get_attribute("href") or ""
        count = events.count()

    assert steps[-1] == line["exactAmount"]
    assert count == int(line["eventCount"])
    assert sum(values) == Decimal(line["quantity"])
    if tiers:
        assert sum(map(Decimal, tiers)) == Decimal(line["exactAmount"])
    assert link.startswith(TRACE_LINK.partition("{")[0])
    assert len(link) == len(TRACE_LINK.partition("{")[0]) + 32
    if expected is not None:
        assert {event["id"] for event in expected["events"]} == set(ids(portal, number, line["id"]))


def ids(portal: Portal, number: str, line_id: str) -> list[str]:
    return []
