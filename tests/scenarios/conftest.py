"""One running suite for all scenarios; each scenario is a tenant of its own, so that none sees another's usage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from meterline.suite.services import SERVICES
from testkit.live import LiveSuite, Tenant
from testkit.otlp import OtlpReceiver


@pytest.fixture(scope="session")
def otlp() -> Iterator[OtlpReceiver]:
    """A real OTLP/gRPC receiver that keeps every span it gets."""
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory, otlp: OtlpReceiver) -> Iterator[LiveSuite]:
    """The suite, as `meterline up` starts it, exporting its telemetry to `otlp`."""
    environment = {f"{service.name.upper()}_OTLP_ENDPOINT": otlp.endpoint for service in SERVICES}
    with LiveSuite(tmp_path_factory.mktemp("suite"), environment) as running:
        yield running


@pytest.fixture(scope="session")
def make_tenant(suite: LiveSuite, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Tenant]:
    """Make a fresh tenant; the name given is the beginning of its own."""
    ordinals = count(1)

    def make(name: str) -> Tenant:
        return Tenant.create(suite, f"{name}-{next(ordinals)}", tmp_path_factory.mktemp(name))

    return make
