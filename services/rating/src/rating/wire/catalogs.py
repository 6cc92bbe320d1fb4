"""Whole catalogs as messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from chassis.errors import Reason, invalid_field
from chassis.errors.refused import refusals
from chassis.rpc.validation import check_request
from chassis.text import check_name
from metering.rating.v1 import rating_service_pb2 as pb
from rating.domain.catalogs import CHANGES_MAX, CatalogEntry, Faults, UnfitContract
from rating.domain.contracts import Contract
from rating.domain.coupons import Coupon
from rating.domain.customers import Customer
from rating.domain.plans import PlanDraft
from rating.domain.products import Product
from rating.wire.contracts import change_to_proto as contract_change_to_proto
from rating.wire.contracts import contract_from_proto
from rating.wire.coupons import coupon_from_proto
from rating.wire.customers import customer_from_proto
from rating.wire.plans import change_to_proto as plan_change_to_proto
from rating.wire.plans import plan_from_proto
from rating.wire.products import product_from_proto
from rating.wire.values import outcome_to_proto

if TYPE_CHECKING:
    from rating.operations.catalogs import AppliedCatalog


Content = Product | PlanDraft | Customer | Contract | Coupon | UnfitContract | None


def entries_from_proto(entries: Iterable[pb.CatalogEntry]) -> tuple[list[CatalogEntry], Faults]:
    """Return the entries of a catalog, and what is wrong with the others."""
    found, faults = [], Faults()
    for place, entry in enumerate(entries):
        kind = entry.WhichOneof("entry")
        if kind is None:
            message = "an entry must be a product, plan, customer, contract or coupon"
            raise invalid_field("entries", Reason.FIELD_REQUIRED, message)
        name = getattr(entry, kind).name
        content: Content = None
        with faults.of(place, kind, name):
            check_request(getattr(entry, kind))
            content = _content_of(entry)
        if content is None and kind == "contract":
            content = UnfitContract(entry.contract.spec.customer, entry.contract.spec.plan)
        if content is not None:
            found.append(CatalogEntry(place, kind, name, content))
    return found, faults


def contract_changes_max_of(request: pb.ApplyCatalogRequest) -> int:
    """Return of how many contracts the changes shall be told."""
    return request.contract_changes_max if request.HasField("contract_changes_max") else CHANGES_MAX


def applied_to_proto(applied: AppliedCatalog) -> pb.ApplyCatalogResponse:
    """Return what applying a catalog did."""
    return pb.ApplyCatalogResponse(
        outcomes=map(outcome_to_proto, applied.outcomes),
        contract_changes=map(contract_change_to_proto, applied.contract_changes),
        plan_changes=map(plan_change_to_proto, applied.plan_changes),
        untold_changes=applied.untold_changes,
    )


def checked_customer(name: str, request: pb.ApplyCustomerRequest) -> Customer:
    """Return the customer of a request, whose name stands on invoices. Raises InvalidRequest."""
    with refusals():
        check_name("name", name)
    with refusals("spec"):
        return customer_from_proto(request.spec)


def _content_of(entry: pb.CatalogEntry) -> Product | PlanDraft | Customer | Contract | Coupon:
    if entry.HasField("customer"):
        return checked_customer(entry.customer.name, entry.customer)
    with refusals("spec"):
        if entry.HasField("product"):
            return product_from_proto(entry.product.spec)
        if entry.HasField("plan"):
            return plan_from_proto(entry.plan.spec)
        if entry.HasField("coupon"):
            return coupon_from_proto(entry.coupon.spec)
        return contract_from_proto(entry.contract.spec)
