"""Rating as the portal sees it, over a small world of flights."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from metering.rating.v1 import catalog_pb2, charge_pb2, cost_pb2, entitlement_pb2, unbilled_pb2, variance_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from metering.rating.v1 import rating_service_pb2_grpc as rating_grpc
from testkit.portal.fake_aggregator import window_of
from testkit.portal.world import (
    DEARER_FROM,
    FEE,
    MONTHS,
    NEW_YORK,
    NEXT_PRICE,
    NOW,
    PRICE,
    UNTOLD,
    Context,
    Flight,
    World,
    bounds,
    period_message,
)

LAST_VERSION = 3
ODD = (
    rating_pb.PriceFinding(
        level=rating_pb.FINDING_LEVEL_INFO, code="meter-unused", meter="bags", message="no item of any plan prices this"
    ),
    rating_pb.PriceFinding(
        level=rating_pb.FINDING_LEVEL_WARNING,
        code="total-falls",
        plan="standard",
        item="Flights",
        meter="flights",
        quantity="100.5",
        message="more usage costs less; mend the tiers",
    ),
    rating_pb.PriceFinding(
        level=rating_pb.FINDING_LEVEL_ERROR,
        code="meter-missing",
        plan="standard",
        item="Miles",
        meter="miles",
        message="there is no meter 'miles'",
    ),
)
"""What lint finds, by plan and item as rating has it."""


class FakeRating(rating_grpc.RatingServiceServicer):
    """Prices flights: so much for each, and a fee."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def GetCustomer(
        self, request: rating_pb.GetCustomerRequest, context: Context
    ) -> rating_pb.GetCustomerResponse:
        """Answer GetCustomer."""
        customer = await self.world.caller("GetCustomer", context, named=f"C-{request.name}")
        names = {"UA": "United Air Lines", "DL": "Delta <b>Air</b> Lines"}
        spec = catalog_pb2.CustomerSpec(display_name=names[customer], currency="USD")
        return rating_pb.GetCustomerResponse(customer=catalog_pb2.Customer(name=customer, spec=spec))

    async def ListCustomers(
        self, request: rating_pb.ListCustomersRequest, context: Context
    ) -> rating_pb.ListCustomersResponse:
        """Answer ListCustomers."""
        self.world.note_operator("ListCustomers", context)
        spec = catalog_pb2.CustomerSpec(currency="USD")
        found = [name for name in ("DL", "UA") if name.lower().startswith(request.search.lower())]
        customers = [catalog_pb2.Customer(name=name, spec=spec) for name in found]
        return rating_pb.ListCustomersResponse(customers=customers)

    async def ListPlans(self, request: rating_pb.ListPlansRequest, context: Context) -> rating_pb.ListPlansResponse:
        """Answer ListPlans."""
        self.world.note_operator("ListPlans", context)
        return rating_pb.ListPlansResponse(plans=[plan_of(3)])

    async def GetPlan(self, request: rating_pb.GetPlanRequest, context: Context) -> rating_pb.GetPlanResponse:
        """Answer GetPlan."""
        self.world.note_operator("GetPlan", context)
        return rating_pb.GetPlanResponse(plan=plan_of(request.version))

    async def LintPlans(self, request: rating_pb.LintPlansRequest, context: Context) -> rating_pb.LintPlansResponse:
        """Answer LintPlans."""
        self.world.note_operator("LintPlans", context)
        assert request == rating_pb.LintPlansRequest()
        return rating_pb.LintPlansResponse(findings=ODD)

    async def ListUnbilledUsage(
        self, request: rating_pb.ListUnbilledUsageRequest, context: Context
    ) -> rating_pb.ListUnbilledUsageResponse:
        """Answer ListUnbilledUsage."""
        self.world.note_operator("ListUnbilledUsage", context)
        row = unbilled_pb2.UnbilledUsage(
            customer="UA",
            meter="flights",
            reason=unbilled_pb2.UNBILLED_REASON_PARKED,
            park_reason="VALUE_MISSING",
            billing_period="2013-11",
            event_count=2,
        )
        row.first_time.FromDatetime(NOW)
        row.last_time.FromDatetime(NOW)
        return rating_pb.ListUnbilledUsageResponse(rows=[row], as_of=self.world.as_of(), filled=True)

    async def ListContracts(
        self, request: rating_pb.ListContractsRequest, context: Context
    ) -> rating_pb.ListContractsResponse:
        """Answer ListContracts."""
        if self.world.is_operator(context):
            self.world.note_operator("ListContracts", context)
            return rating_pb.ListContractsResponse(contracts=map(contract_of, self.world.flights))
        customer = await self.world.caller("ListContracts", context, named=f"C-{request.customer}")
        return rating_pb.ListContractsResponse(contracts=[contract_of(customer)])

    async def ListBillingPeriods(
        self, request: rating_pb.ListBillingPeriodsRequest, context: Context
    ) -> rating_pb.ListBillingPeriodsResponse:
        """Answer ListBillingPeriods."""
        customer = await self.world.caller("ListBillingPeriods", context, named=f"C-{request.customer}")
        periods = [
            rating_pb.ContractPeriod(
                contract=f"C-{customer}", billing_period=month, period=period_message(*bounds(month)), currency="USD"
            )
            for month in (*MONTHS, "2013-12")
        ]
        return rating_pb.ListBillingPeriodsResponse(periods=periods)

    async def ListCharges(
        self, request: rating_pb.ListChargesRequest, context: Context
    ) -> rating_pb.ListChargesResponse:
        """Answer ListCharges."""
        customer = await self.world.caller("ListCharges", context, named=request.contract)
        start, end = bounds(request.billing_period)
        count = len(self.world.used(customer, start, end))
        charge = charge_pb2.Charge(item="Flights", meter="flights", unit="flight", quantity=str(count))
        return rating_pb.ListChargesResponse(charges=[charge], as_of=self.world.as_of())

    async def QueryCost(self, request: rating_pb.QueryCostRequest, context: Context) -> rating_pb.QueryCostResponse:
        """Answer QueryCost."""
        customer = await self.world.caller("QueryCost", context, named=request.contract)
        start, end = bounds(request.billing_period)
        until = request.until.ToDatetime(UTC) if request.HasField("until") else end
        rows: dict[tuple[datetime, str], list[Flight]] = {}
        for flight in self.world.used(customer, start, min(end, until)):
            group = self.world.group_of(flight) if request.group_by else ""
            rows.setdefault((max(start, window_of(flight.at, request.window_size, start)), group), []).append(flight)
        usage = [
            cost_pb2.CostRow(
                item="Flights",
                kind=charge_pb2.CHARGE_KIND_USAGE,
                meter="flights",
                part=cost_pb2.COST_PART_USAGE,
                window=period_message(window, window + timedelta(hours=1)),
                group=[group.removeprefix(UNTOLD)] if request.group_by else [],
                is_other_group=group == UNTOLD,
                is_grouped=bool(request.group_by),
                quantity=str(len(found)),
                unit="flight",
                amount=str(PRICE * len(found)),
            )
            for (window, group), found in sorted(rows.items())
            if not request.items or "Flights" in request.items
        ]
        fee = cost_pb2.CostRow(
            item="Fee",
            kind=charge_pb2.CHARGE_KIND_FIXED,
            part=cost_pb2.COST_PART_FIXED,
            window=period_message(start, start + timedelta(hours=1)),
            quantity="0",
            amount=str(FEE),
        )
        return rating_pb.QueryCostResponse(
            rows=[*usage, *([] if request.items and "Fee" not in request.items else [fee])],
            currency="USD",
            period=period_message(start, end),
            billing_period=request.billing_period,
            time_zone=NEW_YORK.key,
            as_of=self.world.as_of(),
            filled=True,
        )

    async def GetPriceList(
        self, request: rating_pb.GetPriceListRequest, context: Context
    ) -> rating_pb.GetPriceListResponse:
        """Answer GetPriceList."""
        customer = await self.world.caller("GetPriceList", context, named=request.contract)
        return rating_pb.GetPriceListResponse(
            plan=catalog_pb2.Plan(
                name="standard",
                version=4 if request.billing_period == DEARER_FROM else 3,
                spec=catalog_pb2.PlanSpec(
                    currency="USD",
                    items=[fee_item(), flights_item(NEXT_PRICE if request.billing_period == DEARER_FROM else PRICE)],
                ),
            ),
            contract=contract_of(customer),
            billing_period=request.billing_period,
        )

    async def ListEntitlements(
        self, request: entitlement_pb2.ListEntitlementsRequest, context: Context
    ) -> entitlement_pb2.ListEntitlementsResponse:
        """Answer ListEntitlements: one feature, that is to have, and one that nobody can tell."""
        customer = await self.world.caller("ListEntitlements", context, named=f"C-{request.customer}")
        own = entitlement_pb2.Entitlement(feature="single-sign-on", contract=f"C-{customer}")
        own.period.start.FromDatetime(datetime(2013, 11, 1, 4, tzinfo=UTC))
        own.period.end.FromDatetime(datetime(2013, 12, 1, 5, tzinfo=UTC))
        broken = entitlement_pb2.Entitlement(feature="broken", problem="there is no meter 'broken'; apply it first")
        return entitlement_pb2.ListEntitlementsResponse(entitlements=[own, broken])

    async def ExplainVariance(
        self, request: rating_pb.ExplainVarianceRequest, context: Context
    ) -> rating_pb.ExplainVarianceResponse:
        """Answer ExplainVariance: half as many flights, and as much of a fee."""
        await self.world.caller("ExplainVariance", context, named=f"C-{request.customer}")
        volume = variance_pb2.VarianceAmount(effect=variance_pb2.VARIANCE_EFFECT_VOLUME, amount="-5.00")
        flights = variance_pb2.VarianceOfItem(item="Flights", meter="flights", change="-5.00", effects=[volume])
        flights.before.quantity, flights.after.quantity = "2", "1"
        return rating_pb.ExplainVarianceResponse(
            before=variance_pb2.VariancePeriod(billing_period=request.against_billing_period, amount="30.00"),
            after=variance_pb2.VariancePeriod(
                billing_period=request.billing_period, amount="25.00", as_of=self.world.as_of()
            ),
            currency="USD",
            items=[flights, variance_pb2.VarianceOfItem(item="Fee", change="0.00")],
            change="-5.00",
            effects=[volume],
        )

    async def QuotePrice(self, request: rating_pb.QuotePriceRequest, context: Context) -> rating_pb.QuotePriceResponse:
        """Answer QuotePrice."""
        await self.world.caller("QuotePrice", context, named=request.contract)
        price = NEXT_PRICE if request.billing_period == DEARER_FROM else PRICE
        return rating_pb.QuotePriceResponse(
            quotes=[quote_of(question, price) for question in request.questions], currency="USD"
        )


