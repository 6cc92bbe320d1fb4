"""The service as gRPC sees it: each method checks, calls one use case and renders its result."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from chassis.errors.refused import refusals
from chassis.identity import current_tenant
from chassis.rpc.method import declared_methods
from chassis.rpc.pages import name_in, page_limit, rendered
from chassis.rpc.repeat import once
from chassis.rpc.server import Served
from eventlog.status import feeds_to_proto
from metering.rating.v1 import entitlement_pb2, notice_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from metering.rating.v1 import rating_service_pb2_grpc as pb_grpc
from rating.domain.contracts import ContractFilter
from rating.operations import (
    catalogs,
    charges,
    contracts,
    cost,
    customers,
    entitlements,
    explained_prices,
    grants,
    live,
    notices,
    plans,
    price_lint,
    price_lists,
    products,
    quotes,
    reservations,
    simulation,
    unbilled,
    variance,
    watching,
)
from rating.operations.owners import owners
from rating.wire import catalogs as catalogs_wire
from rating.wire import charges as charges_wire
from rating.wire import contracts as contracts_wire
from rating.wire import cost as cost_wire
from rating.wire import customers as customers_wire
from rating.wire import entitlements as entitlements_wire
from rating.wire import explained_prices as explained_prices_wire
from rating.wire import notices as notices_wire
from rating.wire import plans as plans_wire
from rating.wire import price_lint as price_lint_wire
from rating.wire import price_lists as price_lists_wire
from rating.wire import products as products_wire
from rating.wire import quotes as quotes_wire
from rating.wire import simulation as simulation_wire
from rating.wire import unbilled as unbilled_wire
from rating.wire import variance as variance_wire
from rating.wire.live import asked_period, progress_to_proto

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc
    from sqlalchemy.ext.asyncio import AsyncConnection

    from rating.domain.allowance import Grant
    from rating.domain.contract_changes import ContractChange
    from rating.domain.contracts import Contract
    from rating.domain.customers import Customer
    from rating.domain.plans import Plan
    from rating.domain.products import Product
    from rating.domain.versions import Applied
    from rating.operations.catalogs import AppliedCatalog
    from rating.operations.deps import Deps
    from rating.operations.notices import NoticePage

    Context = grpc.aio.ServicerContext[Any, Any]


class RatingServicer(pb_grpc.RatingServiceServicer):
    """RatingService. Errors are raised as they are; the server's interceptor renders them."""

    def __init__(self, deps: Deps) -> None:
        """Serve the use cases with `deps`."""
        self._deps = deps

    async def ApplyProduct(self, request: pb.ApplyProductRequest, context: Context) -> pb.ApplyProductResponse:
        """Create a product or a version of it."""
        with refusals("spec"):
            wanted = products_wire.product_from_proto(request.spec)

        async def apply(conn: AsyncConnection) -> Applied[Product]:
            return await products.apply_product(self._deps, conn, current_tenant(), request.name, wanted)

        return await once(self._deps.engine, request, apply, products_wire.applied_to_proto)

    async def ListProducts(self, request: pb.ListProductsRequest, context: Context) -> pb.ListProductsResponse:
        """Return a page of products."""
        after, limit = name_in(request.page_token), page_limit(request.page_size)
        page = await products.list_products(self._deps, current_tenant(), after, limit)
        return pb.ListProductsResponse(
            products=map(products_wire.product_to_proto, page.entries), next_page_token=page.next_page_token
        )

    async def ApplyPlan(self, request: pb.ApplyPlanRequest, context: Context) -> pb.ApplyPlanResponse:
        """Create a plan or a version of it."""
        with refusals("spec"):
            wanted = plans_wire.plan_from_proto(request.spec)

        async def apply(conn: AsyncConnection) -> Applied[Plan]:
            return await plans.apply_plan(self._deps, conn, current_tenant(), request.name, wanted)

        response = await once(self._deps.engine, request, apply, plans_wire.applied_to_proto)
        self._deps.entitlements.drop_tenant(current_tenant())
        return response

    async def GetPlan(self, request: pb.GetPlanRequest, context: Context) -> pb.GetPlanResponse:
        """Return a version of a plan."""
        plan = await plans.get_plan(self._deps, current_tenant(), request.name, request.version)
        return pb.GetPlanResponse(plan=plans_wire.plan_to_proto(plan))

    async def ListPlans(self, request: pb.ListPlansRequest, context: Context) -> pb.ListPlansResponse:
        """Return a page of plans."""
        after, limit = name_in(request.page_token), page_limit(request.page_size)
        found = await plans.list_plans(self._deps, current_tenant(), after, limit)
        page = rendered(found, plans_wire.plan_to_proto, lambda plan: (plan.name,))
        return pb.ListPlansResponse(plans=page.entries, next_page_token=page.next_page_token)

    async def ApplyCustomer(self, request: pb.ApplyCustomerRequest, context: Context) -> pb.ApplyCustomerResponse:
        """Create a customer or a version of it."""
        wanted = catalogs_wire.checked_customer(request.name, request)

        async def apply(conn: AsyncConnection) -> Applied[Customer]:
            return await customers.apply_customer(self._deps, conn, current_tenant(), request.name, wanted)

        return await once(self._deps.engine, request, apply, customers_wire.applied_to_proto)

    async def GetCustomer(self, request: pb.GetCustomerRequest, context: Context) -> pb.GetCustomerResponse:
        """Return a customer."""
        customer = await customers.get_customer(self._deps, current_tenant(), request.name)
        return pb.GetCustomerResponse(customer=customers_wire.customer_to_proto(customer))

    async def ListCustomers(self, request: pb.ListCustomersRequest, context: Context) -> pb.ListCustomersResponse:
        """Return a page of customers."""
        after, limit = name_in(request.page_token), page_limit(request.page_size)
        page = await customers.list_customers(self._deps, current_tenant(), request.search, after, limit)
        return pb.ListCustomersResponse(
            customers=map(customers_wire.customer_to_proto, page.entries), next_page_token=page.next_page_token
        )

    async def ApplyContract(self, request: pb.ApplyContractRequest, context: Context) -> pb.ApplyContractResponse:
        """Create a contract or a version of it."""
        with refusals("spec"):
            wanted = contracts_wire.contract_from_proto(request.spec)

        async def apply(conn: AsyncConnection) -> tuple[Applied[Contract], list[ContractChange]]:
            tenant = current_tenant()
            contract = await contracts.apply_contract(self._deps, conn, tenant, request.name, wanted)
            return contract.applied, await contracts.tell_changes(conn, tenant, [contract])

        response = await once(self._deps.engine, request, apply, lambda told: contracts_wire.applied_to_proto(*told))
        self._deps.entitlements.drop_tenant(current_tenant())
        return response

    async def ListRatedPeriods(
        self, request: pb.ListRatedPeriodsRequest, context: Context
    ) -> pb.ListRatedPeriodsResponse:
        """Return a page of rated periods."""
        tenant, after = current_tenant(), charges_wire.rated_period_after(request.page_token)
        limit = page_limit(request.page_size)
        found = await charges.list_rated_periods(self._deps, tenant, request.customer, after, limit)
        page = rendered(found, partial(charges_wire.rated_period_to_proto, tenant), charges.place_of)
        return pb.ListRatedPeriodsResponse(periods=page.entries, next_page_token=page.next_page_token)

    async def GetContract(self, request: pb.GetContractRequest, context: Context) -> pb.GetContractResponse:
        """Return a version of a contract."""
        found = await contracts.get_contract(self._deps, current_tenant(), request.name, request.version)
        return contracts_wire.found_to_proto(found, with_versions=request.all_versions)

    async def ListContracts(self, request: pb.ListContractsRequest, context: Context) -> pb.ListContractsResponse:
        """Return a page of contracts."""
        after, limit = name_in(request.page_token), page_limit(request.page_size)
        page = await contracts.list_contracts(
            self._deps,
            current_tenant(),
            ContractFilter(request.customer, request.billing_period, request.of_month),
            after,
            limit,
        )
        return contracts_wire.page_to_proto(page, request.of_month)

    async def ListBillingPeriods(
        self, request: pb.ListBillingPeriodsRequest, context: Context
    ) -> pb.ListBillingPeriodsResponse:
        """Return billing periods of all contracts of a customer."""
        found = await contracts.list_billing_periods(
            self._deps,
            current_tenant(),
            customer=request.customer,
            from_label=request.from_billing_period,
            within_days=request.ends_within_days,
        )
        return contracts_wire.periods_to_proto(found)

    async def ApplyCatalog(self, request: pb.ApplyCatalogRequest, context: Context) -> pb.ApplyCatalogResponse:
        """Apply many entries, all or none."""
        # Thousands of entries would hold up every other call.
        entries, faults = await asyncio.to_thread(catalogs_wire.entries_from_proto, request.entries)
        tenant = current_tenant()
        most = catalogs_wire.contract_changes_max_of(request)
        if request.validate_only:
            checked = await catalogs.validate_catalog(self._deps, tenant, entries, faults, most)
            return catalogs_wire.applied_to_proto(checked)

        async def apply(conn: AsyncConnection) -> AppliedCatalog:
            return await catalogs.apply_catalog(self._deps, conn, tenant, entries, faults, most)

        response = await once(self._deps.engine, request, apply, catalogs_wire.applied_to_proto)
        self._deps.entitlements.drop_tenant(tenant)
        return response

    async def ListCharges(self, request: pb.ListChargesRequest, context: Context) -> pb.ListChargesResponse:
        """Return charges as usage is now."""
        tenant, asked = current_tenant(), asked_period(request)
        return charges_wire.live_to_proto(tenant, await live.live_charges(self._deps, tenant, asked))

    async def ListChargesOfPeriods(
        self, request: pb.ListChargesOfPeriodsRequest, context: Context
    ) -> pb.ListChargesOfPeriodsResponse:
        """Return charges of several periods of a customer as usage is now."""
        tenant, asked = current_tenant(), charges_wire.periods_from_proto(request)
        found = await live.live_charges_of_periods(self._deps, tenant, request.customer, asked)
        return charges_wire.periods_to_proto(tenant, found)

    async def WatchCharges(
        self, request: pb.WatchChargesRequest, context: Context
    ) -> AsyncIterator[pb.WatchChargesResponse]:
        """Stream live charges, again and again."""
        tenant, asked = current_tenant(), asked_period(request)
        async with aclosing(watching.watch_charges(self._deps, tenant, asked, request.answers_max)) as answers:
            async for answer in answers:
                yield charges_wire.watched_to_proto(tenant, answer)

    async def QueryCost(self, request: pb.QueryCostRequest, context: Context) -> pb.QueryCostResponse:
        """Return what a period costs over time and by dimension."""
        asked, question = asked_period(request), cost_wire.question_from_proto(request)
        return cost_wire.cost_to_proto(await cost.query_cost(self._deps, current_tenant(), asked, question))

    async def ExplainVariance(self, request: pb.ExplainVarianceRequest, context: Context) -> pb.ExplainVarianceResponse:
        """Say why a period costs more or less than another."""
        asked, against = asked_period(request), request.against_billing_period
        return variance_wire.variance_to_proto(
            await variance.explain_variance(self._deps, current_tenant(), asked, against)
        )

    async def GetPriceList(self, request: pb.GetPriceListRequest, context: Context) -> pb.GetPriceListResponse:
        """Return the prices of a period."""
        prices = await price_lists.get_price_list(self._deps, current_tenant(), asked_period(request))
        return price_lists_wire.price_list_to_proto(prices)

    async def QuotePrice(self, request: pb.QuotePriceRequest, context: Context) -> pb.QuotePriceResponse:
        """Return what quantities would cost."""
        asked, questions = asked_period(request), quotes_wire.questions_from_proto(request)
        return quotes_wire.quotes_to_proto(await quotes.quote_price(self._deps, current_tenant(), asked, questions))

    async def QuotePlan(self, request: pb.QuotePlanRequest, context: Context) -> pb.QuotePlanResponse:
        """Return what a plan would cost."""
        asked, assumed = quotes_wire.asked_plan_from_proto(request), quotes_wire.assumed_period_from_proto(request)
        usage, discounts = quotes_wire.usage_from_proto(request), quotes_wire.discounts_from_proto(request)
        found = await quotes.quote_plan(self._deps, current_tenant(), asked, assumed, usage, discounts)
        return quotes_wire.quoted_plan_to_proto(found)

    async def ExplainPlan(self, request: pb.ExplainPlanRequest, context: Context) -> pb.ExplainPlanResponse:
        """Return the prices of a plan in words."""
        asked = quotes_wire.asked_plan_from_proto(request)
        found = await explained_prices.explain_plan(self._deps, current_tenant(), asked, request.items)
        return explained_prices_wire.explained_plan_to_proto(found)

    async def LintPlans(self, request: pb.LintPlansRequest, context: Context) -> pb.LintPlansResponse:
        """Return what is odd about prices."""
        question = await asyncio.to_thread(price_lint_wire.question_from_proto, request)
        return price_lint_wire.findings_to_proto(await price_lint.lint_plans(self._deps, current_tenant(), question))

    async def SimulatePlans(
        self, request: pb.SimulatePlansRequest, context: Context
    ) -> AsyncIterator[pb.SimulatePlansResponse]:
        """Stream what other prices would have charged."""
        question = await asyncio.to_thread(simulation_wire.question_from_proto, request)
        async with aclosing(simulation.simulate(self._deps, current_tenant(), question)) as parts:
            async for part in parts:
                for message in simulation_wire.parts_to_proto(part, with_items=question.with_items):
                    yield message

    async def SendPriceNotices(
        self, request: notice_pb2.SendPriceNoticesRequest, context: Context
    ) -> notice_pb2.SendPriceNoticesResponse:
        """Tell contracts of a version of their plan."""
        tenant, question = current_tenant(), notices_wire.question_from_proto(request)
        prepared = await notices.prepare_notices(self._deps, tenant, question)
        if request.validate_only:
            return notices_wire.sent_to_proto(prepared)

        async def add(conn: AsyncConnection) -> NoticePage:
            return await notices.add_notices(conn, tenant, prepared)

        response = await once(self._deps.engine, request, add, notices_wire.sent_to_proto)
        self._deps.entitlements.drop_tenant(tenant)
        return response

    async def ListPriceNotices(
        self, request: notice_pb2.ListPriceNoticesRequest, context: Context
    ) -> notice_pb2.ListPriceNoticesResponse:
        """Return a page of notices."""
        after, limit = notices_wire.place_of(request.page_token), page_limit(request.page_size)
        found = await notices.list_notices(self._deps, current_tenant(), request.customer, request.plan, after, limit)
        page = rendered(found, notices_wire.notice_to_proto, lambda notice: notice.place)
        return notice_pb2.ListPriceNoticesResponse(notices=page.entries, next_page_token=page.next_page_token)

    async def RateUsage(self, request: pb.RateUsageRequest, context: Context) -> pb.RateUsageResponse:
        """Seal usage and freeze its charges."""
        tenant, grace = current_tenant(), charges_wire.grace_from_proto(request)
        found = await charges.rate_usage(
            self._deps,
            tenant,
            request.contract,
            request.billing_period,
            grace=grace,
            amends_snapshot_id=request.amends_snapshot_id,
            billed=[charges_wire.billed_from_proto(billed) for billed in request.billed],
        )
        return charges_wire.rated_to_proto(tenant, found)

    async def ExplainCharge(self, request: pb.ExplainChargeRequest, context: Context) -> pb.ExplainChargeResponse:
        """Derive a frozen charge again."""
        tenant = current_tenant()
        explained = await charges.explain_charge(
            self._deps, tenant, request.charge_id, request.page_size, request.page_token
        )
        return charges_wire.explained_to_proto(tenant, explained)

    async def ListChargeEvents(
        self, request: pb.ListChargeEventsRequest, context: Context
    ) -> AsyncIterator[pb.ListChargeEventsResponse]:
        """Stream the events behind a charge."""
        pages = charges.list_charge_events(
            self._deps,
            current_tenant(),
            request.charge_id,
            only_amendment=request.only_amendment,
            after=request.after if request.HasField("after") else None,
            limit=request.limit,
        )
        async with aclosing(pages):
            async for page in pages:
                yield pb.ListChargeEventsResponse(events=page)

    async def ListUnbilledUsage(
        self, request: pb.ListUnbilledUsageRequest, context: Context
    ) -> pb.ListUnbilledUsageResponse:
        """Return a page of the usage that no invoice will have."""
        wanted, after = unbilled_wire.filter_from_proto(request), unbilled_wire.place_in_list(request)
        limit, freshness = page_limit(request.page_size), request.freshness
        page = await unbilled.list_unbilled(self._deps, current_tenant(), wanted, after, limit, freshness)
        return unbilled_wire.page_to_proto(page)

    async def CheckEntitlement(
        self, request: entitlement_pb2.CheckEntitlementRequest, context: Context
    ) -> entitlement_pb2.CheckEntitlementResponse:
        """Tell whether something may be used now."""
        tenant, wanted = current_tenant(), entitlements_wire.wanted_from_proto(request)
        checked = await entitlements.check_entitlement(self._deps, tenant, request.customer, request.feature, wanted)
        return entitlements_wire.checked_to_proto(checked)

    async def ListEntitlements(
        self, request: entitlement_pb2.ListEntitlementsRequest, context: Context
    ) -> entitlement_pb2.ListEntitlementsResponse:
        """Return how the features of a customer's plan stand."""
        found = await entitlements.list_entitlements(self._deps, current_tenant(), request.customer)
        told = map(entitlements_wire.listed_to_proto, found)
        return entitlement_pb2.ListEntitlementsResponse(entitlements=(one for one in told if one is not None))

    async def GrantEntitlement(
        self, request: entitlement_pb2.GrantEntitlementRequest, context: Context
    ) -> entitlement_pb2.GrantEntitlementResponse:
        """Grant a customer more of a feature."""
        draft = entitlements_wire.grant_from_proto(request)

        async def grant(conn: AsyncConnection) -> Grant:
            return await entitlements.grant(self._deps, conn, current_tenant(), draft)

        def granted(made: Grant) -> entitlement_pb2.GrantEntitlementResponse:
            return entitlement_pb2.GrantEntitlementResponse(grant=entitlements_wire.grant_to_proto(made))

        response = await once(self._deps.engine, request, grant, granted)
        self._deps.entitlements.drop_customer(current_tenant(), request.customer)
        return response

    async def ListGrants(
        self, request: entitlement_pb2.ListGrantsRequest, context: Context
    ) -> entitlement_pb2.ListGrantsResponse:
        """Return the grants of a customer."""
        found = await entitlements.list_grants(self._deps, current_tenant(), request.customer, request.feature)
        return entitlement_pb2.ListGrantsResponse(grants=map(entitlements_wire.grant_to_proto, found))

    async def RevokeGrant(
        self, request: entitlement_pb2.RevokeGrantRequest, context: Context
    ) -> entitlement_pb2.RevokeGrantResponse:
        """Take a grant back."""
        reason = entitlements_wire.revoked_from_proto(request)
        revoked = await grants.revoke(self._deps, current_tenant(), request.grant, reason)
        self._deps.entitlements.drop_customer(current_tenant(), revoked.customer)
        return entitlement_pb2.RevokeGrantResponse(grant=entitlements_wire.grant_to_proto(revoked))

    async def ReserveUsage(
        self, request: entitlement_pb2.ReserveUsageRequest, context: Context
    ) -> entitlement_pb2.ReserveUsageResponse:
        """Hold a quantity."""
        wanted = entitlements_wire.reservation_from_proto(request)
        reserved = await reservations.reserve(self._deps, current_tenant(), wanted)
        return entitlements_wire.reserved_to_proto(reserved, self._deps.clock.now())

    async def SettleReservation(
        self, request: entitlement_pb2.SettleReservationRequest, context: Context
    ) -> entitlement_pb2.SettleReservationResponse:
        """Tell what was used of a reservation."""
        quantity, reported = entitlements_wire.settled_from_proto(request)
        ended = await reservations.settle(self._deps, current_tenant(), request.reservation, quantity, reported)
        return entitlement_pb2.SettleReservationResponse(
            reservation=entitlements_wire.reservation_to_proto(ended, self._deps.clock.now())
        )

    async def ReleaseReservation(
        self, request: entitlement_pb2.ReleaseReservationRequest, context: Context
    ) -> entitlement_pb2.ReleaseReservationResponse:
        """Give back what a reservation holds."""
        ended = await reservations.release(self._deps, current_tenant(), request.reservation)
        return entitlement_pb2.ReleaseReservationResponse(
            reservation=entitlements_wire.reservation_to_proto(ended, self._deps.clock.now())
        )

    async def GetProgress(self, request: pb.GetProgressRequest, context: Context) -> pb.GetProgressResponse:
        """Tell how far the live charges are."""
        progress = await live.get_progress(self._deps, current_tenant())
        return progress_to_proto(progress, feeds_to_proto(self._deps.board.states(), self._deps.clock.now()))


def served(deps: Deps) -> Served:
    """Describe the service to the server."""
    servicer = RatingServicer(deps)
    return Served(
        add=lambda server: pb_grpc.add_RatingServiceServicer_to_server(servicer, server),
        methods=declared_methods(pb.DESCRIPTOR.services_by_name["RatingService"]),
        owners=owners(deps),
    )
