"""The whole suite over mutual TLS, as `meterline up --tls` runs it: from usage to an invoice, and who is kept out."""

from __future__ import annotations

import dataclasses
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline import Client, MeterlineError
from meterline.suite import context as contexts
from meterline.suite.certificates import Certificates
from testkit.live import LiveSuite, Tenant
from testkit.wait import wait_until

CATALOG = """
kind: Meter
metadata: {name: calls}
spec: {eventTypes: [call], aggregation: COUNT}
---
kind: Plan
metadata: {name: basic}
spec:
  currency: EUR
  items:
    - {name: Calls, meter: calls, price: {perUnit: {unitPrice: "0.25"}}}
---
kind: Customer
metadata: {name: acme}
spec: {displayName: Acme Ltd., currency: EUR}
---
kind: Contract
metadata: {name: acme-2024}
spec: {customer: acme, plan: basic, start: "2024-01-01", interval: MONTH, timeZone: UTC}
"""
EVENTS = [
    {"id": f"call-{n}", "source": "api", "type": "call", "customer": "acme", "time": f"2024-01-{n:02}T08:00:00Z"}
    for n in range(1, 9)
]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSuite]:
    """A suite of its own, for the others speak plain text on loopback."""
    with LiveSuite(tmp_path_factory.mktemp("tls-suite"), options=["--tls"]) as running:
        yield running


@pytest.fixture(scope="module")
def tenant(suite: LiveSuite, tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    return Tenant.create(suite, "over-tls", tmp_path_factory.mktemp("tenant"))


def test_a_suite_that_speaks_tls_bills_an_invoice(tenant: Tenant) -> None:
    tenant.apply(CATALOG)
    assert tenant.report(*EVENTS)["accepted"] == 8

    (invoice,) = tenant.json("invoice", "finalize", "--period", "2024-01")

    assert invoice["total"] == "2.00"
    assert {service["state"] for service in tenant.json("status")["services"]} == {"up"}


def test_the_sdk_finds_certificates_in_the_context_file(tenant: Tenant) -> None:
    with Client.from_context(tenant.context) as client:
        plans = client.call(client.aio.rating.ListPlans(rating_pb.ListPlansRequest())).plans

    assert [plan.name for plan in plans] == ["basic"]


def test_without_a_certificate_nobody_is_answered(tenant: Tenant) -> None:
    known = contexts.load(tenant.context)
    assert known.tls is not None
    for tls in (None, contexts.Tls(known.tls.ca_file)):
        with Client(dataclasses.replace(known, tls=tls)) as client, pytest.raises(MeterlineError, match="be reached"):
            client.call(client.aio.rating.ListPlans(rating_pb.ListPlansRequest()))


def test_the_health_port_stays_plain_as_probes_need_it(suite: LiveSuite) -> None:
    for address in suite.context["health"].values():
        with grpc.insecure_channel(address) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(health_pb2.HealthCheckRequest(service="readiness"), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_the_keys_are_for_their_owner_alone(suite: LiveSuite) -> None:
    directory = suite.directory / "data" / "tls"
    keys = sorted(directory.glob("*.key"))

    assert [key.stem for key in keys] == ["aggregator", "ca", "ingest", "invoicing", "operator", "portal", "rating"]
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_new_certificates_are_taken_over_while_the_suite_runs(suite: LiveSuite, tenant: Tenant) -> None:
    # As `up` itself does every few hours.
    Certificates(suite.directory / "data" / "tls").renew(suite.context["services"])

    def taken_over(service: str) -> bool:
        log = (suite.directory / "data" / "logs" / f"{service}.log").read_text(encoding="utf-8")
        return '"the changed TLS files are in use"' in log

    for service in suite.context["services"]:
        tenant.json("status")
        wait_until(lambda service=service: taken_over(service), 30, what=f"{service} to take them over")  # type: ignore[misc]
    assert {service["state"] for service in tenant.json("status")["services"]} == {"up"}


def test_plain_text_beyond_this_machine_is_refused_with_what_to_do(tenant: Tenant, tmp_path: Path) -> None:
    document = json.loads(tenant.context.read_text(encoding="utf-8"))
    away = tmp_path / "away.json"
    services = dict.fromkeys(document["services"], "meterline.example:443")
    away.write_text(json.dumps({"services": services, "token": document["token"]}), encoding="utf-8")

    done = tenant.suite.run("get", "plans", context=away, expected=(2,))

    assert "in plain text beyond this machine" in done.stderr
    assert "METERLINE_CA_FILE" in done.stderr
