"""Nothing that one tenant wrote is in an answer to another: each reading call, asked with the other's names.

A stranger has nothing of its own. A twin has everything under the same names, so that whatever forgets to ask for the
tenant finds the other's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final

import pytest
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import NotFound
from chassis.identity import Scope
from chassis.rpc.method import declared_methods
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.aggregator.v1 import meter_pb2
from metering.common.v1 import feed_service_pb2, values_pb2
from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from metering.ingest.v1 import usage_event_pb2
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as invoicing_pb
from metering.portal.v1 import portal_service_pb2 as portal_pb
from metering.portal.v1 import profile_pb2, session_pb2
from metering.rating.v1 import catalog_pb2, coupon_pb2, entitlement_pb2, notice_pb2, wallet_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.client import contract_of
from meterline.suite import services
from testkit.calls import ask
from testkit.live import Tenant
from testkit.wait import wait_until

pytestmark = pytest.mark.timeout(300)  # the first tests of a fixture bill a month of a tenant
SERVICES: Final = {service.name: contract_of(service.name)[0] for service in services.SERVICES}
FEED: Final = feed_service_pb2.DESCRIPTOR.services_by_name["FeedService"]
READS: Final = sorted(
    (name, path)
    for name, service in [*SERVICES.items(), ("ingest", FEED), ("aggregator", FEED)]
    for path, method in declared_methods(service).items()
    if Scope.READ in method.scopes
)
# They tell how long the log is and how far it is read: of the whole installation, and about nobody.
ABOUT_NOBODY: Final = {"Heads", "GetProgress", "GetStatus"}
READS_OF_SOMEBODY: Final = [method for _, method in READS if method.rpartition("/")[2] not in ABOUT_NOBODY]
# They count, and name nothing unless something is wrong.
COUNTS: Final = {
    "CurrentUsage",
    "QueryCurrentUsage",
    "GetCompleteness",
    "LintPlans",
    "QueryHeatMap",
    "VerifyInvoices",
    "VerifyInvoice",
    "VerifyLine",
}
# When an answer was made, or something last came, and how far the log of all was read for it.
FRESHNESS: Final = {"as_of", "checked_at", "positions_done", "positions_total", "staleness_ms", "change_position"}
WHISPERED: Final = meter_pb2.MeterSpec(
    event_types=["whisper.called"], aggregation=meter_pb2.AGGREGATION_SUM, value_property="minutes"
)
MARK: Final = b"whisper"
OWN_VOICE, TWINS_VOICE = "murmur", "shout"
QUESTIONS: Final = (rating_pb.PriceQuestion(item="Whisper calls", quantity="1"),)
"""What the owner and its twin, whose names are the same, write into every text that is no name."""
CATALOG: Final = """
kind: Meter
metadata: {name: whisper-calls}
spec: {eventTypes: [whisper.called], aggregation: SUM, value: minutes, unit: min}
---
kind: EventSchema
metadata: {name: whisper.called}
spec: {properties: [{name: minutes, type: DECIMAL}]}
---
kind: Plan
metadata: {name: whisper-plan}
spec:
  currency: EUR
  items: [{name: Whisper calls, meter: whisper-calls, price: {perUnit: "2"}}]
  features: [{name: whisper-minutes, meter: whisper-calls, limit: "100"}]
---
kind: Customer
metadata: {name: whisper-customer}
spec: {displayName: VOICE whisper Ltd., currency: EUR}
---
kind: Contract
metadata: {name: whisper-contract}
spec: {customer: whisper-customer, plan: whisper-plan, start: "2024-01-01", interval: MONTH, timeZone: UTC}
"""
NEW_PRICES: Final = """
kind: Plan
metadata: {name: whisper-plan}
spec:
  currency: EUR
  notice: {days: 30}
  items: [{name: Whisper calls, meter: whisper-calls, price: {perUnit: "3"}}]
  features: [{name: whisper-minutes, meter: whisper-calls, limit: "100"}]
"""


def event(event_id: str, **properties: str) -> dict[str, Any]:
    return {
        "id": event_id,
        "source": "whisper-gateway",
        "type": "whisper.called",
        "customer": "whisper-customer",
        "time": "2024-01-10T00:00:00Z",
        "properties": properties,
    }


def call(tenant: Tenant, service: str, method: str, request: Message) -> list[Message] | None:
    """Call a method as a tenant's user: its answers (of a stream: all of them), or None if nothing was found."""
    context = json.loads(tenant.context.read_text(encoding="utf-8"))
    try:
        return ask(context["services"][service], context["token"], method, request)
    except NotFound:
        return None


