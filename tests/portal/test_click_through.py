"""Somebody clicks through everything: no other host is asked, no policy broken, no error made."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from testkit.browser.portal import PHONE, WIDE, Portal, settled

PAGES = ("", "usage", "cost", "invoices", "plan")
CONTROLS = "main .segments button:visible, main input[type=checkbox]:visible, main summary:visible"
FIGURES_MAX = 8


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_every_page_and_every_control_keeps_to_the_policy_and_to_the_host(
    portal: Portal, size: tuple[int, int]
) -> None:
    with portal.page("UA", "/?billingPeriod=2013-11", size) as page:
        visited = set()
        for place, name in enumerate(PAGES):
            page.locator("nav a").nth(place).click()
            settled(page)
            visited.add(page.locator("h1").inner_text())
            for control in range(page.locator(CONTROLS).count()):
                page.locator(CONTROLS).nth(control).click()
                settled(page)
            figures = page.locator("main button.figure:visible")
            for figure in range(min(FIGURES_MAX, figures.count())):
                figures.nth(figure).click()
                settled(page)
                if urlsplit(page.url).path != f"/{name}":
                    # A figure that leads to another page is the end of the walk over this one.
                    break
                page.keyboard.press("Escape")
                expect(page.locator("dialog[open]")).to_have_count(0)
        assert len(visited) == len(PAGES)
