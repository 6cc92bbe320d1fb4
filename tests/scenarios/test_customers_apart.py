"""Nothing of one customer is in an answer to another's token: the whole suite, each reading call asked by both."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import Forbidden, MeterlineError, NotFound, Reason
from chassis.identity import Scope
from chassis.rpc.method import declared_methods
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.common.v1 import values_pb2
from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from metering.invoicing.v1 import invoicing_service_pb2 as invoicing_pb
from metering.portal.v1 import portal_service_pb2 as portal_pb
from metering.rating.v1 import entitlement_pb2, notice_pb2, wallet_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.client import contract_of
from meterline.suite import services
from testkit.calls import ask
from testkit.live import Tenant
from testkit.wait import wait_until

SERVICES: Final = {service.name: contract_of(service.name)[0] for service in services.SERVICES}
# They tell quantities, and what every customer of the tenant is measured by: nobody's name.
ABOUT_NOBODY: Final = (
    "QueryTotals",
    "QueryManyTotals",
    "CurrentUsage",
    "QueryCurrentUsage",
    "QueryHeatMap",
    "DescribeMeters",
    "VerifyInvoice",
    "VerifyLine",
)
READS: Final = sorted(
    (name, path)
    for name, service in SERVICES.items()
    for path, method in declared_methods(service).items()
    if Scope.READ in method.scopes and not method.concern.is_of_tenant
)
MARK: Final = b"whisper"
CATALOG: Final = """
kind: Meter
metadata: {name: calls}
spec: {eventTypes: [called], aggregation: SUM, value: minutes, unit: min}
---
kind: Plan
metadata: {name: plan}
spec:
  currency: EUR
  items: [{name: Calls, meter: calls, price: {perUnit: "2"}}]
  features: [{name: minutes, meter: calls, limit: "100"}]
"""
NEW_PRICES: Final = """
kind: Plan
metadata: {name: plan}
spec:
  currency: EUR
  notice: {days: 30}
  items: [{name: Calls, meter: calls, price: {perUnit: "3"}}]
  features: [{name: minutes, meter: calls, limit: "100"}]
"""
CUSTOMER: Final = """
---
kind: Customer
metadata: {name: %(name)s}
spec: {displayName: %(name)s Ltd., currency: EUR}
---
kind: Contract
metadata: {name: %(name)s-contract}
spec: {customer: %(name)s, plan: plan, start: "2024-01-01", interval: MONTH, timeZone: UTC}
"""
OWNER, STRANGER = "whisper", "stranger"


def event(event_id: str, customer: str, **properties: str) -> dict[str, Any]:
    return {
        "id": f"{customer}-{event_id}",
        "source": "gateway",
        "type": "called",
        "customer": customer,
        "time": "2024-01-10T00:00:00Z",
        "properties": properties,
    }


class Platform:
    """A tenant with two customers, who have the same of everything, and what each of them may ask."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        tenant.apply(CATALOG + "".join(CUSTOMER % {"name": name} for name in (OWNER, STRANGER)))
        tenant.report(
            *(event(f"{n}", name, **p) for name in (OWNER, STRANGER) for n, p in enumerate([{"minutes": "3"}, {}]))
        )
        invoices = tenant.json("invoice", "finalize", "--period", "2024-01")
        tenant.report(*(event("late", name, minutes="1") for name in (OWNER, STRANGER)))
        wait_until(lambda: len(tenant.json("invoice", "pending")) == 2, 60, what="late usage of both to be pending")
        self.invoices = {invoice["customer"]: invoice for invoice in invoices}
        self.tokens = {
            name: tenant.suite.run("token", "create", "--tenant", tenant.name, "--customer", name).stdout.strip()
            for name in (OWNER, STRANGER)
        }
        for name in (OWNER, STRANGER):
            tenant.json("portal", "link", "--customer", name)
            tenant.json("entitlement", "grant", "minutes", "--customer", name, "--quantity", "5", "--note", name)
            tenant.json("wallet", "grant", name, "--amount", "5", "--reason", name, "--items", "none")
            self._save_view(name)
        tenant.apply(NEW_PRICES)
        tenant.json("price", "notice", "send", "plan")
        self.requests = {name: dict(_requests(tenant, self.invoices[name], name)) for name in (OWNER, STRANGER)}

    def _save_view(self, name: str) -> None:
        context = json.loads(self.tenant.context.read_text(encoding="utf-8"))
        method = f"/{SERVICES['portal'].full_name}/SaveView"
        request = portal_pb.SaveViewRequest(customer=name, name=f"{name}'s own", query="/usage")
        ask(context["services"]["portal"], context["token"], method, request)

    def ask(self, customer: str, service: str, method: str, request: Message) -> list[Message] | MeterlineError:
        """Call a method with a customer's token: all answers, or what it was refused with."""
        context = json.loads(self.tenant.context.read_text(encoding="utf-8"))
        try:
            return ask(context["services"][service], self.tokens[customer], method, request)
        except MeterlineError as refused:
            return refused


