"""Every airline, every page: what stands on the screen is what the services answer, to the last digit."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from playwright.sync_api import Page

from metering.aggregator.v1 import aggregator_service_pb2, usage_pb2
from metering.common.v1 import values_pb2
from metering.invoicing.v1 import invoicing_service_pb2
from metering.rating.v1 import catalog_pb2, rating_service_pb2
from testkit.browser.airlines import BILLED, DRAFT
from testkit.browser.portal import Portal, bars, exact, settled
from testkit.calls import ask

AIRLINES: Final = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV")
METERS: Final = ("air-minutes", "aircraft", "flights", "worst-delay")
NEW_YORK: Final = ZoneInfo("America/New_York")
PRICES: Final = ".explained-sentence[data-value], .terms [data-value], table [data-value]"
MINUS: Final = "\N{MINUS SIGN}"
NUMBER: Final = re.compile(rf"({MINUS}?)\$?([0-9][0-9,]*(?:\.[0-9]+)?)")

_AGGREGATOR: Final = "/metering.aggregator.v1.AggregatorService/"
_RATING: Final = "/metering.rating.v1.RatingService/"
_INVOICING: Final = "/metering.invoicing.v1.InvoicingService/"


def answer(portal: Portal, method: str, request: Message) -> Any:
    """What a service says to the seller, past the portal."""
    service = method.split(".")[1]
    context = portal.tenant.suite.context
    (found,) = ask(context["services"][service], portal.tenant.token, method, request)
    return found


def bill(portal: Portal, airline: str, month: str) -> Any:
    """The invoice of a month, or its draft as it is now."""
    request = invoicing_service_pb2.PreviewInvoiceRequest(contract=f"{airline}-2013", billing_period=month)
    return answer(portal, _INVOICING + "PreviewInvoice", request).invoice


def month_of(label: str) -> values_pb2.Period:
    year, month = int(label[:4]), int(label[5:])
    ends = (datetime(year, month, 1, tzinfo=NEW_YORK), datetime(year + month // 12, month % 12 + 1, 1, tzinfo=NEW_YORK))
    start, end = (Timestamp(seconds=int(each.timestamp())) for each in ends)
    return values_pb2.Period(start=start, end=end)


def day_of(period: values_pb2.Period) -> str:
    return period.start.ToDatetime(UTC).astimezone(NEW_YORK).date().isoformat()


def usage_rows(portal: Portal, airline: str, meter: str, *group_by: str, by_day: bool) -> Iterable[Any]:
    request = aggregator_service_pb2.QueryUsageRequest(
        meter=meter,
        customers=[airline],
        period=month_of(DRAFT),
        window_size=usage_pb2.WINDOW_SIZE_DAY if by_day else usage_pb2.WINDOW_SIZE_UNSPECIFIED,
        time_zone=NEW_YORK.key,
        group_by=group_by,
    )
    rows: Iterable[Any] = answer(portal, _AGGREGATOR + "QueryUsage", request).rows
    return rows


def series_totals(page: Page) -> Mapping[str, str]:
    """The quantity or amount of each row of the table below the chart."""
    keys = page.locator("tr[data-series]").evaluate_all("(found) => found.map((row) => row.dataset.series)")
    return dict(zip(keys, exact(page.locator("tr[data-series] td button.figure")), strict=True))


@pytest.mark.parametrize("airline", AIRLINES)
def test_all_numbers_of_an_airline_are_those_of_the_services(portal: Portal, airline: str) -> None:
    with portal.page(airline, f"/?billingPeriod={DRAFT}") as page:
        check_overview(portal, page, airline)
        go(page, "Usage")
        check_usage(portal, page, airline)
        go(page, "Cost")
        check_cost(portal, page, airline)
        go(page, "Plan & prices")
        check_plan(portal, page, airline)
        go(page, "Invoices")
        check_invoices(portal, page, airline)


def go(page: Page, name: str) -> None:
    """Choose a page in the rail, which keeps the chosen month."""
    page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
    page.get_by_role("heading", level=1, name=name).wait_for()
    settled(page)


def check_overview(portal: Portal, page: Page, airline: str) -> None:
    """The first page has the bill, and the amount of each of its lines."""
    invoice = bill(portal, airline, DRAFT)
    items = page.locator("li[data-item]").evaluate_all("(found) => found.map((one) => one.dataset.item)")
    amounts = exact(page.locator("li[data-item] button.figure"))

    assert exact(page.locator("[data-figure=bill] button")) == [invoice.total]
    assert list(zip(items, amounts, strict=True)) == [(line.item, line.amount) for line in invoice.lines]


def check_usage(portal: Portal, page: Page, airline: str) -> None:
    """Bars by day and airport, the rows of the table, and its total are the aggregator's."""
    page.locator("select[aria-label='Group by']").select_option("origin")
    for meter in METERS:
        page.locator("select[aria-label=Meter]").select_option(meter)
        settled(page)
        total = [row.quantity for row in usage_rows(portal, airline, meter, by_day=False)]
        if not total:
            page.get_by_role("heading", name="Nothing counted in this period").wait_for()
            continue
        by_day = {
            (day_of(row.window), row.group[0]): row.quantity
            for row in usage_rows(portal, airline, meter, "origin", by_day=True)
        }
        whole = {row.group[0]: row.quantity for row in usage_rows(portal, airline, meter, "origin", by_day=False)}
        assert bars(page) == by_day, meter
        assert series_totals(page) == whole, meter
        assert exact(page.locator("[data-figure=table-total] button")) == total, meter


