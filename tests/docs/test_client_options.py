"""The options that docs/sdk.md gives to other languages are those of the SDK and the services."""

from __future__ import annotations

from chassis.rpc.client import channel_options, service_config
from meterline.client import ClientSettings
from testkit.client_options import documented_options, documented_service_config

REPORT = ("metering.ingest.v1.IngestService", "Report")


def test_the_documented_service_config_is_the_one_in_use() -> None:
    assert documented_service_config() == service_config([REPORT])


def test_the_documented_options_are_those_in_use() -> None:
    used = dict(channel_options(ClientSettings(), [REPORT]))
    documented = documented_options()

    assert documented.pop("grpc.service_config") == "the JSON below"
    assert documented == {name: str(used[name]) for name in documented}
    assert len(documented) == 4
