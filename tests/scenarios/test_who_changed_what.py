"""`meterline audit`: who changed what, with which token, why, and what was refused; and that nothing is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from testkit.live import LiveSuite, Tenant

CATALOG = """
kind: Meter
metadata: {name: minutes}
spec: {eventTypes: [call.ended], aggregation: SUM, valueProperty: minutes}
---
kind: Product
metadata: {name: calls}
spec: {meter: minutes}
---
kind: Plan
metadata: {name: plan}
spec:
  currency: EUR
  items: [{name: calls, product: calls, price: {perUnit: "0.10"}}]
---
kind: Customer
metadata: {name: ann}
spec: {currency: EUR}
---
kind: Contract
metadata: {name: ann-1}
spec: {customer: ann, plan: plan, start: "2013-01-01", timeZone: UTC}
"""


def audit(tenant: Tenant, *arguments: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = tenant.json("audit", "list", *arguments)["records"]
    return records


def calls(records: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(found["service"], found["method"].rpartition("/")[2], found["outcome"]) for found in records]


def test_every_change_has_its_record_and_a_bill_is_followed_through_all_services(
    make_tenant: Callable[[str], Tenant],
) -> None:
    tenant = make_tenant("audited")
    tenant.run("--reason", "the new contract", "apply", "-f", "-", stdin=CATALOG)
    tenant.run("--reason", "closing Jänner", "invoice", "finalize", "--period", "2013-01")
    # Once more: everything is as wanted, so nothing is recorded.
    tenant.run("invoice", "finalize", "--period", "2013-01")

    records = audit(tenant)

    assert calls(records) == [
        ("aggregator", "ApplyMeter", "OK"),
        ("rating", "ApplyCatalog", "OK"),
        ("aggregator", "SealUsage", "OK"),
        ("rating", "RateUsage", "OK"),
        ("invoicing", "FinalizeInvoice", "OK"),
    ]
    assert [found["reason"] for found in records if found["subject"] not in {"rating", "invoicing"}] == [
        "the new contract",
        "the new contract",
        "closing Jänner",
    ]
    assert all(found["tokenId"] and found["traceId"] for found in records)
    assert calls(audit(tenant, "--method", "FinalizeInvoice")) == [("invoicing", "FinalizeInvoice", "OK")]
    assert audit(tenant, "--subject", "nobody") == []
    tenant.run("audit", "verify")


def test_what_was_refused_is_recorded_with_the_one_who_asked(
    make_tenant: Callable[[str], Tenant], suite: LiveSuite
) -> None:
    tenant = make_tenant("refused")
    reader = suite.run("token", "create", "--tenant", tenant.name, "--scope", "read", "--subject", "bob").stdout.strip()
    only_reads = tenant.directory / "reader.json"
    only_reads.write_text(json.dumps({**suite.context, "token": reader}))
    suite.run("apply", "-f", "-", stdin=CATALOG, expected=(6,), context=only_reads)
    tenant.run("apply", "-f", "-", stdin=CATALOG.replace("customer: ann,", "customer: bea,"), expected=(3,))

    records = audit(tenant)

    # A rehearsal that fails, as the second was, changes nothing and was not meant to.
    assert {(found["subject"], found["outcome"]) for found in records} == {("bob", "SCOPE_MISSING")}
    refused = tenant.run("audit", "list", "--service", "nobody", expected=(2,))
    assert "there is no service 'nobody'; they are ingest, aggregator" in refused.stderr
