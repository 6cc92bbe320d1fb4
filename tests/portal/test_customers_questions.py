"""What a customer asks next: what is behind a bar, why a bill is another one, what more would cost, in their words."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from testkit.browser.portal import PHONE, WIDE, Portal, exact, show

OPENED = "meterline-drawer dialog[open]"


def total(texts: list[str]) -> Decimal:
    return sum(map(Decimal, texts), Decimal(0))


def open_by_keyboard(page: Page, bucket: int) -> None:
    """Go to a bar with the arrow keys and open it."""
    chart = page.locator("meterline-chart svg.surface").first
    chart.focus()
    page.keyboard.press("Home")
    for _ in range(bucket):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")


def test_a_bar_opens_to_its_values_and_all_its_events_by_keyboard(portal: Portal) -> None:
    with portal.page("UA", "/usage?meter=flights&billingPeriod=2013-11&groupBy=") as page:
        (value,) = exact(page.locator('rect[data-bucket="2013-11-09"]'))
        open_by_keyboard(page, 8)
        drawer = page.locator(OPENED)
        drawer.wait_for()
        assert "bucket=2013-11-09" in page.url

        by_origin = page.locator("meterline-bucket [data-property=origin] dd[data-value]")
        by_origin.first.wait_for()
        assert total(exact(by_origin)) == Decimal(value)
        events = page.locator("meterline-bucket tr[data-event]")
        events.first.wait_for()
        while (before := events.count()) < int(value):
            page.locator("meterline-bucket .more button").click()
            expect(events).not_to_have_count(before)
        expect(events).to_have_count(int(value))
        ids = events.evaluate_all("(rows) => rows.map((row) => row.dataset.event)")
        assert len(set(ids)) == int(value)

        page.keyboard.press("Escape")
        expect(page.locator(OPENED)).to_have_count(0)
        page.wait_for_url(lambda address: "bucket=" not in address)
        page.go_back()
        page.locator(OPENED).wait_for()


def test_events_of_one_colour_are_of_its_value_alone(portal: Portal) -> None:
    path = "/usage?meter=flights&billingPeriod=2013-11&groupBy=origin&bucket=2013-11-09&series=JFK"
    with portal.page("UA", path) as page:
        (value,) = exact(page.locator('rect[data-bucket="2013-11-09"][data-series=JFK]'))
        counted = page.locator("meterline-bucket [data-events]")
        expect(counted).to_have_attribute("data-events", value)
        first = page.locator("meterline-bucket tr[data-event] summary").first
        first.click()
        expect(page.locator("meterline-bucket dl.properties").first).to_contain_text("JFK")


def test_a_bar_of_cost_opens_to_the_events_of_its_meter(portal: Portal) -> None:
    with portal.page("UA", "/cost?billingPeriod=2013-11&bucket=2013-11-09&series=Flights") as page:
        page.locator("meterline-bucket tr[data-event]").first.wait_for()
        (counted,) = page.locator("meterline-bucket [data-events]").evaluate_all(
            "(found) => found.map((each) => each.dataset.events)"
        )
        show(page, f"{portal.url}/usage?meter=flights&billingPeriod=2013-11&groupBy=")
        assert exact(page.locator('rect[data-bucket="2013-11-09"]')) == [counted]


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_two_bills_are_compared_to_the_last_digit(portal: Portal, size: tuple[int, int]) -> None:
    november, december = (portal.preview("UA", month) for month in ("2013-11", "2013-12"))

    with portal.page("UA", "/invoices/draft?billingPeriod=2013-12", size) as page:
        numbers = [(bill.get("number") or "draft") for bill in (december, november)]
        show(page, f"{portal.url}/invoices/{numbers[0]}?with={numbers[1]}&billingPeriod=2013-12")
        table = page.locator("table.compared")
        table.wait_for()
        sides = [exact(table.locator(f"[data-figure={side}] button"))[0] for side in ("left", "right", "difference")]
        changes = exact(table.locator("tbody td:last-child button.figure"))
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    if "draft" not in numbers:
        assert sides[:2] == [december["total"], november["total"]]
    assert Decimal(sides[0]) - Decimal(sides[1]) == Decimal(sides[2]) == total(changes)


def test_cost_of_six_periods_is_that_of_their_bills(portal: Portal) -> None:
    months = [f"2013-{month:02d}" for month in range(7, 13)]
    bills = [Decimal(portal.preview("UA", month)["total"]) for month in months]

    with portal.page("UA", "/cost?billingPeriod=2013-12&span=6&window=month&groupBy=item") as page:
        page.locator("[data-equals=true]").wait_for()
        (shown,) = exact(page.locator("[data-figure=table-total] button"))
        by_month = {month: total(exact(page.locator(f'rect[data-bucket="{month}"]'))) for month in months}

    assert list(by_month.values()) == bills
    assert Decimal(shown) == sum(bills)


def test_examples_and_the_calculator_are_priced_by_rating(portal: Portal) -> None:
    lines = {line["item"]: line for line in portal.preview("UA", "2013-11")["lines"]}

    with portal.page("UA", "/plan?billingPeriod=2013-12") as page:
        card = page.locator('li[data-item="Air minutes"]')
        own = card.locator("[data-quantity]", has=page.locator(".badge"))
        assert own.get_attribute("data-quantity") == lines["Air minutes"]["quantity"]
        assert exact(own.locator("button.figure")) == [lines["Air minutes"]["amount"]]

        card.locator("input[name=quantity]").fill("120000.5")
        page.keyboard.press("Enter")
        drawer = page.locator("meterline-drawer dialog[open]")
        drawer.wait_for()
        result = page.locator("meterline-plan .result [data-value]")
        result.wait_for()
        # 10,000 are free, 90,000 cost 0.05 each, the rest 0.04.
        assert exact(result) == ["5300.02"]
        assert "quantity=120000.5" in page.url


def test_the_pages_speak_the_language_that_is_chosen_and_keep_it(portal: Portal) -> None:
    with portal.page("UA", "/usage?meter=flights&billingPeriod=2013-11") as page:
        (before,) = exact(page.locator("[data-figure=table-total] button"))
        page.locator(".language select").select_option("de")
        expect(page.locator("h1")).to_have_text("Verbrauch")
        assert exact(page.locator("[data-figure=table-total] button")) == [before]
        assert page.evaluate("document.documentElement.lang") == "de"

        show(page, f"{portal.url}/plan?billingPeriod=2013-11")
        expect(page.locator("h1")).to_have_text("Tarif und Preise")
        sentence = page.locator('li[data-item="Air minutes"] .explained-sentence')
        expect(sentence).to_contain_text("10.000 min")
        expect(sentence).to_contain_text("0,05\u00a0$")

    with portal.page("UA", "/cost?billingPeriod=2013-11", locale="fr-FR") as page:
        expect(page.locator("h1")).to_have_text("Coûts")


def test_the_stored_document_of_an_invoice_has_the_digest_on_its_page(portal: Portal, tmp_path: Path) -> None:
    with portal.page("UA", "/invoices") as page:
        rows = page.locator("tr[data-invoice]")
        if rows.count() == 0:
            pytest.skip("no invoice is final yet")
        rows.first.locator("td").first.click()
        digest = page.locator("footer.proof dd.mono").first
        digest.wait_for()
        with page.expect_download() as downloaded:
            page.get_by_role("button", name="JSON").click()
        saved = tmp_path / "invoice.json"
        downloaded.value.save_as(saved)
        assert hashlib.sha256(saved.read_bytes()).hexdigest() == digest.text_content()