@dataclass(frozen=True)
class Owner:
    """The tenant that wrote everything, and a request for each reading method that its own objects answer."""

    tenant: Tenant
    requests: dict[str, Message]


@pytest.fixture(scope="module")
def owner(make_tenant: Callable[[str], Tenant]) -> Owner:
    return with_everything(make_tenant("owner"), OWN_VOICE, minutes="3")


def with_everything(tenant: Tenant, voice: str, minutes: str) -> Owner:
    """Write one of everything as a tenant: under the names that all have, and with texts and usage of its own."""
    tenant.apply(CATALOG.replace("VOICE", voice))
    tenant.apply(NEW_PRICES)
    tenant.json("price", "notice", "send", "whisper-plan", "--override", f"{voice} whispered")
    product = catalog_pb2.ProductSpec(display_name=f"{voice} whisper calls", meter="whisper-calls")
    call(
        tenant,
        "rating",
        f"/{SERVICES['rating'].full_name}/ApplyProduct",
        rating_pb.ApplyProductRequest(name="whisper-product", spec=product),
    )
    call(
        tenant,
        "rating",
        f"/{SERVICES['rating'].full_name}/GrantEntitlement",
        entitlement_pb2.GrantEntitlementRequest(
            customer="whisper-customer", feature="whisper-minutes", quantity=minutes, note=f"{voice} whispered"
        ),
    )
    call(
        tenant,
        "rating",
        f"/{SERVICES['rating'].full_name}/GrantCredit",
        wallet_pb2.GrantCreditRequest(
            customer="whisper-customer", amount=minutes, reason=f"{voice} whispered", items=["none"]
        ),
    )
    discount = coupon_pb2.CouponDiscount(name=f"{voice} whispers", percent="1", periods=1)
    call(
        tenant,
        "rating",
        f"/{SERVICES['rating'].full_name}/ApplyCoupon",
        coupon_pb2.ApplyCouponRequest(name="whisper-coupon", spec=coupon_pb2.CouponSpec(discount=discount)),
    )
    redeemed = tenant.json("coupon", "redeem", "whisper-coupon", "--contract", "whisper-contract")["redemption"]
    assert tenant.json("coupon", "show", "whisper-coupon")["redemptions"] == [redeemed]
    profile = invoice_pb2.BillingProfileSpec(seller=f"{voice} whisper Inc.", number_prefix="INV")
    call(
        tenant,
        "invoicing",
        f"/{SERVICES['invoicing'].full_name}/ApplyBillingProfile",
        invoicing_pb.ApplyBillingProfileRequest(spec=profile),
    )
    call(
        tenant,
        "ingest",
        f"/{SERVICES['ingest'].full_name}/OpenBackfill",
        ingest_pb.OpenBackfillRequest(description=f"{voice} whisper of old"),
    )
    for method, request in _of_the_portal(voice):
        call(tenant, "portal", f"/{SERVICES['portal'].full_name}/{method}", request)
    reported = tenant.report(event("whisper-1", minutes=minutes, voice=voice), event("whisper-2", voice=voice))
    assert reported["accepted"] == 2
    in_future = {**event("whisper-refused", voice=voice), "time": "2222-01-01T00:00:00Z"}
    tenant.run("report", "-f", "-", stdin=json.dumps(in_future), expected=(7,))
    (invoice,) = tenant.json("invoice", "finalize", "--period", "2024-01")
    tenant.report(event("whisper-late", minutes=minutes, voice=voice))
    wait_until(lambda: tenant.json("invoice", "pending"), 60, what="late usage to be pending")
    return Owner(tenant, dict(_requests(tenant, invoice)))


def _of_the_portal(voice: str) -> Iterator[tuple[str, Message]]:
    customer, link = "whisper-customer", session_pb2.SESSION_KIND_LINK
    texts = {"en": profile_pb2.Texts(texts={"help": f"{voice} whisper"})}
    yield "ApplyProfile", portal_pb.ApplyProfileRequest(spec=profile_pb2.ProfileSpec(texts=texts))
    yield "CreateSession", portal_pb.CreateSessionRequest(customer=customer, kind=link, reason=f"{voice} whisper")
    yield "SaveView", portal_pb.SaveViewRequest(customer=customer, name=f"{voice} whisper", query="/usage")


