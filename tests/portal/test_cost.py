"""The cost explorer: every way of cutting a cost adds up to the line of the invoice, with the same digits."""

from __future__ import annotations

from decimal import Decimal

import pytest

from testkit.browser.airlines import MONTHS
from testkit.browser.portal import Portal, bars, exact

TOTAL = "[data-figure=table-total] button"
SERIES = "tr[data-series] button.figure"


@pytest.mark.parametrize("month", MONTHS)
@pytest.mark.parametrize("group", ["origin", "item"])
def test_an_item_by_day_and_by_group_adds_up_to_its_line(portal: Portal, month: str, group: str) -> None:
    lines = {line["item"]: line for line in portal.preview("B6", month)["lines"]}

    for item, line in lines.items():
        if line["kind"] == "fixed":
            continue
        path = f"/cost?item={item.replace(' ', '+')}&groupBy={group}&billingPeriod={month}&window=day"
        with portal.page("B6", path) as page:
            drawn = [Decimal(value) for value in bars(page).values()]
            series = exact(page.locator(SERIES))
            total = exact(page.locator(TOTAL))
            page.locator("[data-equals=true]").wait_for()

        assert total == [line["amount"]], item
        assert sum(drawn) == sum(map(Decimal, series)) == Decimal(line["amount"]), item


def test_a_fee_comes_from_no_airport_and_is_there_all_the_same(portal: Portal) -> None:
    preview = portal.preview("UA", "2013-11")
    (fee,) = [line for line in preview["lines"] if line["kind"] == "fixed"]

    with portal.page("UA", "/cost?groupBy=origin&billingPeriod=2013-11") as page:
        names = page.locator("tr[data-series] th").all_inner_texts()
        amounts = [Decimal(value) for value in exact(page.locator(SERIES))]
        page.locator("[data-equals=true]").wait_for()

    assert sum(amounts) == Decimal(preview["total"])
    (place,) = [place for place, name in enumerate(names) if name.startswith("Not by Airport")]
    assert amounts[place] >= Decimal(fee["amount"])
