"""The seller's pages in Chromium: opened by the link of the command, with the figures of the services, by keyboard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from testkit.browser.airlines import BILLED, DRAFT
from testkit.browser.portal import PHONE, WIDE, Portal, exact, open_link, save_picture
from testkit.browser.watched import Watched
from testkit.flights import ROOT

HEADINGS = {
    "customers": "Customers",
    "revenue": "Revenue",
    "catalog": "Catalog",
    "unbilled": "Unbilled usage",
    "sessions": "Portal sessions",
    "branding": "Branding",
}
TABS = tuple(HEADINGS)
UNREADABLE, READABLE = "#cccccc", "#7a1f5c"


@contextmanager
def seller(portal: Portal, tab: str, size: tuple[int, int] = WIDE, **options: Any) -> Iterator[Page]:
    """Open one of the seller's pages; at the end it must have kept to its policy, its host, and made no error."""
    link = portal.tenant.json("portal", "seller")["url"]
    with portal.context(size, **options) as context:
        watched = Watched.over(context.new_page())
        watched.page.goto(link.replace("/seller#", f"/seller/{tab}#"))
        settled(watched.page)
        yield watched.page
        assert watched.errors == []
        assert watched.violations() == []
        assert watched.foreign_hosts(portal.url.removeprefix("http://")) == set()


def settled(page: Page) -> None:
    """Wait until no part of the page waits for figures."""
    page.locator("main h1").first.wait_for()
    expect(page.locator(".bones, [aria-busy=true]")).to_have_count(0)


def bills(portal: Portal, month: str) -> list[Decimal]:
    """What the bills of a month come to, as the commands say."""
    listed = portal.tenant.json("invoice", "list", "--period", month)
    if listed:
        return [Decimal(invoice["total"]) for invoice in listed]
    contracts = portal.tenant.json("get", "contracts")
    return [Decimal(portal.preview(one["spec"]["customer"], month)["total"]) for one in contracts]


def test_the_link_opens_the_pages_and_leaves_no_token_in_the_address(portal: Portal) -> None:
    with seller(portal, "customers") as page:
        assert "#" not in page.url
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
        page.reload()
        expect(page.get_by_label("Token")).to_be_visible()


def test_customers_have_their_bills_and_are_found_by_name(portal: Portal) -> None:
    with seller(portal, "customers") as page:
        row = page.locator("tr[data-customer=UA]")
        last = portal.tenant.json("invoice", "list", "--customer", "UA")
        shown = exact(row.locator("[data-value]"))
        draft = portal.preview("UA", DRAFT)["total"]
        trend = str(row.locator("[data-trend]").get_attribute("data-trend")).split()

        page.get_by_label("Search by key or name").fill("united")
        page.keyboard.press("Enter")
        expect(page.locator("tr[data-customer]")).to_have_count(1)

    totals = [invoice["total"] for invoice in last]
    assert (shown, trend) == ([draft, totals[-1]], totals)


@pytest.mark.parametrize("month", [BILLED[-1], DRAFT])
def test_revenue_is_the_sum_of_the_bills(portal: Portal, month: str) -> None:
    wanted = sum(bills(portal, month), Decimal(0))
    with seller(portal, f"revenue?billingPeriod={month}") as page:
        for cut in ("By customer", "By item", "By plan"):
            page.get_by_role("button", name=cut).click()
            settled(page)
            rows = exact(page.locator("tr[data-row] [data-value]"))
            total = exact(page.locator("tfoot [data-value]"))
            assert (sum(map(Decimal, rows)), [Decimal(each) for each in total]) == (wanted, [wanted])


def test_a_customers_pages_are_opened_with_a_reason_by_keyboard(portal: Portal) -> None:
    with seller(portal, "customers") as page:
        page.get_by_role("button", name="Open as United Air Lines Inc.").focus()
        page.keyboard.press("Enter")
        page.keyboard.type("ticket 4711")
        with page.context.expect_page() as opened:
            page.keyboard.press("Enter")
        opened.value.wait_for_url("**/l/*")
        open_link(opened.value, opened.value.url)
        expect(opened.value.locator("[data-banner=acting-for]")).to_contain_text("ticket 4711")

        page.get_by_role("link", name="Sessions").click()
        row = page.locator("tr[data-session]", has_text="ticket 4711")
        row.get_by_role("button", name="Revoke").click()
        row.get_by_role("button", name="End it now").click()
        expect(page.locator("tr[data-session]", has_text="ticket 4711")).to_have_count(0)


def test_parked_usage_is_told_with_the_command_that_shows_it(portal: Portal) -> None:
    told = portal.tenant.json("unbilled")["rows"]
    with seller(portal, "unbilled") as page:
        groups = page.locator("details[data-reason]")
        expect(groups.first).to_be_visible()
        assert page.locator("tr[data-reason]").first.is_hidden()
        for group in groups.all():
            group.locator("summary").click()
        shown = exact(page.locator("tr[data-reason] td:nth-child(3)"))
        expect(page.locator("tr[data-reason=PARKED] code").first).to_contain_text("meterline get parked air-minutes")

    assert sorted(shown) == sorted([str(row["eventCount"]) for row in told][: len(shown)])
    assert len(shown) == min(len(told), 100)


