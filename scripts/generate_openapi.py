"""Writes ui/openapi.json from the portal's application; `--check` fails if the file differs from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from generated import write_or_check
from portal.web.app import api

TARGET: Final = Path(__file__).parent.parent / "ui" / "openapi.json"


def render() -> str:
    """Return the description of what the portal's pages ask."""
    return json.dumps(api().openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    raise SystemExit(write_or_check(TARGET, render(), "the portal's application"))
