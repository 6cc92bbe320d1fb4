"""The portal in Chromium over the whole suite, with the demo's real flights. Skipped where there is no browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from testkit.browser.airlines import airlines
from testkit.browser.chromium import CHROMIUM, chromium, needs_chromium
from testkit.browser.portal import Portal
from testkit.flights import ROOT
from testkit.live import LiveSuite, Tenant


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of this folder where there is no browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents and CHROMIUM is None:
            item.add_marker(needs_chromium)


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSuite]:
    """A suite for the tests of pages."""
    with LiveSuite(tmp_path_factory.mktemp("suite")) as running:
        yield running


@pytest.fixture(scope="session")
def tenant(suite: LiveSuite, tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    """The tenant whose customers are the airlines."""
    return airlines(suite, tmp_path_factory.mktemp("airlines"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of one file."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def portal(tenant: Tenant, browser: Browser) -> Portal:
    """The portal of the airlines."""
    return Portal(tenant, browser)


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where pictures of the pages are kept."""
    return ROOT / ".cache" / "portal-pictures"