def _asked_of_the_portal(customer: str) -> dict[str, Message]:
    return {
        "ListSessions": portal_pb.ListSessionsRequest(),
        "GetProfile": portal_pb.GetProfileRequest(),
        "ListViews": portal_pb.ListViewsRequest(customer=customer),
    }


def _asked_about_usage(query: aggregator_pb.QueryUsageRequest) -> dict[str, Message]:
    heat = aggregator_pb.QueryHeatMapRequest(meter=query.meter, customers=query.customers, period=query.period)
    return {
        "QueryUsage": query,
        "WatchUsage": aggregator_pb.WatchUsageRequest(query=query, answers_max=1),
        "SummarizeUsage": aggregator_pb.SummarizeUsageRequest(query=query),
        "QueryHeatMap": heat,
    }


def _since_2024() -> values_pb2.Period:
    period = _around_now()
    period.start.FromDatetime(datetime(2024, 1, 1, tzinfo=UTC))
    return period


def _january() -> values_pb2.Period:
    period = _since_2024()
    period.end.FromDatetime(datetime(2024, 2, 1, tzinfo=UTC))
    return period


def _around_now() -> values_pb2.Period:
    start, end = Timestamp(), Timestamp()
    start.FromDatetime(datetime.now(UTC) - timedelta(days=1))
    end.FromDatetime(datetime.now(UTC) + timedelta(days=1))
    return values_pb2.Period(start=start, end=end)


def _asked_of_ingest(customer: str) -> dict[str, Message]:
    return {
        "GetEvent": ingest_pb.GetEventRequest(source="whisper-gateway", id="whisper-1"),
        "ListEvents": ingest_pb.ListEventsRequest(customers=[customer]),
        "ScanEvents": ingest_pb.ScanEventsRequest(
            customers=[customer], period=_since_2024(), properties=["secret"], events_max=1000
        ),
        "ListBackfills": ingest_pb.ListBackfillsRequest(),
        "GetCompleteness": ingest_pb.GetCompletenessRequest(source="whisper-gateway", period=_around_now()),
        "ListSources": ingest_pb.ListSourcesRequest(),
        "ListRefusals": ingest_pb.ListRefusalsRequest(source="whisper-gateway", samples=20),
    }


def _asked_of_the_aggregator(
    customer: str, meter: str, snapshot_id: str, january: values_pb2.Period
) -> dict[str, Message]:
    return {
        "GetMeter": aggregator_pb.GetMeterRequest(name=meter),
        "GetEventSchema": aggregator_pb.GetEventSchemaRequest(name="whisper.called"),
        "ListEventSchemas": aggregator_pb.ListEventSchemasRequest(),
        "ListMeters": aggregator_pb.ListMetersRequest(),
        **_asked_about_usage(aggregator_pb.QueryUsageRequest(meter=meter, customers=[customer], period=january)),
        "QueryTotals": aggregator_pb.QueryTotalsRequest(customer=customer, period=january),
        "QueryManyTotals": aggregator_pb.QueryManyTotalsRequest(
            questions=[aggregator_pb.TotalsQuestion(customer=customer, period=january)]
        ),
        "CurrentUsage": aggregator_pb.CurrentUsageRequest(customer=customer, meter=meter, period=january),
        "QueryCurrentUsage": aggregator_pb.QueryCurrentUsageRequest(
            questions=[aggregator_pb.CurrentUsageQuestion(customer=customer, meter=meter, period=january)]
        ),
        "GetSnapshot": aggregator_pb.GetSnapshotRequest(snapshot_id=snapshot_id, windows_of_meter=meter),
        "ListSnapshots": aggregator_pb.ListSnapshotsRequest(),
        "ListUsageEvents": aggregator_pb.ListUsageEventsRequest(snapshot_id=snapshot_id, meter=meter),
        "ListMeteredEvents": aggregator_pb.ListMeteredEventsRequest(customer=customer, meter=meter, period=january),
        "DescribeMeters": aggregator_pb.DescribeMetersRequest(customer=customer),
        "ListParkedEvents": aggregator_pb.ListParkedEventsRequest(),
        "CheckEvents": aggregator_pb.CheckEventsRequest(events=[usage_event_pb2.UsageEvent(type="whisper.called")]),
        "GetProgress": aggregator_pb.GetProgressRequest(),
        "Reconcile": aggregator_pb.ReconcileRequest(),
        "PreviewMeter": aggregator_pb.PreviewMeterRequest(name=meter, spec=WHISPERED, period=january),
    }


