"""Every page for everybody: WCAG 2.2 AA by axe, by keyboard alone, at 320 pixels, enlarged, in forced colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from testkit.browser.portal import PHONE, WIDE, Portal, save_picture, settled

AXE = Axe()
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PAGES = {
    "overview": "/?billingPeriod=2013-11",
    "usage": "/usage?meter=flights&groupBy=origin&billingPeriod=2013-11",
    "usage-table": "/usage?meter=flights&groupBy=origin&billingPeriod=2013-11&chart=table",
    "usage-heat": "/usage?meter=flights&billingPeriod=2013-11&chart=heat",
    "cost": "/cost?billingPeriod=2013-11",
    "invoices": "/invoices",
    "draft": "/invoices/draft?billingPeriod=2013-12",
    "invoice": "/invoices/{number}",
    "line": "/invoices/{number}?line={number}.2",
    "plan": "/plan?billingPeriod=2013-11",
}
FOCUSED = """() => {
  let one = document.activeElement;
  while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
  return one; }"""


@pytest.fixture(scope="module")
def number(portal: Portal) -> str:
    """The invoice that is looked at."""
    found: str = portal.preview("UA", "2013-11")["number"]
    return found


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_and_a_picture_is_kept(
    portal: Portal, number: str, pictures: Path, name: str, theme: str, size: tuple[int, int]
) -> None:
    with portal.page(
        "UA", PAGES[name].format(number=number), size, color_scheme=theme, reduced_motion="reduce"
    ) as page:
        if name == "line":
            page.locator("meterline-line .steps").wait_for()
        save_picture(page, pictures, f"{name}-{theme}-{size[0]}")
        # The tool puts itself into the page, as a script of its own.
        found = AXE.run(page, options=RULES)
        told = [f"{one['id']}: {[node['target'] for node in one['nodes']][:3]}" for one in found.response["violations"]]

    assert told == []


def focused(page: Page) -> Any:
    """What has the focus, through all shadow roots."""
    return page.evaluate(
        f"() => {{ const one = ({FOCUSED})(); return one === null ? null : {{ tag: one.tagName.toLowerCase(),"
        " text: (one.getAttribute('aria-label') ?? one.textContent ?? '').trim().slice(0, 60),"
        " outline: getComputedStyle(one).outlineStyle, width: getComputedStyle(one).outlineWidth,"
        " value: one.dataset?.value ?? '' }; }"
    )


def test_every_control_is_reached_by_the_tab_key_and_shows_it(portal: Portal) -> None:
    with portal.page("UA", PAGES["usage"]) as page:
        controls = page.locator(
            "meterline-portal a:visible, meterline-portal button:visible, meterline-portal select:visible,"
            " meterline-portal summary:visible, meterline-portal input:visible, meterline-portal svg[tabindex='0']"
        ).count()
        reached, unseen = [], []
        for _ in range(controls + 10):
            page.keyboard.press("Tab")
            found = focused(page)
            if found is None or found["tag"] == "body":
                break
            reached.append(found)
            if found["outline"] == "none" or found["width"] == "0px":
                unseen.append(found)

    assert len(reached) >= controls
    assert unseen == []


def test_the_chart_is_read_by_arrow_keys_and_opened_by_enter(portal: Portal) -> None:
    with portal.page("UA", PAGES["usage"]) as page:
        chart = page.locator("meterline-chart svg.surface").first
        chart.focus()
        said = page.locator("meterline-chart [aria-live]").first
        page.keyboard.press("ArrowRight")
        expect(said).to_contain_text("Nov 1")
        page.keyboard.press("ArrowRight")
        expect(said).to_contain_text("Nov 2")
        page.keyboard.press("End")
        expect(said).to_contain_text("Nov 30")
        page.keyboard.press("Enter")
        page.locator("meterline-drawer dialog[open]").wait_for()
        page.keyboard.press("Escape")
        expect(page.locator("dialog[open]")).to_have_count(0)
        assert focused(page)["tag"] == "svg"


@pytest.mark.parametrize("name", PAGES)
def test_at_320_pixels_nothing_scrolls_sideways(portal: Portal, number: str, name: str) -> None:
    with portal.page("UA", PAGES[name].format(number=number), (320, 640)) as page:
        width = page.evaluate("document.documentElement.scrollWidth")
        if name == "usage":
            page.get_by_role("button", name="Choices").click()
            sheet = page.locator("dialog[open]")
            sheet.wait_for()
            page.locator(".sheet select[aria-label='Group by']").select_option("")
            settled(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= 320

    assert width <= 320


def test_enlarged_to_twice_the_size_everything_can_still_be_used(portal: Portal) -> None:
    # Half of the width in pixels of its own is what a page has that is enlarged to 200 %.
    with portal.page("UA", PAGES["usage"], (640, 450), device_scale_factor=2) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 640
        page.locator("nav a").nth(2).click()
        settled(page)
        assert "/cost" in page.url


def test_in_forced_colours_what_is_pressed_and_what_is_which_can_be_told(portal: Portal, pictures: Path) -> None:
    with portal.page("UA", PAGES["usage"], forced_colors="active") as page:
        save_picture(page, pictures, "usage-forced-colours")
        looks = (
            page.locator(".segments")
            .first.locator("button")
            .evaluate_all(
                "(found) => found.map((one) => { const look = getComputedStyle(one);"
                " return [one.getAttribute('aria-pressed'),"
                " look.borderColor + look.borderBottomWidth + look.textDecorationLine + look.backgroundColor"
                " + look.outlineStyle + look.boxShadow + look.fontWeight]; })"
            )
        )
        swatches = page.locator("ul.legend li svg *").evaluate_all(
            "(found) => found.map((one) => getComputedStyle(one).fill)"
        )

    pressed = {look for state, look in looks if state == "true"}
    others = {look for state, look in looks if state == "false"}
    assert len(pressed) == 1
    assert pressed.isdisjoint(others)
    assert len(set(swatches)) == 3