def quote_of(question: rating_pb.PriceQuestion, price: Decimal) -> rating_pb.PriceQuote:
    """What a quantity costs: so much for each flight, or the fee."""
    quantity = Decimal(1) if question.item == "Fee" else Decimal(question.quantity)
    exact = FEE if question.item == "Fee" else quantity * price
    step = charge_pb2.DerivationStep(name="total", text="all of it", value=str(exact))
    amount = str(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))
    return rating_pb.PriceQuote(
        item=question.item, quantity=str(quantity), exact_amount=str(exact), amount=amount, steps=[step]
    )


def plan_of(version: int) -> catalog_pb2.Plan:
    """A version of the plan; the third prices what starts after the tests' time."""
    spec = catalog_pb2.PlanSpec(currency="USD", items=[fee_item(), flights_item()])
    if version == LAST_VERSION:
        spec.effective_from.FromDatetime(NOW + timedelta(days=30))
    plan = catalog_pb2.Plan(name="standard", version=version, spec=spec)
    plan.created_at.FromDatetime(NOW)
    return plan


def contract_of(customer: str) -> catalog_pb2.Contract:
    """Return the message of contract of."""
    spec = catalog_pb2.ContractSpec(customer=customer, plan="standard", start="2013-01-01", time_zone=NEW_YORK.key)
    return catalog_pb2.Contract(name=f"C-{customer}", version=1, spec=spec)


def fee_item() -> catalog_pb2.PlanItem:
    """Return the message of fee item."""
    return catalog_pb2.PlanItem(name="Fee", fixed=catalog_pb2.FixedFee(amount=str(FEE)))


def flights_item(unit_price: Decimal = PRICE) -> catalog_pb2.PlanItem:
    """Return the message of flights item."""
    price = catalog_pb2.UsagePrice(per_unit=catalog_pb2.PerUnitPrice(unit_price=str(unit_price)), included="0")
    return catalog_pb2.PlanItem(name="Flights", meter="flights", usage=price)
