"""Many entries in one call: all of them or none, in any order, and a check that writes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.errors import InvalidRequest, MeterlineError, NotFound, Reason
from metering.common.v1 import values_pb2
from metering.rating.v1 import catalog_pb2 as cat
from metering.rating.v1 import rating_service_pb2 as pb

CREATED = values_pb2.APPLY_OUTCOME_CREATED
UNCHANGED = values_pb2.APPLY_OUTCOME_UNCHANGED


def entries() -> list[pb.CatalogEntry]:
    """Make a catalog in the worst order: each entry stands before what it refers to."""
    contract = cat.ContractSpec(
        customer="acme", plan="standard", start="2026-01-01", interval=cat.BILLING_INTERVAL_MONTH, time_zone="UTC"
    )
    item = cat.PlanItem(
        name="Calls", product="calls", usage=cat.UsagePrice(per_unit=cat.PerUnitPrice(unit_price="0.05"))
    )
    return [
        pb.CatalogEntry(contract=pb.ApplyContractRequest(name="acme-1", spec=contract)),
        pb.CatalogEntry(customer=pb.ApplyCustomerRequest(name="acme", spec=cat.CustomerSpec(currency="USD"))),
        pb.CatalogEntry(plan=pb.ApplyPlanRequest(name="standard", spec=cat.PlanSpec(currency="USD", items=[item]))),
        pb.CatalogEntry(product=pb.ApplyProductRequest(name="calls", spec=cat.ProductSpec(meter="calls"))),
    ]


async def counts(catalog: Any) -> tuple[int, int, int, int]:
    """Count what is stored."""
    call = catalog.caller
    return (
        len((await call("ListProducts", pb.ListProductsRequest())).products),
        len((await call("ListPlans", pb.ListPlansRequest())).plans),
        len((await call("ListCustomers", pb.ListCustomersRequest())).customers),
        len((await call("ListContracts", pb.ListContractsRequest())).contracts),
    )


async def test_entries_in_any_order_are_applied_and_applied_again_change_nothing(catalog: Any) -> None:
    first = await catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=entries()))
    again = await catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=entries()))

    assert list(first.outcomes) == [CREATED] * 4
    assert list(again.outcomes) == [UNCHANGED] * 4
    assert await counts(catalog) == (1, 1, 1, 1)


async def test_one_bad_entry_takes_all_others_back_and_is_named(catalog: Any) -> None:
    overlapping = pb.CatalogEntry()
    overlapping.CopyFrom(entries()[0])
    overlapping.contract.name = "acme-2"

    with pytest.raises(MeterlineError) as refused:
        await catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=[*entries(), overlapping]))

    assert isinstance(refused.value, InvalidRequest)
    assert refused.value.reason is Reason.CONTRACT_OVERLAP
    assert "contract 'acme-2'" in refused.value.message
    assert refused.value.metadata["entry"] == "4"
    assert await counts(catalog) == (0, 0, 0, 0)


async def test_validating_says_what_would_happen_and_writes_nothing(catalog: Any) -> None:
    request = pb.ApplyCatalogRequest(entries=entries(), validate_only=True)

    answer = await catalog.caller("ApplyCatalog", request)

    assert list(answer.outcomes) == [CREATED] * 4
    assert await counts(catalog) == (0, 0, 0, 0)


async def test_a_reference_to_nothing_is_refused(catalog: Any) -> None:
    with pytest.raises(NotFound) as refused:
        await catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=entries()[:2]))

    assert refused.value.reason is Reason.PLAN_NOT_FOUND


async def test_a_repeated_request_is_answered_as_the_first_time(catalog: Any) -> None:
    request = pb.ApplyCatalogRequest(request_id="r1", entries=entries())

    first = await catalog.caller("ApplyCatalog", request)
    again = await catalog.caller("ApplyCatalog", request)

    assert again == first
