"""An invoice on paper: everything that counts, no controls, black on white, on one or two pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page

from testkit.browser.portal import Portal

BLACK_ON_WHITE_MIN = 4.5
COLOURS = """() => {
  const lit = (colour) => { const c = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    c.fillStyle = colour; c.fillRect(0, 0, 1, 1); const [r, g, b] = c.getImageData(0, 0, 1, 1).data;
    const part = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b); };
  const found = [];
  const walk = (root) => { for (const one of root.querySelectorAll("td, th, p, dd, dt, button.figure")) {
      if (one.checkVisibility() && one.textContent.trim() !== "") found.push(lit(getComputedStyle(one).color)); }
    for (const one of root.querySelectorAll("*")) if (one.shadowRoot) walk(one.shadowRoot); };
  walk(document);
  return [lit(getComputedStyle(document.body).backgroundColor), Math.max(...found), found.length];
}"""


def pages_of(document: bytes) -> int:
    """How many pages a PDF of Chromium's has."""
    return len(re.findall(rb"/Type\s*/Page\b", document))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_invoice_prints_whole_on_at_most_two_pages_black_on_white(
    portal: Portal, theme: Literal["light", "dark"], pictures: Path
) -> None:
    invoice = portal.preview("UA", "2013-11")
    with portal.page("UA", f"/invoices/{invoice['number']}", color_scheme=theme) as page:
        page.emulate_media(media="print", color_scheme=theme)
        paper = page.locator("article.paper").inner_text()
        controls = visible(page, ".controls") + visible(page, "nav")
        white, darkest, count = page.evaluate(COLOURS)
        document = page.pdf(format="A4", print_background=False)
        pictures.mkdir(parents=True, exist_ok=True)
        (pictures / f"invoice-print-{theme}.pdf").write_bytes(document)
        tiers = page.locator("article.paper .paper-only:visible").count()

    assert controls == 0
    assert 1 <= pages_of(document) <= 2
    assert white == pytest.approx(1)
    assert count > 20
    assert (1 + 0.05) / (darkest + 0.05) >= BLACK_ON_WHITE_MIN
    for line in invoice["lines"]:
        whole, _, places = line["amount"].partition(".")
        assert f"{int(whole):,}.{places}" in paper, line["item"]
    assert tiers == sum(len(line["tiers"]) for line in invoice["lines"])
    assert f"{float(invoice['total']):,.2f}" in paper


def visible(page: Page, selector: str) -> int:
    return page.locator(f"{selector}:visible").count()
