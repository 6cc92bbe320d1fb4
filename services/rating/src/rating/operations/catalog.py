"""The catalogue: entries are applied whole; the same content again changes nothing, other content is a new version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, Self, TypeVar

from chassis.errors import InvalidRequest, MeterlineError, NotFound, Reason, invalid_field
from chassis.identity import current_tenant
from chassis.postgres import transaction
from chassis.rpc.pages import name_in, page_limit, page_token
from chassis.rpc.repeat import request_slot
from metering.common.v1 import values_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from rating import store, wire
from rating.domain.billing_period import period_labelled
from rating.domain.catalog import (
    Version,
    check_kept_periods,
    check_next_contract,
    check_next_plan,
    overlapping,
    same_content,
)
from rating.domain.text import check_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from chassis.rpc.repeat import RepeatableRequest
    from rating.domain.catalog import Contract, Customer, Plan, Product
    from rating.operations.deps import Deps

Content = TypeVar("Content")
_CREATED = values_pb2.APPLY_OUTCOME_CREATED
_UNCHANGED = values_pb2.APPLY_OUTCOME_UNCHANGED
_NEW_VERSION = values_pb2.APPLY_OUTCOME_NEW_VERSION


class _Response(Protocol):
    @classmethod
    def FromString(cls, data: bytes, /) -> Self: ...  # noqa: N802 - protobuf's name

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...  # noqa: N802 - protobuf's name


ResponseType = TypeVar("ResponseType", bound=_Response)


async def _once(
    deps: Deps,
    method: str,
    request: RepeatableRequest,
    kind: type[ResponseType],
    work: Callable[[AsyncConnection], Awaitable[ResponseType]],
) -> ResponseType:
    """Run `work` in one transaction, once for its request_id."""
    async with transaction(deps.engine) as conn, request_slot(conn, method, request) as slot:
        if slot.response is not None:
            return kind.FromString(slot.response)
        response = await work(conn)
        slot.keep(response.SerializeToString(deterministic=True))
        return response


def _following(
    newest: Version[Content] | None, name: str, content: Content, now: datetime
) -> tuple[values_pb2.ApplyOutcome.ValueType, Version[Content]]:
    if newest is None:
        return _CREATED, Version(name, 1, now, content)
    return _NEW_VERSION, Version(name, newest.version + 1, now, content)


# --- products --------------------------------------------------------------------------------------------------------


async def apply_product(deps: Deps, request: pb.ApplyProductRequest) -> pb.ApplyProductResponse:
    """Make a product what the request says. Plans keep the meter that the product had when they were applied."""

    async def work(conn: AsyncConnection) -> pb.ApplyProductResponse:
        return await _apply_product(deps, conn, request)

    return await _once(deps, "ApplyProduct", request, pb.ApplyProductResponse, work)


async def _apply_product(deps: Deps, conn: AsyncConnection, request: pb.ApplyProductRequest) -> pb.ApplyProductResponse:
    tenant = current_tenant()
    with wire.refused_as_invalid_request():
        wanted = wire.product_from_proto(request.spec)
    await store.lock_entry(conn, "product", tenant, request.name)
    newest = await store.newest_product(conn, tenant, request.name)
    if newest is not None and newest.content == wanted:
        return pb.ApplyProductResponse(outcome=_UNCHANGED, product=wire.product_to_proto(newest))
    outcome, product = _following(newest, request.name, wanted, deps.clock.now())
    await store.add_product(conn, tenant, product)
    return pb.ApplyProductResponse(outcome=outcome, product=wire.product_to_proto(product))


async def list_products(deps: Deps, after: str, limit: int) -> tuple[list[Version[Product]], str]:
    """Give a page of products by name, and the token of the next page (empty on the last)."""
    async with transaction(deps.engine) as conn:
        return _page(await store.list_products(conn, current_tenant(), after, limit + 1), limit)


# --- plans -----------------------------------------------------------------------------------------------------------


async def apply_plan(deps: Deps, request: pb.ApplyPlanRequest) -> pb.ApplyPlanResponse:
    """Make a plan what the request says: a later version rules the periods that start once it is effective."""

    async def work(conn: AsyncConnection) -> pb.ApplyPlanResponse:
        return await _apply_plan(deps, conn, request)

    return await _once(deps, "ApplyPlan", request, pb.ApplyPlanResponse, work)


async def _apply_plan(deps: Deps, conn: AsyncConnection, request: pb.ApplyPlanRequest) -> pb.ApplyPlanResponse:
    tenant = current_tenant()
    meters = await _meters_of_products(conn, tenant, {item.product for item in request.spec.items if item.product})
    with wire.refused_as_invalid_request():
        wanted = wire.plan_from_proto(request.spec, meters)
    await store.lock_entry(conn, "plan", tenant, request.name)
    versions = await store.plan_versions(conn, tenant, request.name)
    newest = versions[-1] if versions else None
    if newest is not None and same_content(newest.content, wanted):
        return pb.ApplyPlanResponse(outcome=_UNCHANGED, plan=wire.plan_to_proto(newest))
    now = deps.clock.now()
    with wire.refused_as_invalid_request():
        settled = check_next_plan(newest, wanted, now)
    outcome, plan = _following(newest, request.name, settled, now)
    await store.add_plan(conn, tenant, plan)
    return pb.ApplyPlanResponse(outcome=outcome, plan=wire.plan_to_proto(plan))


async def _meters_of_products(conn: AsyncConnection, tenant: str, names: Iterable[str]) -> dict[str, str]:
    meters: dict[str, str] = {}
    for name in sorted(names):
        product = await store.newest_product(conn, tenant, name)
        if product is None:
            raise NotFound(Reason.PRODUCT_NOT_FOUND, f"there is no product {name!r}; apply it before the plan")
        meters[name] = product.content.meter
    return meters


async def get_plan(deps: Deps, name: str, version: int) -> Version[Plan]:
    """Give a version of a plan, the newest for 0. Raises NotFound."""
    async with transaction(deps.engine) as conn:
        return await find_plan(conn, current_tenant(), name, version)


async def find_plan(conn: AsyncConnection, tenant: str, name: str, version: int) -> Version[Plan]:
    """Give a version of a plan, the newest for 0. Raises NotFound."""
    versions = await store.plan_versions(conn, tenant, name)
    if not versions:
        raise NotFound(Reason.PLAN_NOT_FOUND, f"there is no plan {name!r}; ListPlans names them all")
    found = versions[-1] if version == 0 else next((each for each in versions if each.version == version), None)
    if found is None:
        raise NotFound(Reason.PLAN_NOT_FOUND, f"plan {name!r} has no version {version}; its newest is {len(versions)}")
    return found


async def list_plans(deps: Deps, after: str, limit: int) -> tuple[list[Version[Plan]], str]:
    """Give a page of plans by name, and the token of the next page (empty on the last)."""
    async with transaction(deps.engine) as conn:
        return _page(await store.list_plans(conn, current_tenant(), after, limit + 1), limit)


# --- customers -------------------------------------------------------------------------------------------------------


async def apply_customer(deps: Deps, request: pb.ApplyCustomerRequest) -> pb.ApplyCustomerResponse:
    """Make a customer what the request says. The currency stays while there are contracts in it."""

    async def work(conn: AsyncConnection) -> pb.ApplyCustomerResponse:
        return await _apply_customer(deps, conn, request)

    return await _once(deps, "ApplyCustomer", request, pb.ApplyCustomerResponse, work)


async def _apply_customer(
    deps: Deps, conn: AsyncConnection, request: pb.ApplyCustomerRequest
) -> pb.ApplyCustomerResponse:
    tenant = current_tenant()
    with wire.refused_as_invalid_request(""):
        check_text("name", request.name)
    with wire.refused_as_invalid_request():
        wanted = wire.customer_from_proto(request.spec)
    await store.lock_entry(conn, "customer", tenant, request.name)
    newest = await store.newest_customer(conn, tenant, request.name)
    if newest is not None and newest.content == wanted:
        return pb.ApplyCustomerResponse(outcome=_UNCHANGED, customer=wire.customer_to_proto(newest))
    if newest is not None and newest.content.currency != wanted.currency:
        await _refuse_currency_change(conn, tenant, newest)
    outcome, customer = _following(newest, request.name, wanted, deps.clock.now())
    await store.add_customer(conn, tenant, customer)
    return pb.ApplyCustomerResponse(outcome=outcome, customer=wire.customer_to_proto(customer))


async def _refuse_currency_change(conn: AsyncConnection, tenant: str, customer: Version[Customer]) -> None:
    key = (tenant, customer.name)
    contracts = (await store.contracts_of_customers(conn, [key])).get(key)
    if contracts:
        message = f"stays {customer.content.currency}: contract {contracts[0].name!r} is in it"
        raise invalid_field("spec.currency", Reason.CURRENCY_MISMATCH, message)


async def get_customer(deps: Deps, name: str) -> Version[Customer]:
    """Give a customer. Raises NotFound."""
    async with transaction(deps.engine) as conn:
        return await find_customer(conn, current_tenant(), name)


async def find_customer(conn: AsyncConnection, tenant: str, name: str) -> Version[Customer]:
    """Give a customer. Raises NotFound."""
    customer = await store.newest_customer(conn, tenant, name)
    if customer is None:
        raise NotFound(Reason.CUSTOMER_NOT_FOUND, f"there is no customer {name!r}; apply it first")
    return customer


async def list_customers(deps: Deps, after: str, limit: int) -> tuple[list[Version[Customer]], str]:
    """Give a page of customers by name, and the token of the next page (empty on the last)."""
    async with transaction(deps.engine) as conn:
        return _page(await store.list_customers(conn, current_tenant(), after, limit + 1), limit)


# --- contracts -------------------------------------------------------------------------------------------------------


async def apply_contract(deps: Deps, request: pb.ApplyContractRequest) -> pb.ApplyContractResponse:
    """Make a contract what the request says; of one that exists only end, plan and plan version can change."""

    async def work(conn: AsyncConnection) -> pb.ApplyContractResponse:
        return await _apply_contract(deps, conn, request)

    return await _once(deps, "ApplyContract", request, pb.ApplyContractResponse, work)


async def _apply_contract(
    deps: Deps, conn: AsyncConnection, request: pb.ApplyContractRequest
) -> pb.ApplyContractResponse:
    tenant = current_tenant()
    with wire.refused_as_invalid_request():
        wanted = wire.contract_from_proto(request.spec)
    await store.lock_entry(conn, "contract", tenant, request.name)
    await store.lock_entry(conn, "customer", tenant, wanted.customer)
    versions = await store.contract_versions(conn, tenant, request.name)
    newest = versions[-1] if versions else None
    if newest is not None and newest.content == wanted:
        return pb.ApplyContractResponse(outcome=_UNCHANGED, contract=wire.contract_to_proto(newest))
    await _check_parties(conn, tenant, wanted)
    with wire.refused_as_invalid_request():
        if newest is not None:
            check_next_contract(newest.content, wanted)
            frozen = await store.frozen_periods(conn, tenant, request.name)
            check_kept_periods(frozen, (period_labelled(wanted.schedule, kept.label) for kept in frozen))
    await _check_overlap(conn, tenant, request.name, wanted)
    outcome, contract = _following(newest, request.name, wanted, deps.clock.now())
    await store.add_contract(conn, tenant, contract)
    return pb.ApplyContractResponse(outcome=outcome, contract=wire.contract_to_proto(contract))


async def _check_parties(conn: AsyncConnection, tenant: str, wanted: Contract) -> None:
    customer = await find_customer(conn, tenant, wanted.customer)
    plan = await find_plan(conn, tenant, wanted.plan, wanted.plan_version or 0)
    if customer.content.currency != plan.content.currency:
        message = f"is in {plan.content.currency}, but customer {customer.name!r} pays in {customer.content.currency}"
        raise invalid_field("spec.plan", Reason.CURRENCY_MISMATCH, message)


async def _check_overlap(conn: AsyncConnection, tenant: str, name: str, wanted: Contract) -> None:
    key = (tenant, wanted.customer)
    contracts = (await store.contracts_of_customers(conn, [key])).get(key, [])
    rival = overlapping(wanted, ((other.name, other.content) for other in contracts if other.name != name))
    if rival is not None:
        message = f"overlaps contract {rival!r} of the same customer; end that one first"
        raise invalid_field("spec.start", Reason.CONTRACT_OVERLAP, message)


# --- whole catalogues ------------------------------------------------------------------------------------------------

_ENTRIES_IN_ORDER: Final = ("product", "plan", "customer", "contract")
"""What is referred to comes before what refers to it."""


class _ValidatedOnly(Exception):
    def __init__(self, response: pb.ApplyCatalogResponse) -> None:
        super().__init__("everything was valid")
        self.response = response


async def apply_catalog(deps: Deps, request: pb.ApplyCatalogRequest) -> pb.ApplyCatalogResponse:
    """Apply many entries, all or none; with `validate_only` find out what would happen and take it back."""

    async def work(conn: AsyncConnection) -> pb.ApplyCatalogResponse:
        response = pb.ApplyCatalogResponse(outcomes=await _apply_entries(deps, conn, request.entries))
        if request.validate_only:
            raise _ValidatedOnly(response)
        return response

    try:
        return await _once(deps, "ApplyCatalog", request, pb.ApplyCatalogResponse, work)
    except _ValidatedOnly as validated:
        return validated.response


async def _apply_entries(
    deps: Deps, conn: AsyncConnection, entries: Sequence[pb.CatalogEntry]
) -> list[values_pb2.ApplyOutcome.ValueType]:
    outcomes = [values_pb2.APPLY_OUTCOME_UNSPECIFIED] * len(entries)
    # Sorted by name too: two catalogues that are applied at the same time lock their entries in the same order.
    for place in sorted(range(len(entries)), key=lambda place: _rank(entries[place])):
        try:
            outcomes[place] = await _apply_entry(deps, conn, entries[place])
        except MeterlineError as error:
            raise _of_entry(error, entries[place], place) from error
    return outcomes


def _rank(entry: pb.CatalogEntry) -> tuple[int, str]:
    kind = _kind_of(entry)
    return _ENTRIES_IN_ORDER.index(kind), getattr(entry, kind).name


def _kind_of(entry: pb.CatalogEntry) -> str:
    kind = entry.WhichOneof("entry")
    if kind is None:
        raise invalid_field("entries", Reason.FIELD_REQUIRED, "an entry must be a product, plan, customer or contract")
    return kind


async def _apply_entry(deps: Deps, conn: AsyncConnection, entry: pb.CatalogEntry) -> values_pb2.ApplyOutcome.ValueType:
    match _kind_of(entry):
        case "product":
            return (await _apply_product(deps, conn, entry.product)).outcome
        case "plan":
            return (await _apply_plan(deps, conn, entry.plan)).outcome
        case "customer":
            return (await _apply_customer(deps, conn, entry.customer)).outcome
        case _:
            return (await _apply_contract(deps, conn, entry.contract)).outcome


def _of_entry(error: MeterlineError, entry: pb.CatalogEntry, place: int) -> MeterlineError:
    """Say of which entry an error speaks."""
    kind = _kind_of(entry)
    return type(error)(
        error.reason,
        f"{kind} {getattr(entry, kind).name!r}: {error.message}",
        violations=error.violations,
        retry_after_s=error.retry_after_s,
        metadata={**error.metadata, "entry": str(place)},
    )


async def find_contract(conn: AsyncConnection, tenant: str, name: str) -> list[Version[Contract]]:
    """Give all versions of a contract, oldest first. Raises NotFound."""
    versions = await store.contract_versions(conn, tenant, name)
    if not versions:
        raise NotFound(Reason.CONTRACT_NOT_FOUND, f"there is no contract {name!r}; ListContracts names them all")
    return versions


async def list_contracts(deps: Deps, request: pb.ListContractsRequest) -> tuple[list[Version[Contract]], str]:
    """Give a page of contracts by name, and the token of the next page (empty on the last)."""
    tenant, label = current_tenant(), request.billing_period
    after, limit = name_in(request.page_token), page_limit(request.page_size)
    found: list[Version[Contract]] = []
    async with transaction(deps.engine) as conn:
        while len(found) <= limit:
            page = await store.list_contracts(conn, tenant, request.customer, after, limit + 1)
            found += [each for each in page if not label or period_labelled(each.content.schedule, label)]
            if len(page) <= limit:
                break
            after = page[-1].name
    return _page(found, limit)


def _page(found: Sequence[Version[Content]], limit: int) -> tuple[list[Version[Content]], str]:
    """Cut a page off a list that was asked for one more than fits."""
    page = list(found[:limit])
    return page, page_token(page[-1].name) if len(found) > limit else ""


def period_invalid(contract: str, label: str) -> InvalidRequest:
    """Give the error for a period that a contract does not have."""
    asked = f"no billing period {label!r}" if label else "no current billing period"
    return invalid_field("billing_period", Reason.PERIOD_INVALID, f"contract {contract!r} has {asked}")
