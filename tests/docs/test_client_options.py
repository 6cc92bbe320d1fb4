"""The options that docs/sdk.md gives to other languages are those of the SDK and the services."""

from __future__ import annotations

import json
import re
from pathlib import Path

from chassis.rpc.client import channel_options, service_config
from meterline.client import ClientSettings

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = (ROOT / "docs/sdk.md").read_text(encoding="utf-8").partition("## Other languages")[2]
REPORT = ("metering.ingest.v1.IngestService", "Report")


def test_the_documented_service_config_is_the_one_in_use() -> None:
    (documented,) = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)

    assert json.loads(documented) == service_config([REPORT])


def test_the_documented_options_are_those_in_use() -> None:
    used = dict(channel_options(ClientSettings(), [REPORT]))
    rows = [row.split("|")[1:3] for row in DOCUMENT.splitlines() if row.startswith("| `grpc.")]
    documented = {
        name: value.strip()
        for names, values in rows
        for name, value in zip(re.findall(r"`([^`]+)`", names), values.split(","), strict=True)
    }

    assert documented.pop("grpc.service_config") == "the JSON below"
    assert documented == {name: str(used[name]) for name in documented}
    assert len(documented) == 4
