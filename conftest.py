"""Settings of the whole test run: the kit's fixtures."""

from __future__ import annotations

pytest_plugins = ["testkit.plugin"]