def test_a_profile_is_seen_on_a_customers_pages_before_it_is_saved(portal: Portal) -> None:
    before = portal.tenant.json("portal", "brand")["version"]
    with seller(portal, "branding") as page:
        pages = page.frame_locator("iframe")
        pages.locator("meterline-overview h1").wait_for()
        accent = page.get_by_role("textbox", name="Accent on light", exact=True)
        accent.fill(UNREADABLE)
        expect(page.locator("[data-verdict=accent]")).to_contain_text("1.60:1 on the light surface: 4.5:1 is needed.")
        expect(page.get_by_role("button", name="Save")).to_be_disabled()

        accent.fill(READABLE)
        page.get_by_role("textbox", name="Your name").fill("Unsaved Skies")
        page.get_by_role("checkbox", name="Invoices").uncheck()
        expect(pages.locator(".brand")).to_contain_text("Unsaved Skies")
        expect(pages.locator("nav a")).to_have_text(["Overview", "Usage", "Cost", "Plan & prices"])
        expect(page.get_by_role("button", name="Save")).to_be_enabled()

        pages.get_by_role("link", name="Usage").click()
        pages.get_by_label("Meter", exact=True).select_option("flights")
        by_origin = pages.get_by_label("Group by").locator("option[value=origin]")
        expect(by_origin).to_have_count(1)
        for name, text in (("Hidden properties", "origin"), ("Meters name", "flights = Departures")):
            page.get_by_role("textbox", name=name).fill(text)
            page.get_by_role("textbox", name=name).blur()
        expect(by_origin).to_have_count(0)
        expect(pages.locator("meterline-usage")).to_contain_text("Departures")
        colour = pages.locator("meterline-portal").evaluate(
            "(found) => found.style.getPropertyValue('--_brand-accent')"
        )

    assert READABLE in colour
    assert portal.tenant.json("portal", "brand")["version"] == before


def test_a_profile_is_saved_and_an_old_one_restored(portal: Portal) -> None:
    first = portal.tenant.json("portal", "brand")
    with seller(portal, "branding") as page:
        page.get_by_role("textbox", name="Your name").fill("Another Name")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_contain_text(f"Saved as version {first['version'] + 1}.")
        saved = portal.tenant.json("portal", "brand")
        page.get_by_role("combobox", name="Version").select_option(str(first["version"]))
        page.get_by_role("button", name=f"Restore version {first['version']}").click()
        expect(page.get_by_role("alert")).to_contain_text(f"Saved as version {first['version'] + 2}.")

    assert saved["spec"] == {**first["spec"], "sellerName": "Another Name"}
    assert portal.tenant.json("portal", "brand")["spec"] == first["spec"]


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (PHONE, "dark")], ids=["wide", "phone"])
def test_a_page_fits_its_screen(portal: Portal, pictures: Path, tab: str, size: tuple[int, int], scheme: str) -> None:
    query = f"?billingPeriod={DRAFT}&months=3" if tab == "revenue" else ""
    with seller(portal, tab + query, size, color_scheme=scheme) as page:
        if tab == "branding":
            page.frame_locator("iframe").locator("meterline-overview h1").wait_for()
            expect(page.frame_locator("iframe").locator(".bones")).to_have_count(0)
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        tables = page.locator(".scroll").evaluate_all(
            "(found) => found.map((one) => one.scrollWidth - one.clientWidth)"
        )
        save_picture(page, pictures, f"seller-{tab}-{scheme}")

    assert overflow == 0
    assert size == WIDE or not any(tables)


def words_of(language: str) -> dict[str, str]:
    """What the pages say in a language, by the English that they say it for."""
    asset = (ROOT / f"services/portal/src/portal/assets/seller_{language}.js").read_text(encoding="utf-8")
    entries = re.findall(r'^ +(?:(".*?")|(\w+)): (".*?"),?$', asset, re.MULTILINE)
    return {json.loads(quoted) if quoted else plain: json.loads(own) for quoted, plain, own in entries}


@pytest.mark.parametrize("tab", TABS)
def test_a_seller_reads_the_pages_in_their_language(portal: Portal, pictures: Path, tab: str) -> None:
    query = f"?billingPeriod={DRAFT}" if tab == "revenue" else ""
    with seller(portal, tab + query, locale="de-AT") as page:
        german = words_of("de")
        assert page.locator("nav a").all_inner_texts()[0] == german["Customers"] == "Kunden"
        # A label that has a field in it ends where that begins.
        said = {line.strip() for line in page.locator("main").inner_text().splitlines()}
        save_picture(page, pictures, f"seller-{tab}-german")
        page.get_by_label("Sprache", exact=True).select_option("fr")
        expect(page.locator("nav a").first).to_have_text("Clients")
        expect(page.locator("main h1")).to_have_text(words_of("fr")[HEADINGS[tab]])

    assert sorted(english for english, own in german.items() if own != english and english in said) == []
