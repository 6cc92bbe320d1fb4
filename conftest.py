"""Settings of the whole test run: the kit's fixtures, and the flag that adds the long runs."""

from __future__ import annotations

import pytest

pytest_plugins = ["testkit.plugin"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --slow."""
    parser.addoption("--slow", action="store_true", help="also run tests marked slow (long failure and property runs)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is marked slow unless it was asked for."""
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="long run; make test-slow runs it")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)