def _asked_of_the_aggregator(name: str, snapshot_id: str, january: values_pb2.Period) -> dict[str, Message]:
    return {
        "QueryUsage": aggregator_pb.QueryUsageRequest(
            meter="calls", customers=[name], period=january, freshness=aggregator_pb.Freshness(latest=True)
        ),
        "WatchUsage": aggregator_pb.WatchUsageRequest(
            query=aggregator_pb.QueryUsageRequest(meter="calls", customers=[name], period=january), answers_max=1
        ),
        "SummarizeUsage": aggregator_pb.SummarizeUsageRequest(
            query=aggregator_pb.QueryUsageRequest(meter="calls", customers=[name], period=january)
        ),
        "QueryHeatMap": aggregator_pb.QueryHeatMapRequest(meter="calls", customers=[name], period=january),
        "QueryTotals": aggregator_pb.QueryTotalsRequest(customer=name, period=january),
        "QueryManyTotals": aggregator_pb.QueryManyTotalsRequest(
            questions=[aggregator_pb.TotalsQuestion(customer=name, period=january)]
        ),
        "CurrentUsage": aggregator_pb.CurrentUsageRequest(customer=name, meter="calls", period=january),
        "QueryCurrentUsage": aggregator_pb.QueryCurrentUsageRequest(
            questions=[aggregator_pb.CurrentUsageQuestion(customer=name, meter="calls", period=january)]
        ),
        "GetSnapshot": aggregator_pb.GetSnapshotRequest(snapshot_id=snapshot_id, windows_of_meter="calls"),
        "ListSnapshots": aggregator_pb.ListSnapshotsRequest(customer=name),
        "ListUsageEvents": aggregator_pb.ListUsageEventsRequest(snapshot_id=snapshot_id, meter="calls"),
        "ListMeteredEvents": aggregator_pb.ListMeteredEventsRequest(customer=name, meter="calls", period=january),
        "DescribeMeters": aggregator_pb.DescribeMetersRequest(customer=name),
        "ListParkedEvents": aggregator_pb.ListParkedEventsRequest(customer=name),
    }


