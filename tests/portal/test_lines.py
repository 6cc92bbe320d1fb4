"""A line of an invoice or a draft: steps, tiers, events and traces behind it, and the proof that it holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from testkit.browser.airlines import TRACE_LINK
from testkit.browser.portal import Portal, exact
from testkit.tampering import tamper

TRACES = TRACE_LINK.partition("{")[0]


def open_line(page: Page, line_id: str) -> None:
    """Choose a line on the paper."""
    page.locator(f"tr[data-line='{line_id}'] td:last-child button").click()
    page.locator("meterline-line .steps").wait_for()
    page.locator("meterline-line tr[data-event]").first.wait_for()


def show_all_events(page: Page, count: int) -> None:
    """Ask for more events until all are there."""
    events = page.locator("meterline-line tr[data-event]")
    shown = events.count()
    while shown < count:
        page.get_by_role("button", name="Show more events").click()
        expect(events).not_to_have_count(shown)
        shown = events.count()


@pytest.mark.parametrize("month", ["2013-11", "2013-12"])
@pytest.mark.parametrize(("airline", "meter"), [("HA", "flights"), ("HA", "air-minutes"), ("YV", "flights")])
def test_a_line_leads_to_its_steps_its_events_and_their_traces(
    portal: Portal, month: str, airline: str, meter: str
) -> None:
    invoice = portal.preview(airline, month)
    (line,) = [line for line in invoice["lines"] if line["meter"] == meter]
    number = invoice["number"] or "draft"

    with portal.page(airline, f"/invoices/{number}?billingPeriod={month}") as page:
        open_line(page, line["id"])
        panel = page.locator("meterline-line")
        steps = exact(panel.locator("[data-step] [data-value]"))
        show_all_events(page, int(line["eventCount"]))
        events = panel.locator("tr[data-event]")
        names = events.evaluate_all("(found) => found.map((event) => event.dataset.event)")
        values = exact(events.locator("td[data-value]"))
        links = events.locator("a").evaluate_all("(found) => found.map((link) => link.href)")
        more = page.get_by_role("button", name="Show more events").count()

    assert steps[-1] == line["exactAmount"]
    assert len(set(names)) == len(names) == int(line["eventCount"]) > 20
    assert more == 0
    assert sum(map(Decimal, values)) == Decimal(line["quantity"])
    assert {len(link) for link in links} == {len(TRACES) + 32}
    assert {link[: len(TRACES)] for link in links} == {TRACES}
    if invoice["number"]:
        told = portal.tenant.json("explain", line["id"], "--events")["events"]
        assert sorted(names) == sorted(event["event"]["id"] for event in told)


@pytest.mark.parametrize("month", ["2013-11", "2013-12"])
@pytest.mark.parametrize("item", ["Air minutes", "Worst delay"])
def test_tiers_add_up_to_the_exact_amount(portal: Portal, month: str, item: str) -> None:
    invoice = portal.preview("UA", month)
    (line,) = [line for line in invoice["lines"] if line["item"] == item]

    with portal.page("UA", f"/invoices/{invoice['number'] or 'draft'}?billingPeriod={month}") as page:
        open_line(page, line["id"])
        tiers = exact(page.locator("meterline-line [data-tier] [data-value]"))
        here = page.locator("meterline-line .is-here").count()

    assert len(tiers) > 1
    assert sum(map(Decimal, tiers)) == Decimal(line["exactAmount"])
    assert here == 1


def test_a_line_is_counted_again_and_found_right(portal: Portal) -> None:
    invoice = portal.preview("HA", "2013-11")
    (line,) = [line for line in invoice["lines"] if line["meter"] == "air-minutes"]

    with portal.page("HA", f"/invoices/{invoice['number']}") as page:
        open_line(page, line["id"])
        with page.expect_response(lambda answer: answer.url.endswith(f"/lines/{line['id']}/verify")) as asked:
            page.get_by_role("button", name="Count the events again").click()
        page.locator("meterline-line [data-proof=ok]").wait_for()
        counted = asked.value.json()

    assert (counted["ok"], counted["counted"]) == (True, int(line["eventCount"]))


@contextmanager
def one_byte_changed(portal: Portal, number: str) -> Iterator[None]:
    """Have one byte of a stored invoice changed for the block."""
    change = (
        "UPDATE invoice SET canonical_json = overlay(canonical_json placing $3::bytea"
        " from position($4::bytea in canonical_json)) WHERE tenant = $1 AND number = $2"
    )

    def put(new: bytes, old: bytes) -> None:
        values = (portal.tenant.name, number, new, old)
        assert tamper(portal.tenant.suite, "invoicing", change, *values, unchecked="invoice") == "UPDATE 1"

    put(b"Hawaiiam", b"Hawaiian")
    try:
        yield
    finally:
        put(b"Hawaiian", b"Hawaiiam")


def test_one_changed_byte_turns_the_badge_red_and_names_the_invoice(portal: Portal) -> None:
    number = portal.preview("HA", "2013-10")["number"]

    with portal.page("HA", f"/invoices/{number}") as page:
        with one_byte_changed(portal, number):
            page.get_by_role("button", name="Check this invoice").click()
            broken = page.locator("[data-proof=broken]")
            broken.wait_for()
            assert number in broken.inner_text()
        page.reload()
        page.get_by_role("button", name="Check this invoice").click()
        page.locator("[data-proof=ok]").wait_for()
