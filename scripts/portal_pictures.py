"""Makes the two pictures of the portal that README.md shows, from a link of the demo.

    make demo KEEP=1
    METERLINE_CONTEXT=… .venv/bin/meterline portal link --customer UA
    .venv/bin/python scripts/portal_pictures.py LINK

It needs Chromium, as `tests/portal` does.
"""

from __future__ import annotations

import sys
from typing import Final, Literal

from playwright.sync_api import Page

from testkit.browser.chromium import CHROMIUM, chromium
from testkit.browser.portal import open_link, settled
from testkit.flights import ROOT

FOLDER: Final = ROOT / "docs" / "pictures"
PAGE: Final = "/?billingPeriod=2013-11"
SIZE: Final = (1200, 1010)
THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


def main(link: str) -> int:
    """Make the pictures; return the exit code."""
    if CHROMIUM is None:
        sys.stderr.write("no Chromium here; of Debian it is the package chromium\n")
        return 1
    FOLDER.mkdir(exist_ok=True)
    with chromium() as browser:
        context = browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]}, locale="en-US")
        page = context.new_page()
        open_link(page, link)
        for theme in THEMES:
            take(page, theme, link.partition("/l/")[0])
    return 0


def take(page: Page, theme: Literal["light", "dark"], portal: str) -> None:
    """Take one picture."""
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.goto(portal + PAGE)
    settled(page)
    page.locator("meterline-waterfall svg").first.wait_for()
    page.screenshot(path=FOLDER / f"portal-{theme}.png")


if __name__ == "__main__":
    _, *links = sys.argv
    if len(links) != 1:
        raise SystemExit(__doc__)
    sys.exit(main(*links))
