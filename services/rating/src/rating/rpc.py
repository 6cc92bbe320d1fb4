"""The servicer: check, ask the operation, render. Errors are raised; the chassis turns them into statuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from chassis.identity import Scope, current_tenant
from metering.rating.v1 import rating_service_pb2 as pb
from metering.rating.v1 import rating_service_pb2_grpc as pb_grpc
from rating import operations, wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import grpc.aio

    from rating.operations import Dependencies

    Context = grpc.aio.ServicerContext[Any, Any]

SERVICE: Final = "metering.rating.v1.RatingService"

_ADMIN: Final = frozenset({Scope.ADMIN})
_READ: Final = frozenset({Scope.READ})
_READ_OR_INTERNAL: Final = frozenset({Scope.READ, Scope.INTERNAL})
_INTERNAL: Final = frozenset({Scope.INTERNAL})

POLICY: Final[Mapping[str, frozenset[Scope]]] = {
    f"/{SERVICE}/ApplyProduct": _ADMIN,
    f"/{SERVICE}/ListProducts": _READ,
    f"/{SERVICE}/ApplyPlan": _ADMIN,
    f"/{SERVICE}/GetPlan": _READ,
    f"/{SERVICE}/ListPlans": _READ,
    f"/{SERVICE}/ApplyCustomer": _ADMIN,
    f"/{SERVICE}/GetCustomer": _READ_OR_INTERNAL,
    f"/{SERVICE}/ListCustomers": _READ,
    f"/{SERVICE}/ApplyContract": _ADMIN,
    f"/{SERVICE}/ApplyCatalog": _ADMIN,
    f"/{SERVICE}/ListContracts": _READ_OR_INTERNAL,
    f"/{SERVICE}/ListCharges": _READ_OR_INTERNAL,
    f"/{SERVICE}/RateUsage": _INTERNAL,
    f"/{SERVICE}/ExplainCharge": _READ_OR_INTERNAL,
    f"/{SERVICE}/ListChargeEvents": _READ_OR_INTERNAL,
    f"/{SERVICE}/GetProgress": _READ_OR_INTERNAL,
}


class RatingServicer(pb_grpc.RatingServiceServicer):
    """`metering.rating.v1.RatingService`; the contract says what each call means."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies

    async def ApplyProduct(  # noqa: D102 - the contract documents each call
        self, request: pb.ApplyProductRequest, context: Context
    ) -> pb.ApplyProductResponse:
        return await operations.apply_product(request, self._dependencies)

    async def ListProducts(  # noqa: D102
        self, request: pb.ListProductsRequest, context: Context
    ) -> pb.ListProductsResponse:
        page, token = await operations.list_products(request.page_size, request.page_token, self._dependencies)
        return pb.ListProductsResponse(products=map(wire.product_to_proto, page), next_page_token=token)

    async def ApplyPlan(  # noqa: D102
        self, request: pb.ApplyPlanRequest, context: Context
    ) -> pb.ApplyPlanResponse:
        return await operations.apply_plan(request, self._dependencies)

    async def GetPlan(  # noqa: D102
        self, request: pb.GetPlanRequest, context: Context
    ) -> pb.GetPlanResponse:
        plan = await operations.get_plan(request.name, request.version, self._dependencies)
        return pb.GetPlanResponse(plan=wire.plan_to_proto(plan))

    async def ListPlans(  # noqa: D102
        self, request: pb.ListPlansRequest, context: Context
    ) -> pb.ListPlansResponse:
        page, token = await operations.list_plans(request.page_size, request.page_token, self._dependencies)
        return pb.ListPlansResponse(plans=map(wire.plan_to_proto, page), next_page_token=token)

    async def ApplyCustomer(  # noqa: D102
        self, request: pb.ApplyCustomerRequest, context: Context
    ) -> pb.ApplyCustomerResponse:
        return await operations.apply_customer(request, self._dependencies)

    async def GetCustomer(  # noqa: D102
        self, request: pb.GetCustomerRequest, context: Context
    ) -> pb.GetCustomerResponse:
        customer = await operations.get_customer(request.name, self._dependencies)
        return pb.GetCustomerResponse(customer=wire.customer_to_proto(customer))

    async def ListCustomers(  # noqa: D102
        self, request: pb.ListCustomersRequest, context: Context
    ) -> pb.ListCustomersResponse:
        page, token = await operations.list_customers(request.page_size, request.page_token, self._dependencies)
        return pb.ListCustomersResponse(customers=map(wire.customer_to_proto, page), next_page_token=token)

    async def ApplyContract(  # noqa: D102
        self, request: pb.ApplyContractRequest, context: Context
    ) -> pb.ApplyContractResponse:
        return await operations.apply_contract(request, self._dependencies)

    async def ApplyCatalog(  # noqa: D102
        self, request: pb.ApplyCatalogRequest, context: Context
    ) -> pb.ApplyCatalogResponse:
        return await operations.apply_catalog(request, self._dependencies)

    async def ListContracts(  # noqa: D102
        self, request: pb.ListContractsRequest, context: Context
    ) -> pb.ListContractsResponse:
        page, token = await operations.list_contracts(request, self._dependencies)
        return pb.ListContractsResponse(contracts=map(wire.contract_to_proto, page), next_page_token=token)

    async def ListCharges(  # noqa: D102
        self, request: pb.ListChargesRequest, context: Context
    ) -> pb.ListChargesResponse:
        rated, contract, customer = await operations.live_charges(request, self._dependencies)
        return wire.live_response_to_proto(current_tenant(), rated, contract, customer)

    async def RateUsage(  # noqa: D102
        self, request: pb.RateUsageRequest, context: Context
    ) -> pb.RateUsageResponse:
        grace = wire.grace_from_proto(request)
        rated, contract, customer = await operations.rate_usage(
            request.contract, request.billing_period, grace, request.amends_snapshot_id, self._dependencies
        )
        return wire.rated_response_to_proto(current_tenant(), rated, contract, customer)

    async def ExplainCharge(  # noqa: D102
        self, request: pb.ExplainChargeRequest, context: Context
    ) -> pb.ExplainChargeResponse:
        return await operations.explain(request.charge_id, self._dependencies)

    async def ListChargeEvents(  # noqa: D102
        self, request: pb.ListChargeEventsRequest, context: Context
    ) -> AsyncIterator[pb.ListChargeEventsResponse]:
        pages = operations.charge_events(
            request.charge_id,
            only_amendment=request.only_amendment,
            limit=request.limit,
            dependencies=self._dependencies,
        )
        async for page in pages:
            yield pb.ListChargeEventsResponse(events=page)

    async def GetProgress(  # noqa: D102
        self, request: pb.GetProgressRequest, context: Context
    ) -> pb.GetProgressResponse:
        return await operations.progress(self._dependencies)
