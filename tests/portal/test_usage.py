"""The usage explorer: bars, table and line are one number, in the customer's days, at any address."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import permutations
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page

from testkit.browser.airlines import MONTHS
from testkit.browser.portal import Portal, bars, exact, settled, show

TOTAL = "[data-figure=table-total] button"


@pytest.mark.parametrize("month", MONTHS)
def test_the_bars_by_origin_add_up_to_the_table_and_to_the_line(portal: Portal, month: str) -> None:
    lines = {line["meter"]: line for line in portal.preview("UA", month)["lines"]}

    with portal.page("UA", f"/usage?meter=flights&groupBy=origin&billingPeriod={month}") as page:
        drawn = bars(page)
        (total,) = exact(page.locator(TOTAL))
        by_origin = dict(zip(("EWR", "LGA", "JFK"), [""] * 3, strict=True))
        for origin in by_origin:
            (by_origin[origin],) = exact(page.locator(f"tr[data-series={origin}] button.figure"))
        page.locator("[data-equals=true]").wait_for()

    assert sum(map(Decimal, drawn.values())) == Decimal(total) == Decimal(lines["flights"]["quantity"])
    for origin, shown in by_origin.items():
        assert sum(Decimal(value) for (_, series), value in drawn.items() if series == origin) == Decimal(shown)


def late_flight(portal: Portal) -> None:
    """Report a flight of the last hour of the year in New York, which is the next year in UTC and in Tokyo."""
    portal.tenant.report(
        {
            "id": "late-1",
            "source": "test",
            "type": "flight.operated",
            "customer": "F9",
            "time": "2014-01-01T04:00:00Z",
            "properties": {"origin": "LGA", "air_time": "1", "dep_delay": "0", "tailnum": "N1"},
        }
    )


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_days_are_those_of_the_contract_wherever_the_browser_is(portal: Portal, zone: str) -> None:
    late_flight(portal)
    span = ("--from", "2013-12-31", "--to", "2014-01-01", "--tz", "America/New_York", "--wait")
    usage = portal.tenant.json("usage", "flights", *span, "--customer", "F9")
    counted = sum(Decimal(row["quantity"]) for row in usage["rows"])

    with portal.page("F9", "/usage?meter=flights&billingPeriod=2013-12&groupBy=", timezone_id=zone) as page:
        drawn = {bucket: value for (bucket, _), value in bars(page).items()}

    assert set(drawn) <= {f"2013-12-{day:02d}" for day in range(1, 32)}
    assert Decimal(drawn["2013-12-31"]) == counted >= 1


# Each choice: what is done, and what the address says afterwards.
CHOICES: Mapping[str, tuple[str, Callable[[Page], object]]] = {
    "meter": ("air-minutes", lambda page: page.locator("select[aria-label=Meter]").select_option("air-minutes")),
    "window": ("week", lambda page: page.get_by_role("button", name="Week", exact=True).click()),
    "groupBy": ("origin", lambda page: page.locator("select[aria-label='Group by']").select_option("origin")),
    "filter": ("origin:EWR", lambda page: add_filter(page, "origin", "EWR")),
    "billingPeriod": (
        "2013-12",
        lambda page: page.locator("select[aria-label='Billing period']").select_option("2013-12"),
    ),
    "compare": ("none", lambda page: page.get_by_label("Compare with previous").uncheck()),
    "chart": ("line", lambda page: page.get_by_role("button", name="Lines", exact=True).click()),
}


def add_filter(page: Page, prop: str, value: str) -> None:
    page.locator("summary", has_text="Filter").click()
    page.locator("form select[name=property]").select_option(prop)
    page.locator("form input[name=value]").fill(value)
    page.keyboard.press("Enter")


def chosen(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


ORDERS = [order for place, order in enumerate(permutations(CHOICES)) if place % 1008 == 7]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_choices_in_any_order_are_all_kept_in_the_address_which_shows_the_same_elsewhere(
    portal: Portal, order: tuple[str, ...]
) -> None:
    with portal.page("UA", "/usage?billingPeriod=2013-11&meter=flights") as page:
        for done, name in enumerate(order, 1):
            CHOICES[name][1](page)
            settled(page)
            for kept in order[:done]:
                assert chosen(page)[kept] == [CHOICES[kept][0]], f"{kept} after {name}"
        address = page.url.removeprefix(portal.url)
        here = exact(page.locator("button.figure"))
        page.go_back()
        settled(page)
        assert order[-1] not in chosen(page) or chosen(page)[order[-1]] != [CHOICES[order[-1]][0]]
        page.go_forward()
        settled(page)
        assert exact(page.locator("button.figure")) == here

    with portal.page("UA", address) as page:
        assert exact(page.locator("button.figure")) == here
        assert len(here) > 3


def test_a_bar_opens_what_is_behind_it(portal: Portal) -> None:
    with portal.page("UA", "/usage?meter=flights&billingPeriod=2013-11&groupBy=origin") as page:
        page.locator("rect[data-bucket='2013-11-09'][data-series=EWR]").click()
        shown = page.locator("meterline-drawer .explained-figure")
        shown.wait_for()
        assert shown.inner_text() == f"{bars(page)['2013-11-09', 'EWR']} flights"


def test_an_hour_of_the_week_opens_its_events(portal: Portal) -> None:
    with portal.page("UA", "/usage?meter=flights&billingPeriod=2013-11") as page:
        busiest = page.locator("meterline-chart[kind=heat] rect[data-bucket=w1-06]")
        busiest.click()
        drawer = page.locator("meterline-drawer .explained-figure")
        drawer.wait_for()
        page.locator("meterline-bucket tr[data-event]").first.wait_for()
        total = page.locator("meterline-bucket [data-events]").get_attribute("data-events")

        assert drawer.inner_text() == f"{busiest.get_attribute('data-value')} flights"
        assert total == busiest.get_attribute("data-value")
        assert chosen(page)["bucket"] == ["w1-06"]


@pytest.fixture
def two(portal: Portal) -> Iterator[tuple[Page, Page]]:
    """November and October of an airline, beside each other."""
    with portal.page("UA", "/usage") as left, portal.page("UA", "/usage") as right:
        yield left, right


def test_a_comparison_is_with_the_same_weekdays_of_the_period_before(portal: Portal, two: tuple[Page, Page]) -> None:
    left, right = two
    show(left, f"{portal.url}/usage?meter=flights&billingPeriod=2013-11&chart=table&groupBy=")
    show(right, f"{portal.url}/usage?meter=flights&billingPeriod=2013-10&chart=table&compare=none&groupBy=")

    before = exact(left.locator("tr[data-bucket] td:last-child button"))
    october = exact(right.locator("tr[data-bucket] td:last-child button"))

    # Day by day it is the same weekday: November began on a Friday, and the first Friday of October was the fourth.
    assert before == october[3:]
    assert len(october) == 31