def _requests(tenant: Tenant, invoice: dict[str, Any], name: str) -> Iterator[tuple[str, Message]]:
    (line,) = invoice["lines"]
    charge = tenant.json("explain", line["id"])["charge"]["id"]
    january = values_pb2.Period(start=Timestamp(seconds=1_704_067_200), end=Timestamp(seconds=1_706_745_600))
    contract = f"{name}-contract"
    asked: dict[str, dict[str, Message]] = {
        "ingest": {
            "GetEvent": ingest_pb.GetEventRequest(source="gateway", id=f"{name}-0"),
            "ListEvents": ingest_pb.ListEventsRequest(customers=[name]),
            "ScanEvents": ingest_pb.ScanEventsRequest(customers=[name], period=january, events_max=1000),
        },
        "aggregator": _asked_of_the_aggregator(name, line["snapshotId"], january),
        "rating": {
            "GetCustomer": rating_pb.GetCustomerRequest(name=name),
            "GetContract": rating_pb.GetContractRequest(name=contract),
            "ListContracts": rating_pb.ListContractsRequest(customer=name),
            "ListBillingPeriods": rating_pb.ListBillingPeriodsRequest(customer=name, from_billing_period="2024-01"),
            "ListCharges": rating_pb.ListChargesRequest(contract=contract, billing_period="2024-01"),
            "ListChargesOfPeriods": rating_pb.ListChargesOfPeriodsRequest(
                customer=name, periods=[rating_pb.AskedPeriod(contract=contract, billing_period="2024-01")]
            ),
            "WatchCharges": rating_pb.WatchChargesRequest(contract=contract, billing_period="2024-01", answers_max=1),
            "QueryCost": rating_pb.QueryCostRequest(contract=contract, billing_period="2024-01"),
            "ExplainVariance": rating_pb.ExplainVarianceRequest(
                contract=contract, billing_period="2024-01", against_billing_period="2024-01"
            ),
            "GetPriceList": rating_pb.GetPriceListRequest(contract=contract, billing_period="2024-01"),
            "QuotePrice": rating_pb.QuotePriceRequest(
                contract=contract,
                billing_period="2024-01",
                questions=[rating_pb.PriceQuestion(item="Calls", quantity="1")],
            ),
            "CheckEntitlement": entitlement_pb2.CheckEntitlementRequest(customer=name, feature="minutes"),
            "ListEntitlements": entitlement_pb2.ListEntitlementsRequest(customer=name),
            "ListGrants": entitlement_pb2.ListGrantsRequest(customer=name),
            "GetWallet": wallet_pb2.GetWalletRequest(customer=name),
            "ListPriceNotices": notice_pb2.ListPriceNoticesRequest(customer=name),
            "ListRatedPeriods": rating_pb.ListRatedPeriodsRequest(customer=name),
            "ExplainCharge": rating_pb.ExplainChargeRequest(charge_id=charge),
            "ListChargeEvents": rating_pb.ListChargeEventsRequest(charge_id=charge),
            "ListUnbilledUsage": rating_pb.ListUnbilledUsageRequest(customers=[name]),
        },
        "portal": {
            "ListSessions": portal_pb.ListSessionsRequest(customer=name),
            "ListViews": portal_pb.ListViewsRequest(customer=name),
        },
        "invoicing": {
            "PreviewInvoice": invoicing_pb.PreviewInvoiceRequest(contract=contract, billing_period="2024-02"),
            "ListPendingAdjustments": invoicing_pb.ListPendingAdjustmentsRequest(customer=name, currency="EUR"),
            "ListAccounts": invoicing_pb.ListAccountsRequest(customer=name),
            "GetInvoice": invoicing_pb.GetInvoiceRequest(number=invoice["number"]),
            "ListInvoices": invoicing_pb.ListInvoicesRequest(customer=name),
            "ExplainLine": invoicing_pb.ExplainLineRequest(line_id=line["id"]),
            "ExplainDraftLine": invoicing_pb.ExplainDraftLineRequest(
                contract=contract, billing_period="2024-02", line_id="draft.1"
            ),
            "ListLineEvents": invoicing_pb.ListLineEventsRequest(line_id=line["id"]),
            "VerifyInvoice": invoicing_pb.VerifyInvoiceRequest(number=invoice["number"]),
            "VerifyLine": invoicing_pb.VerifyLineRequest(line_id=line["id"]),
        },
    }
    for service, requests in asked.items():
        for method, request in requests.items():
            yield f"/{SERVICES[service].full_name}/{method}", request


@pytest.fixture(scope="module")
def platform(make_tenant: Callable[[str], Tenant]) -> Platform:
    return Platform(make_tenant("platform"))


