"""The channel options that docs/sdk.md gives to programs without the SDK."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from testkit.flights import ROOT


def documented_options() -> dict[str, str]:
    """Return the options of the table by name, as they are written there."""
    rows = [row.split("|")[1:3] for row in _document().splitlines() if row.startswith("| `grpc.")]
    return {
        name: value.strip()
        for names, values in rows
        for name, value in zip(re.findall(r"`([^`]+)`", names), values.split(","), strict=True)
    }


def documented_service_config() -> dict[str, Any]:
    """Return the one service config that is written out."""
    (text,) = re.findall(r"```json\n(.*?)```", _document(), re.DOTALL)
    config: dict[str, Any] = json.loads(text)
    return config


def options_of_a_reader(methods: Iterable[tuple[str, str]]) -> list[tuple[str, str | int]]:
    """Return what a program that follows the page gives its channel, with its own methods that may be repeated."""
    config = documented_service_config()
    config["methodConfig"][0]["name"] = [{"service": service, "method": method} for service, method in methods]
    numbers = {name: int(value) for name, value in documented_options().items() if value.isdecimal()}
    return [*numbers.items(), ("grpc.service_config", json.dumps(config))]


def _document() -> str:
    return (ROOT / "docs/sdk.md").read_text(encoding="utf-8").partition("## Other languages")[2]