def _asked_of_invoicing(contract: str, customer: str, number: str, line_id: str) -> dict[str, Message]:
    return {
        "GetBillingProfile": invoicing_pb.GetBillingProfileRequest(),
        "PreviewInvoice": invoicing_pb.PreviewInvoiceRequest(contract=contract, billing_period="2024-02"),
        "ListPendingAdjustments": invoicing_pb.ListPendingAdjustmentsRequest(customer=customer, currency="EUR"),
        "ListAccounts": invoicing_pb.ListAccountsRequest(),
        "GetInvoice": invoicing_pb.GetInvoiceRequest(number=number),
        "ListInvoices": invoicing_pb.ListInvoicesRequest(),
        "ExplainLine": invoicing_pb.ExplainLineRequest(line_id=line_id),
        "ExplainDraftLine": invoicing_pb.ExplainDraftLineRequest(
            contract=contract, billing_period="2024-02", line_id="draft.1"
        ),
        "ListLineEvents": invoicing_pb.ListLineEventsRequest(line_id=line_id),
        "VerifyInvoice": invoicing_pb.VerifyInvoiceRequest(number=number),
        "VerifyLine": invoicing_pb.VerifyLineRequest(line_id=line_id),
        "VerifyInvoices": invoicing_pb.VerifyInvoicesRequest(),
        "QueryRevenue": invoicing_pb.QueryRevenueRequest(from_billing_period="2024-01", until_billing_period="2024-02"),
    }


def _requests(tenant: Tenant, invoice: dict[str, Any]) -> Iterator[tuple[str, Message]]:
    (line,) = invoice["lines"]
    charge = tenant.json("explain", line["id"])["charge"]["id"]
    january = _january()
    customer, contract, meter = "whisper-customer", "whisper-contract", "whisper-calls"
    asked: dict[ServiceDescriptor, dict[str, Message]] = {
        SERVICES["ingest"]: _asked_of_ingest(customer),
        SERVICES["aggregator"]: _asked_of_the_aggregator(customer, meter, line["snapshotId"], january),
        SERVICES["rating"]: {
            "ListProducts": rating_pb.ListProductsRequest(),
            "ListCoupons": coupon_pb2.ListCouponsRequest(),
            "ListCouponRedemptions": coupon_pb2.ListCouponRedemptionsRequest(coupon="whisper-coupon"),
            "GetPlan": rating_pb.GetPlanRequest(name="whisper-plan"),
            "ListPlans": rating_pb.ListPlansRequest(),
            "GetCustomer": rating_pb.GetCustomerRequest(name=customer),
            "ListCustomers": rating_pb.ListCustomersRequest(),
            "GetContract": rating_pb.GetContractRequest(name=contract),
            "ListContracts": rating_pb.ListContractsRequest(),
            "ListBillingPeriods": rating_pb.ListBillingPeriodsRequest(customer=customer, from_billing_period="2024-01"),
            "ListCharges": rating_pb.ListChargesRequest(contract=contract, billing_period="2024-01"),
            "ListChargesOfPeriods": rating_pb.ListChargesOfPeriodsRequest(
                customer=customer, periods=[rating_pb.AskedPeriod(contract=contract, billing_period="2024-01")]
            ),
            "WatchCharges": rating_pb.WatchChargesRequest(contract=contract, billing_period="2024-01", answers_max=1),
            "QueryCost": rating_pb.QueryCostRequest(contract=contract, billing_period="2024-01"),
            "ExplainVariance": rating_pb.ExplainVarianceRequest(
                contract=contract, billing_period="2024-01", against_billing_period="2024-01"
            ),
            "GetPriceList": rating_pb.GetPriceListRequest(contract=contract, billing_period="2024-01"),
            "QuotePrice": rating_pb.QuotePriceRequest(contract=contract, billing_period="2024-01", questions=QUESTIONS),
            "QuotePlan": rating_pb.QuotePlanRequest(plan="whisper-plan"),
            "ExplainPlan": rating_pb.ExplainPlanRequest(plan="whisper-plan"),
            "LintPlans": rating_pb.LintPlansRequest(plans=["whisper-plan"]),
            "SimulatePlans": rating_pb.SimulatePlansRequest(plan="whisper-plan", from_month="2024-01"),
            "CheckEntitlement": entitlement_pb2.CheckEntitlementRequest(customer=customer, feature="whisper-minutes"),
            "ListEntitlements": entitlement_pb2.ListEntitlementsRequest(customer=customer),
            "ListGrants": entitlement_pb2.ListGrantsRequest(customer=customer),
            "GetWallet": wallet_pb2.GetWalletRequest(customer=customer),
            "ListPriceNotices": notice_pb2.ListPriceNoticesRequest(),
            "ListRatedPeriods": rating_pb.ListRatedPeriodsRequest(),
            "ExplainCharge": rating_pb.ExplainChargeRequest(charge_id=charge),
            "ListUnbilledUsage": rating_pb.ListUnbilledUsageRequest(),
            "ListChargeEvents": rating_pb.ListChargeEventsRequest(charge_id=charge),
            "GetProgress": rating_pb.GetProgressRequest(),
        },
        SERVICES["invoicing"]: _asked_of_invoicing(contract, customer, invoice["number"], line["id"]),
        SERVICES["portal"]: _asked_of_the_portal(customer),
        FEED: {"Heads": feed_service_pb2.HeadsRequest()},
    }
    for service, requests in asked.items():
        for method, request in requests.items():
            yield f"/{service.full_name}/{method}", request


