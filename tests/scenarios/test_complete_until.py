"""What was accepted by the time until which a number is complete is in it: in usage, charges and drafts alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.common.v1 import values_pb2
from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from metering.ingest.v1 import usage_event_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as invoicing_pb
from metering.rating.v1 import rating_service_pb2 as rating_pb
from testkit.calls import ask
from testkit.live import Tenant
from testkit.wait import wait_until

ROUNDS: Final = 12
CATALOG: Final = """
kind: Meter
metadata: {name: calls}
spec: {eventTypes: [called], aggregation: COUNT}
---
kind: Plan
metadata: {name: plan}
spec:
  currency: EUR
  items: [{name: Calls, meter: calls, price: {perUnit: "1"}}]
---
kind: Customer
metadata: {name: customer}
spec: {displayName: Customer Ltd., currency: EUR}
---
kind: Contract
metadata: {name: contract}
spec: {customer: customer, plan: plan, start: "2020-01-01", interval: MONTH, timeZone: UTC}
"""


class Platform:
    """A tenant that reports calls one by one, and knows when each was acknowledged."""

    def __init__(self, tenant: Tenant) -> None:
        tenant.apply(CATALOG)
        context = json.loads(tenant.context.read_text(encoding="utf-8"))
        self.services, self.token = context["services"], context["token"]
        # All happen at one moment, so that no month ends between two of them.
        self.began = datetime.now(UTC)
        self.period = self.began.strftime("%Y-%m")
        self.acknowledged: list[datetime] = []

    def ask(self, service: str, name: str, method: str, request: Any) -> Any:
        (answer,) = ask(self.services[service], self.token, f"/metering.{service}.v1.{name}/{method}", request)
        return answer

    def report(self) -> None:
        event = usage_event_pb2.UsageEvent(
            id=f"call-{len(self.acknowledged)}", source="switch", type="called", customer="customer"
        )
        event.time.FromDatetime(self.began)
        answer = self.ask("ingest", "IngestService", "Report", ingest_pb.ReportRequest(events=[event]))
        assert answer.accepted == 1
        self.acknowledged.append(datetime.now(UTC))

    def numbers(self) -> Iterator[tuple[str, values_pb2.AsOf, int]]:
        """What each service says of all calls: how far that reaches, and how many they are."""
        usage = self.ask("aggregator", "AggregatorService", "QueryUsage", usage_request())
        yield "usage", usage.as_of, sum(row.event_count for row in usage.rows)
        wanted: Any = rating_pb.ListChargesRequest(contract="contract", billing_period=self.period)
        charges = self.ask("rating", "RatingService", "ListCharges", wanted)
        yield "charges", charges.as_of, sum(charge.event_count for charge in charges.charges)
        wanted = invoicing_pb.PreviewInvoiceRequest(contract="contract", billing_period=self.period)
        draft = self.ask("invoicing", "InvoicingService", "PreviewInvoice", wanted).invoice
        yield "draft", draft.as_of, sum(line.event_count for line in draft.lines)


def usage_request() -> aggregator_pb.QueryUsageRequest:
    request = aggregator_pb.QueryUsageRequest(meter="calls", customers=["customer"])
    request.period.start.FromDatetime(datetime(2020, 1, 1, tzinfo=UTC))
    request.period.end.FromDatetime(datetime(9000, 1, 1, tzinfo=UTC))
    return request


@pytest.fixture(scope="module")
def platform(make_tenant: Callable[[str], Tenant]) -> Platform:
    return Platform(make_tenant("complete"))


def test_every_number_has_what_was_accepted_by_the_time_until_which_it_is_complete(platform: Platform) -> None:
    known = dict.fromkeys(("usage", "charges", "draft"), 0)
    for _ in range(ROUNDS):
        platform.report()
        for what, as_of, calls in platform.numbers():
            if as_of.HasField("complete_until"):
                until = as_of.complete_until.ToDatetime(tzinfo=UTC)
                known[what] += 1
                assert calls >= sum(moment <= until for moment in platform.acknowledged), what

    def is_complete() -> bool:
        found = {what: (as_of, calls) for what, as_of, calls in platform.numbers()}
        return all(
            as_of.HasField("complete_until")
            and as_of.complete_until.ToDatetime(tzinfo=UTC) >= platform.acknowledged[-1]
            for as_of, _ in found.values()
        ) and {calls for _, calls in found.values()} == {ROUNDS}

    wait_until(is_complete, 20, what="all numbers to be complete beyond the last call")
    assert all(known.values()), known
