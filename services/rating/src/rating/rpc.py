"""The service as gRPC sees it: each method checks, calls one use case and renders its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chassis.identity import current_tenant
from chassis.rpc.method import declared_methods
from chassis.rpc.pages import name_in, page_limit
from chassis.rpc.server import Served
from metering.rating.v1 import rating_service_pb2 as pb
from metering.rating.v1 import rating_service_pb2_grpc as pb_grpc
from rating import operations, wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc

    from rating.operations import Deps

    Context = grpc.aio.ServicerContext[Any, Any]


class RatingServicer(pb_grpc.RatingServiceServicer):
    """RatingService. Errors are raised as they are; the server's interceptor renders them."""

    def __init__(self, deps: Deps) -> None:
        """Serve the use cases with `deps`."""
        self._deps = deps

    async def ApplyProduct(self, request: pb.ApplyProductRequest, context: Context) -> pb.ApplyProductResponse:
        """Create a product or a version of it."""
        return await operations.apply_product(self._deps, request)

    async def ListProducts(self, request: pb.ListProductsRequest, context: Context) -> pb.ListProductsResponse:
        """Return a page of products."""
        after, limit = name_in(request.page_token), page_limit(request.page_size)
        page, token = await operations.list_products(self._deps, after, limit)
        return pb.ListProductsResponse(products=map(wire.product_to_proto, page), next_page_token=token)

    async def ApplyPlan(self, request: pb.ApplyPlanRequest, context: Context) -> pb.ApplyPlanResponse:
        """Create a plan or a version of it."""
        return await operations.apply_plan(self._deps, request)

    async def GetPlan(self, request: pb.GetPlanRequest, context: Context) -> pb.GetPlanResponse:
        """Return a version of a plan."""
        plan = await operations.get_plan(self._deps, request.name, request.version)
        return pb.GetPlanResponse(plan=wire.plan_to_proto(plan))

    async def ListPlans(self, request: pb.ListPlansRequest, context: Context) -> pb.ListPlansResponse:
        """Return a page of plans."""
        after, limit = name_in(request.page_token), page_limit(request.page_size)
        page, token = await operations.list_plans(self._deps, after, limit)
        return pb.ListPlansResponse(plans=map(wire.plan_to_proto, page), next_page_token=token)

    async def ApplyCustomer(self, request: pb.ApplyCustomerRequest, context: Context) -> pb.ApplyCustomerResponse:
        """Create a customer or a version of it."""
        return await operations.apply_customer(self._deps, request)

    async def GetCustomer(self, request: pb.GetCustomerRequest, context: Context) -> pb.GetCustomerResponse:
        """Return a customer."""
        customer = await operations.get_customer(self._deps, request.name)
        return pb.GetCustomerResponse(customer=wire.customer_to_proto(customer))

    async def ListCustomers(self, request: pb.ListCustomersRequest, context: Context) -> pb.ListCustomersResponse:
        """Return a page of customers."""
        after, limit = name_in(request.page_token), page_limit(request.page_size)
        page, token = await operations.list_customers(self._deps, after, limit)
        return pb.ListCustomersResponse(customers=map(wire.customer_to_proto, page), next_page_token=token)

    async def ApplyContract(self, request: pb.ApplyContractRequest, context: Context) -> pb.ApplyContractResponse:
        """Create a contract or a version of it."""
        return await operations.apply_contract(self._deps, request)

    async def ApplyCatalog(self, request: pb.ApplyCatalogRequest, context: Context) -> pb.ApplyCatalogResponse:
        """Apply many entries, all or none."""
        return await operations.apply_catalog(self._deps, request)

    async def ListContracts(self, request: pb.ListContractsRequest, context: Context) -> pb.ListContractsResponse:
        """Return a page of contracts."""
        page, token = await operations.list_contracts(self._deps, request)
        return pb.ListContractsResponse(contracts=map(wire.contract_to_proto, page), next_page_token=token)

    async def ListCharges(self, request: pb.ListChargesRequest, context: Context) -> pb.ListChargesResponse:
        """Return charges as usage is now."""
        rated, contract, customer = await operations.live_charges(self._deps, request)
        return wire.live_response_to_proto(current_tenant(), rated, contract, customer)

    async def RateUsage(self, request: pb.RateUsageRequest, context: Context) -> pb.RateUsageResponse:
        """Seal usage and freeze its charges."""
        grace = wire.grace_from_proto(request)
        rated, contract, customer = await operations.rate_usage(
            self._deps, request.contract, request.billing_period, grace, request.amends_snapshot_id
        )
        return wire.rated_response_to_proto(current_tenant(), rated, contract, customer)

    async def ExplainCharge(self, request: pb.ExplainChargeRequest, context: Context) -> pb.ExplainChargeResponse:
        """Derive a frozen charge again."""
        return await operations.explain(self._deps, request.charge_id)

    async def ListChargeEvents(
        self, request: pb.ListChargeEventsRequest, context: Context
    ) -> AsyncIterator[pb.ListChargeEventsResponse]:
        """Stream the events behind a charge."""
        pages = operations.charge_events(
            request.charge_id,
            only_amendment=request.only_amendment,
            limit=request.limit,
            deps=self._deps,
        )
        async for page in pages:
            yield pb.ListChargeEventsResponse(events=page)

    async def GetProgress(self, request: pb.GetProgressRequest, context: Context) -> pb.GetProgressResponse:
        """Tell how far the live charges are."""
        return await operations.progress(self._deps)


def served(deps: Deps) -> Served:
    """Describe the service to the server."""
    servicer = RatingServicer(deps)
    return Served(
        add=lambda server: pb_grpc.add_RatingServiceServicer_to_server(servicer, server),
        methods=declared_methods(pb.DESCRIPTOR.services_by_name["RatingService"]),
    )