@pytest.fixture(scope="module")
def stranger(make_tenant: Callable[[str], Tenant]) -> Tenant:
    return make_tenant("stranger")


@pytest.mark.parametrize(
    ("service", "method"), READS, ids=[f"{service}-{method.rpartition('/')[2]}" for service, method in READS]
)
def test_a_stranger_is_told_nothing(owner: Owner, stranger: Tenant, service: str, method: str) -> None:
    request, simple_name = owner.requests[method], method.rpartition("/")[2]

    told_owner = call(owner.tenant, service, method, request)
    told_stranger = call(stranger, service, method, request)

    assert told_owner, "or the question would prove nothing"
    if simple_name in ABOUT_NOBODY:
        assert all(MARK not in answer.SerializeToString() for answer in [*told_owner, *(told_stranger or ())])
        return
    assert simple_name in COUNTS or any(MARK in answer.SerializeToString() for answer in told_owner)
    assert told_stranger != told_owner
    assert all(MARK not in answer.SerializeToString() for answer in told_stranger or ())


@dataclass(frozen=True)
class Twins:
    """Two tenants whose names are all the same; what the first was told before there was the second, and after."""

    before: dict[str, list[Message] | None]
    after: dict[str, list[Message] | None]
    of_twin: dict[str, list[Message] | None]


@pytest.fixture(scope="module")
def twins(owner: Owner, make_tenant: Callable[[str], Tenant]) -> Twins:
    before = answers(owner)
    twin = with_everything(make_tenant("twin"), TWINS_VOICE, minutes="5")
    return Twins(before, answers(owner), answers(twin))


def answers(asking: Owner) -> dict[str, list[Message] | None]:
    """All that a tenant is told, but for how far the log was read: that is of all tenants, and about none."""
    told = {method: call(asking.tenant, service, method, asking.requests[method]) for service, method in READS}
    for answer in chain.from_iterable(found or () for found in told.values()):
        forget_how_fresh(answer)
    return told


def forget_how_fresh(message: Message) -> None:
    for field, value in message.ListFields():
        kind = None if field.message_type is None else field.message_type.full_name
        if kind == values_pb2.AsOf.DESCRIPTOR.full_name or field.name in FRESHNESS:
            message.ClearField(field.name)
        elif field.message_type is None:
            continue
        elif not field.message_type.GetOptions().map_entry:
            for entry in value if field.is_repeated else [value]:
                forget_how_fresh(entry)


@pytest.mark.parametrize("method", READS_OF_SOMEBODY, ids=[method[1:] for method in READS_OF_SOMEBODY])
def test_of_a_twin_with_the_same_names_nothing_is_told_or_counted(twins: Twins, method: str) -> None:
    assert twins.before[method]
    assert twins.after[method] == twins.before[method]
    assert twins.of_twin[method]
    assert OWN_VOICE.encode() not in b"".join(answer.SerializeToString() for answer in twins.of_twin[method] or ())
