"""Contracts whose plan and end change: what is priced by which plan, what is told, and what is refused."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.errors import Conflict, InvalidRequest, Reason
from metering.common.v1 import values_pb2
from metering.rating.v1 import catalog_pb2 as cat
from metering.rating.v1 import rating_service_pb2 as pb
from testkit.wait import eventually

NEW_VERSION = values_pb2.APPLY_OUTCOME_NEW_VERSION
UNCHANGED = values_pb2.APPLY_OUTCOME_UNCHANGED
TERM: dict[str, Any] = {"start": "2024-06-15", "time_zone": "UTC", "anchor_day": 1}


def per_unit(unit: str) -> cat.PlanItem:
    price = cat.UsagePrice(per_unit=cat.PerUnitPrice(unit_price=unit))
    return cat.PlanItem(name="Calls", meter="calls", usage=price)


async def two_plans(catalog: Any) -> None:
    """Make a customer, and two plans: the old one costs 1 a call, the new one 2."""
    await catalog.plan(per_unit("1"), name="r-old")
    await catalog.plan(per_unit("2"), name="r-new")
    await catalog.customer()


async def amount(catalog: Any, period: str) -> tuple[str, str, int]:
    """Return what calls cost in a period, by which plan, and which version of the contract says so."""
    request = pb.ListChargesRequest(contract="r-cust-2", billing_period=period)
    answer = await catalog.caller("ListCharges", request)
    assert answer.charges[0].plan == answer.ruling.plan
    return answer.charges[0].exact_amount, answer.ruling.plan, answer.ruling.contract_version


async def freeze(rating: Any, period: str) -> Any:
    return await rating.service()("RateUsage", pb.RateUsageRequest(contract="r-cust-2", billing_period=period))


def told(change: cat.ContractChange) -> list[tuple[str, str, str, str, bool]]:
    return [(each.first, each.last, each.plan_before, each.plan, each.frozen) for each in change.periods]


async def test_a_period_that_the_contract_has_by_its_new_version_is_priced_by_the_new_plan(
    rating: Any, catalog: Any, usage: Any
) -> None:
    await two_plans(catalog)
    await catalog.contract("r-cust-2", plan="r-new", end="2024-09-01", **TERM)
    await freeze(rating, "2024-06")
    usage.report("UA", "calls", datetime(2024, 10, 12, tzinfo=UTC), "10")

    answer = await catalog.contract("r-cust-2", plan="r-old", end="2025-01-01", **TERM)

    assert answer.outcome == NEW_VERSION
    assert (answer.contract.spec.effective_from, answer.change.end_before, answer.change.end) == (
        "2024-09-01",
        "2024-09-01",
        "2025-01-01",
    )
    assert told(answer.change) == [
        ("2024-06", "2024-06", "r-new", "r-new", True),
        ("2024-07", "2024-08", "r-new", "r-new", False),
        ("2024-09", "2024-12", "", "r-old", False),
    ]
    assert await amount(catalog, "2024-10") == ("10", "r-old", 2)
    assert await amount(catalog, "2024-08") == ("0", "r-new", 1)
    frozen = await freeze(rating, "2024-10")
    assert [(charge.exact_amount, charge.plan) for charge in frozen.charges] == [("10", "r-old")]


async def test_a_wrong_plan_is_put_right_for_periods_that_are_not_frozen(rating: Any, catalog: Any, usage: Any) -> None:
    await two_plans(catalog)
    await catalog.contract("r-cust-2", plan="r-new", end="2024-09-01", **TERM)
    usage.report("UA", "calls", datetime(2024, 7, 2, tzinfo=UTC), "10")
    assert await amount(catalog, "2024-07") == ("20", "r-new", 1)
    await freeze(rating, "2024-06")
    wanted = {"plan": "r-old", "end": "2024-09-01", **TERM}

    refused, message = [], ""
    for fields in ({}, {"effective_from": "2024-07-01"}, {"effective_from": "2024-06-15", "reason": "swapped"}):
        with pytest.raises(InvalidRequest) as caught:
            await catalog.contract("r-cust-2", **wanted, **fields)
        refused.append([(violation.field, violation.reason) for violation in caught.value.violations])
        message = caught.value.message
    answer = await catalog.contract("r-cust-2", **wanted, effective_from="2024-07-01", reason="swapped")
    again = await catalog.contract("r-cust-2", **wanted)

    assert refused == [
        [("spec.plan", Reason.CONTRACT_INVALID)],
        [("spec.reason", Reason.FIELD_REQUIRED)],
        [("spec.effective_from", Reason.CATALOG_CONFLICT)],
    ]
    assert "period 2024-06 is already rated permanently" in message
    assert "effectiveFrom: 2024-07-01 or later" in message
    assert told(answer.change) == [
        ("2024-06", "2024-06", "r-new", "r-new", True),
        ("2024-07", "2024-08", "r-new", "r-old", False),
    ]
    assert again.outcome == UNCHANGED
    assert await amount(catalog, "2024-07") == ("10", "r-old", 2)
    assert await amount(catalog, "2024-06") == ("0", "r-new", 1)


async def test_a_contract_tells_what_rules_when_and_all_its_versions(catalog: Any) -> None:
    await two_plans(catalog)
    await catalog.contract("r-cust-2", plan="r-new", **TERM)
    await catalog.contract("r-cust-2", plan="r-old", **TERM, effective_from="2030-01-01", reason="agreed")

    request = pb.GetContractRequest(name="r-cust-2", all_versions=True)
    found = await catalog.caller("GetContract", request)
    first = await catalog.caller("GetContract", pb.GetContractRequest(name="r-cust-2", version=1))

    rulings = [(each.day, each.plan, each.contract_version) for each in found.rulings]
    assert rulings == [("2024-06-15", "r-new", 1), ("2030-01-01", "r-old", 2)]
    assert [(each.version, each.spec.plan, each.spec.reason) for each in found.versions] == [
        (1, "r-new", ""),
        (2, "r-old", "agreed"),
    ]
    assert found.contract == found.versions[-1]
    assert ([each.plan for each in first.rulings], list(first.versions)) == (["r-new"], [])


async def test_an_end_that_touches_a_frozen_period_is_refused_with_what_to_do(rating: Any, catalog: Any) -> None:
    await two_plans(catalog)
    await catalog.contract("r-cust-2", plan="r-new", end="2024-07-10", **TERM)
    await freeze(rating, "2024-07")

    for end, mend in (
        ("2024-07-05", "end the contract on 2024-07-10 or later"),
        ("2024-09-01", "leave the end at 2024-07-10 and make another contract that starts on that day"),
    ):
        with pytest.raises(InvalidRequest, match=mend) as caught:
            await catalog.contract("r-cust-2", plan="r-new", end=end, **TERM)
        assert [violation.field for violation in caught.value.violations] == ["spec.end"]


@pytest.mark.parametrize(
    ("spec", "field", "words"),
    [
        (
            {"start": "2011-12-30", "end": "2011-12-31", "time_zone": "Pacific/Apia"},
            "spec.start",
            "skipped 2011-12-30",
        ),
        (
            {"start": "1971-11-01", "end": "1972-03-01", "time_zone": "Africa/Monrovia"},
            "spec.start",
            "start on 1972-01-08 or later",
        ),
        ({"plan": "later", "start": "2024-06-15"}, "spec.plan", "effective from 2025-01-01"),
    ],
)
async def test_a_contract_that_could_never_be_billed_is_refused_with_its_field(
    catalog: Any, spec: dict[str, Any], field: str, words: str
) -> None:
    await two_plans(catalog)
    await catalog.plan(per_unit("3"), name="later", effective_from=datetime(2025, 1, 1, tzinfo=UTC))

    with pytest.raises(InvalidRequest, match=words) as caught:
        await catalog.contract(**{"plan": "r-old", **spec})

    assert [violation.field for violation in caught.value.violations] == [field]


async def test_a_catalog_tells_what_its_new_versions_change_also_when_it_is_only_checked(
    rating: Any, catalog: Any
) -> None:
    await two_plans(catalog)
    await catalog.contract("r-cust-2", plan="r-new", end="2024-09-01", **TERM)
    await freeze(rating, "2024-07")
    spec = cat.ContractSpec(customer="UA", plan="r-old", end="2025-01-01", interval=cat.BILLING_INTERVAL_MONTH, **TERM)
    plan = cat.PlanSpec(currency="USD", items=[per_unit("3")])
    plan.effective_from.FromDatetime(datetime(2024, 6, 1, tzinfo=UTC))
    entries = [
        pb.CatalogEntry(contract=pb.ApplyContractRequest(name="r-cust-2", spec=spec)),
        pb.CatalogEntry(plan=pb.ApplyPlanRequest(name="r-new", spec=plan)),
    ]

    checked = await catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=entries, validate_only=True))
    applied = await catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=entries))

    assert list(checked.outcomes) == list(applied.outcomes) == [NEW_VERSION, NEW_VERSION]
    assert checked.contract_changes == applied.contract_changes
    (change,) = applied.contract_changes
    assert (change.contract, change.version_before, change.version) == ("r-cust-2", 1, 2)
    prices = [(each.first, each.last, each.plan, each.plan_version, each.frozen) for each in change.periods]
    assert prices == [
        ("2024-06", "2024-06", "r-new", 2, False),
        ("2024-07", "2024-07", "r-new", 1, True),
        ("2024-08", "2024-08", "r-new", 2, False),
        ("2024-09", "2024-12", "r-old", 1, False),
    ]
    (repriced,) = applied.plan_changes
    assert (repriced.plan, repriced.version_before, repriced.version, repriced.frozen_periods) == ("r-new", 1, 2, 1)
    assert repriced.effective_from.ToDatetime(tzinfo=UTC) == datetime(2024, 6, 1, tzinfo=UTC)


async def test_a_plan_put_right_beside_a_freeze_is_either_refused_or_billed(
    rating: Any, catalog: Any, usage: Any
) -> None:
    await two_plans(catalog)
    await catalog.contract("r-cust-2", plan="r-new", end="2024-09-01", **TERM)
    usage.report("UA", "calls", datetime(2024, 7, 2, tzinfo=UTC), "10")
    usage.hold_totals = asyncio.Event()
    freezing = asyncio.create_task(freeze(rating, "2024-07"))

    async def is_rating() -> bool:
        return "QueryTotals" in usage.asked

    await eventually(is_rating)
    spec = {"plan": "r-old", "end": "2024-09-01", "effective_from": "2024-07-01", "reason": "swapped", **TERM}
    await catalog.contract("r-cust-2", **spec)
    usage.hold_totals.set()
    with pytest.raises(Conflict, match="changed while 2024-07 was rated; call again"):
        await freezing

    again = await freeze(rating, "2024-07")
    assert [charge.exact_amount for charge in again.charges] == ["10"]
