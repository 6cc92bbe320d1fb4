"""The cost explorer: every way of cutting a cost adds up to the line of the invoice, with the same digits."""

from __future__ import annotations

from decimal import Decimal

import pytest

from testkit.browser.airlines import MONTHS
from testkit.browser.portal import Portal, bars, exact, settled

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


@pytest.mark.parametrize("airline", ["UA", "VX"])
def test_several_periods_are_their_bills_one_beside_the_other(portal: Portal, airline: str) -> None:
    bills = {month: portal.preview(airline, month) for month in MONTHS}
    used = {(month, line["item"]): line["amount"] for month, bill in bills.items() for line in bill["lines"]}

    with portal.page(airline, f"/cost?span=3&window=month&groupBy=item&billingPeriod={MONTHS[-1]}") as page:
        drawn = bars(page)
        total = exact(page.locator(TOTAL))
        page.locator("[data-equals=true]").wait_for()

    assert drawn == used
    assert [Decimal(amount) for amount in total] == [sum(Decimal(bill["total"]) for bill in bills.values())]


def test_a_filter_leaves_the_part_of_its_airport(portal: Portal) -> None:
    with portal.page("B6", f"/cost?groupBy=origin&item=Flights&billingPeriod={MONTHS[1]}&window=day") as page:
        of_all = {bucket: value for (bucket, origin), value in bars(page).items() if origin == "JFK"}
        (whole,) = exact(page.locator("tr[data-series=JFK] button.figure"))
        page.get_by_role("button", name="Only JFK").click()
        settled(page)
        of_one = {bucket: value for (bucket, _), value in bars(page).items()}
        total = exact(page.locator(TOTAL))

    assert of_one == of_all
    assert total == [whole]
    assert len(of_all) == 30
