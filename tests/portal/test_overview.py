"""The first page: its bill is the service's, and everything on it adds up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal

import pytest

from testkit.browser.airlines import DRAFT, MONTHS
from testkit.browser.portal import Portal, exact, open_link, settled


def test_a_link_opens_the_first_page_with_the_bill_of_the_preview(portal: Portal) -> None:
    preview = portal.preview("UA", DRAFT)
    link = portal.link("UA")

    with portal.context() as context:
        page = context.new_page()
        began_s = time.monotonic()
        open_link(page, link)
        bill = exact(page.locator("[data-figure=bill] [data-value]"))
        took_s = time.monotonic() - began_s

    assert bill == [preview["total"]]
    assert took_s < 10
    assert Decimal(preview["total"]) > 1000


@pytest.mark.parametrize("month", MONTHS[1:])
def test_the_bill_is_the_sum_of_its_lines_the_total_of_the_cost_explorer_and_the_preview(
    portal: Portal, month: str
) -> None:
    preview = portal.preview("UA", month)
    shown, amounts = {}, [""]

    for path, figures in {
        f"/?billingPeriod={month}": "[data-figure=bill] [data-value]",
        f"/cost?billingPeriod={month}": "[data-figure=table-total] button",
        f"/invoices/{preview['number'] or 'draft'}?billingPeriod={month}": "[data-figure=total] button",
    }.items():
        with portal.page("UA", path) as page:
            shown[path] = exact(page.locator(figures))
            amounts = exact(page.locator("tr[data-line] td:last-child button"))

    assert set(map(tuple, shown.values())) == {(preview["total"],)}
    assert amounts == [line["amount"] for line in preview["lines"]]
    assert sum(map(Decimal, amounts)) == Decimal(preview["total"])


@pytest.mark.parametrize(("month", "before"), [("2013-11", "2013-10"), ("2013-12", "2013-11")])
def test_the_steps_of_the_waterfall_add_up_from_one_bill_to_the_other(portal: Portal, month: str, before: str) -> None:
    totals = [Decimal(portal.preview("UA", name)["total"]) for name in (before, month)]

    with portal.page("UA", f"/?billingPeriod={month}") as page:
        values = waterfall(
            page.locator("meterline-waterfall [data-value]").evaluate_all(
                "(found) => found.map((each) => [each.dataset.step, each.dataset.value])"
            )
        )
        page.locator("details.card > summary").click()
        page.locator("[data-reasons-of]").first.wait_for()
        reasons = page.locator("details.card meterline-waterfall [data-value]")
        reasons.first.wait_for()
        by_effect = waterfall(
            reasons.evaluate_all("(found) => found.map((each) => [each.dataset.step, each.dataset.value])")
        )
        told = page.locator("[data-reasons-of] [data-effect]").count()

    for start, *steps, end in (values, by_effect):
        assert [Decimal(start), Decimal(end)] == totals
        assert Decimal(start) + sum(map(Decimal, steps)) == Decimal(end)
    assert (len(values) >= 5, len(by_effect) >= 3, told >= len(by_effect) - 2) == (True, True, True)


def waterfall(found: Sequence[Sequence[str]]) -> list[str]:
    """The values of the columns, the first and the last of which are the two bills."""
    return [value for _, value in found]


def test_every_figure_of_the_page_explains_itself_and_gives_the_focus_back(portal: Portal) -> None:
    with portal.page("UA") as page:
        figures = page.locator("meterline-overview button.figure")
        assert figures.count() > 6
        figures.first.click()
        drawer = page.get_by_role("dialog")
        drawer.wait_for()
        assert "United" in page.locator("h1").inner_text()
        page.keyboard.press("Escape")
        drawer.wait_for(state="hidden")
        focused = page.evaluate(
            "() => { let one = document.activeElement; while (one?.shadowRoot) one = one.shadowRoot.activeElement;"
            " return one?.dataset.value; }"
        )
        assert focused == exact(figures)[0]
        settled(page)