@pytest.mark.parametrize(
    ("service", "method"), READS, ids=[f"{service}-{method.rpartition('/')[2]}" for service, method in READS]
)
def test_a_customer_is_told_its_own_and_nothing_of_another(platform: Platform, service: str, method: str) -> None:
    request = platform.requests[OWNER][method]

    told = platform.ask(OWNER, service, method, request)
    strangers = platform.ask(STRANGER, service, method, request)

    assert isinstance(told, list)
    assert any(MARK in answer.SerializeToString() for answer in told) or method.endswith(ABOUT_NOBODY)
    assert isinstance(strangers, NotFound)
    assert all(
        isinstance(platform.ask(STRANGER, service, method, own), list) for own in [platform.requests[STRANGER][method]]
    )


LISTS: Final = {
    "ListEvents": ("ingest", ingest_pb.ListEventsRequest()),
    "ListParkedEvents": ("aggregator", aggregator_pb.ListParkedEventsRequest()),
    "ListContracts": ("rating", rating_pb.ListContractsRequest()),
    "ListRatedPeriods": ("rating", rating_pb.ListRatedPeriodsRequest()),
    "ListSnapshots": ("aggregator", aggregator_pb.ListSnapshotsRequest()),
    "ListUnbilledUsage": ("rating", rating_pb.ListUnbilledUsageRequest()),
    "ListAccounts": ("invoicing", invoicing_pb.ListAccountsRequest()),
    "ListInvoices": ("invoicing", invoicing_pb.ListInvoicesRequest()),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_that_names_nobody_holds_the_own_alone(platform: Platform, name: str) -> None:
    service, request = LISTS[name]

    told = platform.ask(STRANGER, service, f"/{SERVICES[service].full_name}/{name}", request)

    assert isinstance(told, list)
    assert any(STRANGER.encode() in answer.SerializeToString() for answer in told)
    assert all(MARK not in answer.SerializeToString() for answer in told)


def test_what_concerns_the_tenant_is_refused(platform: Platform) -> None:
    request = rating_pb.ListCustomersRequest()

    refused = platform.ask(STRANGER, "rating", f"/{SERVICES['rating'].full_name}/ListCustomers", request)

    assert isinstance(refused, Forbidden)
    assert refused.reason is Reason.CUSTOMER_BOUND


def test_it_takes_as_long_to_be_told_nothing_of_another_as_of_what_does_not_exist(platform: Platform) -> None:
    method = f"/{SERVICES['ingest'].full_name}/GetEvent"
    others, nobodys = platform.requests[OWNER][method], ingest_pb.GetEventRequest(source="nowhere", id="none")
    taken_s: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(30):
        is_other = bool(turn % 2)
        started_s = time.perf_counter()
        assert isinstance(platform.ask(STRANGER, "ingest", method, others if is_other else nobodys), NotFound)
        taken_s[is_other].append(time.perf_counter() - started_s)

    others_s, nobodys_s = (statistics.median(taken_s[is_other]) for is_other in (True, False))
    assert others_s == pytest.approx(nobodys_s, rel=0.5)


def test_a_revoked_token_is_refused_within_half_a_minute(platform: Platform) -> None:
    suite = platform.tenant.suite
    options = ("--tenant", platform.tenant.name, "--customer", STRANGER, "--id", f"lost-{platform.tenant.name}")
    platform.tokens["lost"] = suite.run("token", "create", *options).stdout.strip()
    method, request = f"/{SERVICES['invoicing'].full_name}/ListInvoices", invoicing_pb.ListInvoicesRequest()
    assert isinstance(platform.ask("lost", "invoicing", method, request), list)

    suite.run("token", "revoke", f"lost-{platform.tenant.name}")

    def is_refused() -> bool:
        answer = platform.ask("lost", "invoicing", method, request)
        return isinstance(answer, MeterlineError) and answer.reason is Reason.TOKEN_REVOKED

    wait_until(is_refused, 30, what="the token to be refused")
    assert isinstance(platform.ask(STRANGER, "invoicing", method, request), list)
