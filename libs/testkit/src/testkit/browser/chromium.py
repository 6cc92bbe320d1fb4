"""The browser of the machine. None is ever downloaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from playwright.sync_api import Browser, sync_playwright

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM: Final = next((path for path in map(shutil.which, _NAMES) if path), None)
needs_chromium: Final = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: of Debian the package chromium")
# Without a sandbox, as root in a container has none; without a shared memory that is too small there.
_ARGUMENTS: Final = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--force-color-profile=srgb")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the browser for the block.

    It must end before another test runs a loop of asyncio in the same thread, as Playwright keeps one there.
    """
    assert CHROMIUM is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*_ARGUMENTS])
        try:
            yield browser
        finally:
            browser.close()
