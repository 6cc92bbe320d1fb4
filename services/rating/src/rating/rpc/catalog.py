"""What is sold to whom: products, plans, customers, contracts and coupons."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from chassis.errors.refused import refusals
from chassis.identity import current_tenant
from chassis.rpc.pages import name_in, page_limit, rendered
from chassis.rpc.repeat import once
from metering.rating.v1 import coupon_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from rating.domain.contracts import ContractFilter
from rating.operations import (
    catalogs,
    contracts,
    coupons,
    customers,
    plans,
    products,
)
from rating.rpc.base import Methods
from rating.wire import catalogs as catalogs_wire
from rating.wire import contracts as contracts_wire
from rating.wire import coupons as coupons_wire
from rating.wire import customers as customers_wire
from rating.wire import plans as plans_wire
from rating.wire import products as products_wire

if TYPE_CHECKING:
    import grpc
    from sqlalchemy.ext.asyncio import AsyncConnection

    from rating.domain.contract_changes import ContractChange
    from rating.domain.contracts import Contract
    from rating.domain.coupons import Coupon
    from rating.domain.customers import Customer
    from rating.domain.plans import Plan
    from rating.domain.products import Product
    from rating.domain.versions import Applied
    from rating.operations.catalogs import AppliedCatalog
    from rating.operations.coupons import CountedCoupon, RedeemedCoupon

    Context = grpc.aio.ServicerContext[Any, Any]


class CatalogMethods(Methods):
    """The methods of this room."""

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
        page = await customers.list_customers(self._deps, current_tenant(), request.search, after, limit, request.under)
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

    async def GetContract(self, request: pb.GetContractRequest, context: Context) -> pb.GetContractResponse:
        """Return a version of a contract."""
        found = await contracts.get_contract(self._deps, current_tenant(), request.name, request.version)
        return contracts_wire.found_to_proto(found, with_versions=request.all_versions)

    async def ListContracts(self, request: pb.ListContractsRequest, context: Context) -> pb.ListContractsResponse:
        """Return a page of contracts."""
        after, limit = name_in(request.page_token), page_limit(request.page_size)
        wanted = ContractFilter(request.customer, request.billing_period, request.of_month)
        page = await contracts.list_contracts(self._deps, current_tenant(), wanted, after, limit)
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

    async def ApplyCoupon(
        self, request: coupon_pb2.ApplyCouponRequest, context: Context
    ) -> coupon_pb2.ApplyCouponResponse:
        """Create a coupon or a version of it."""
        with refusals("spec"):
            wanted = coupons_wire.coupon_from_proto(request.spec)

        async def apply(conn: AsyncConnection) -> tuple[Applied[Coupon], CountedCoupon]:
            tenant = current_tenant()
            applied = await coupons.apply_coupon(self._deps, conn, tenant, request.name, wanted)
            return applied, await coupons.counted(conn, tenant, applied.entry)

        return await once(self._deps.engine, request, apply, lambda told: coupons_wire.applied_to_proto(*told))

    async def ListCoupons(
        self, request: coupon_pb2.ListCouponsRequest, context: Context
    ) -> coupon_pb2.ListCouponsResponse:
        """Return a page of coupons."""
        after, limit = name_in(request.page_token), page_limit(request.page_size)
        return coupons_wire.coupons_to_proto(await coupons.list_coupons(self._deps, current_tenant(), after, limit))

    async def RedeemCoupon(
        self, request: coupon_pb2.RedeemCouponRequest, context: Context
    ) -> coupon_pb2.RedeemCouponResponse:
        """Give a contract the discount of a coupon."""

        async def redeem(conn: AsyncConnection) -> RedeemedCoupon:
            tenant = current_tenant()
            return await coupons.redeem_coupon(self._deps, conn, tenant, request.coupon, request.contract)

        return await once(self._deps.engine, request, redeem, coupons_wire.redeemed_to_proto)

    async def ListCouponRedemptions(
        self, request: coupon_pb2.ListCouponRedemptionsRequest, context: Context
    ) -> coupon_pb2.ListCouponRedemptionsResponse:
        """Return who redeemed a coupon."""
        after, limit = name_in(request.page_token), page_limit(request.page_size)
        found = await coupons.list_redemptions(self._deps, current_tenant(), request.coupon, after, limit)
        return coupons_wire.redemptions_to_proto(*found)