def check_cost(portal: Portal, page: Page, airline: str) -> None:
    """Bars by day and item are rating's; the rows of the table are the lines, and their total is the bill."""
    page.locator("select[aria-label='Group by']").select_option("item")
    settled(page)
    request = rating_service_pb2.QueryCostRequest(
        contract=f"{airline}-2013", billing_period=DRAFT, window_size=usage_pb2.WINDOW_SIZE_DAY
    )
    by_day: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in answer(portal, _RATING + "QueryCost", request).rows:
        by_day[day_of(row.window), row.item] += Decimal(row.amount)
    invoice = bill(portal, airline, DRAFT)

    assert bars(page) == {place: str(amount) for place, amount in by_day.items()}
    costs = {line.item: line.amount for line in invoice.lines if line.quantity != "0" or Decimal(line.amount)}
    assert series_totals(page) == costs
    assert exact(page.locator("[data-figure=table-total] button")) == [invoice.total]


def check_plan(portal: Portal, page: Page, airline: str) -> None:
    """Each item has all numbers of its price."""
    request = rating_service_pb2.GetPriceListRequest(contract=f"{airline}-2013", billing_period=DRAFT)
    for item in answer(portal, _RATING + "GetPriceList", request).plan.spec.items:
        card = page.locator(f"li[data-item='{item.name}']")
        assert exact(card.locator(PRICES)) == prices_of(item), item.name


def prices_of(item: catalog_pb2.PlanItem) -> list[str]:
    """All numbers of an item's price, in the order in which the page has them."""
    if item.HasField("fixed"):
        return [item.fixed.amount]
    usage = item.usage
    model = usage.WhichOneof("model")
    terms = [usage.package.unit_price, usage.package.size] if model == "package" else []
    terms += [usage.per_unit.unit_price] if model == "per_unit" else []
    terms += [each for each in (usage.included, usage.minimum) if each]
    tiers: Iterable[catalog_pb2.PriceTier] = {"graduated": usage.graduated.tiers, "volume": usage.volume.tiers}.get(
        str(model), []
    )
    return terms + [number for tier in tiers for number in (tier.up_to, tier.unit_price, tier.flat) if number]


def check_invoices(portal: Portal, page: Page, airline: str) -> None:
    """The list has the total of each invoice, and the newest one all of its lines."""
    invoices = [bill(portal, airline, month) for month in reversed(BILLED)]
    listed = page.locator("tr[data-invoice]").evaluate_all("(found) => found.map((row) => row.dataset.invoice)")
    totals = exact(page.locator("tr[data-invoice] button.figure"))
    assert list(zip(listed, totals, strict=True)) == [(each.number, each.total) for each in invoices]

    page.locator("tr[data-invoice]").first.click()
    page.locator("tr[data-line]").first.wait_for()
    ids = page.locator("tr[data-line]").evaluate_all("(found) => found.map((row) => row.dataset.line)")
    quantities = exact(page.locator("tr[data-line] td[data-value]"))
    amounts = exact(page.locator("tr[data-line] td:last-child button.figure"))
    shown = list(zip(ids, quantities, amounts, strict=True))
    assert shown == [(line.id, line.quantity, line.amount) for line in invoices[0].lines]
    assert exact(page.locator("[data-figure=total] button")) == [invoices[0].total]


@pytest.mark.parametrize(
    "path", ["/", "/usage?groupBy=origin", "/cost?groupBy=origin", "/cost?chart=table", "/invoices", "/invoices/draft"]
)
def test_what_is_read_is_the_decimal_text_behind_it(portal: Portal, path: str) -> None:
    with portal.page("WN", path) as page:
        figures = page.locator("button.figure[data-value]").evaluate_all(
            "(found) => found.map((each) => [each.textContent, each.dataset.value])"
        )

    assert len(figures) >= 3
    for text, value in figures:
        sign, digits = NUMBER.findall(text)[0]
        assert Decimal(sign.replace(MINUS, "-") + digits.replace(",", "")) == Decimal(value), text
