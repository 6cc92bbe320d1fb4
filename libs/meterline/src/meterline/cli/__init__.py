"""The `meterline` command: the suite from a terminal."""

from __future__ import annotations

from meterline.cli.app import main

__all__ = ["main"]
