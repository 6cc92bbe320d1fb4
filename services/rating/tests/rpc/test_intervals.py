"""Contracts with periods of days, weeks, quarters and years: applied, listed, rated."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.errors import InvalidRequest, Reason
from metering.rating.v1 import catalog_pb2 as cat
from metering.rating.v1 import rating_service_pb2 as pb

WEEKS: dict[str, Any] = {"interval": cat.BILLING_INTERVAL_WEEK, "time_zone": "Europe/Vienna"}


async def test_a_contract_of_two_weeks_is_rated_by_the_label_of_the_week_in_which_it_begins(
    rating: Any, catalog: Any, usage: Any
) -> None:
    await catalog.standard()
    await catalog.customer("DL")
    anchor = {"anchor": "2024-12-30", "every": 2}
    usage.report("DL", "calls", datetime(2025, 1, 12, 22, 59, tzinfo=UTC), "110")
    usage.report("DL", "calls", datetime(2025, 1, 12, 23, tzinfo=UTC), "1000")

    made = await catalog.contract("DL-1", customer="DL", start="2025-01-02", end="2025-02-01", **WEEKS, **anchor)

    spec = made.contract.spec
    assert (spec.interval, spec.every, spec.anchor) == (cat.BILLING_INTERVAL_WEEK, 2, "2024-12-30")
    listed = await catalog.caller(
        "ListBillingPeriods", pb.ListBillingPeriodsRequest(customer="DL", from_billing_period="2025-01")
    )
    assert [(due.billing_period, due.period.start.ToJsonString()) for due in listed.periods] == [
        ("2025-W01", "2025-01-01T23:00:00Z"),
        ("2025-W03", "2025-01-12T23:00:00Z"),
        ("2025-W05", "2025-01-26T23:00:00Z"),
    ]
    live = await catalog.caller("ListCharges", pb.ListChargesRequest(contract="DL-1", billing_period="2025-W01"))
    frozen = await rating.service()("RateUsage", pb.RateUsageRequest(contract="DL-1", billing_period="2025-W01"))
    assert [charge.exact_amount for charge in live.charges] == ["500", "5"]
    assert [charge.exact_amount for charge in frozen.charges] == ["500", "5"]
    again = pb.ListContractsRequest(customer="DL", of_month="2025-01")
    periods = (await catalog.caller("ListContracts", again)).periods
    assert [period.billing_period for period in periods] == ["2025-W01", "2025-W03", "2025-W05"]


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        ({"anchor_day": 3}, "spec.anchor_day", Reason.CONTRACT_INVALID),
        ({"every": 37}, "spec.every", Reason.FIELD_INVALID),
        ({"anchor": "2025-02-30"}, "spec.anchor", Reason.CONTRACT_INVALID),
        ({"anchor": "2025-13"}, "spec.anchor", Reason.FIELD_INVALID),
    ],
)
async def test_what_gives_no_periods_is_refused(catalog: Any, spec: dict[str, Any], field: str, reason: Reason) -> None:
    await catalog.standard()
    await catalog.customer("DL")

    with pytest.raises(InvalidRequest) as caught:
        await catalog.contract("DL-1", customer="DL", start="2025-01-02", **WEEKS, **spec)

    assert (caught.value.violations[0].field, caught.value.violations[0].reason) == (field, reason)


async def test_what_periods_are_counted_from_never_changes(catalog: Any) -> None:
    await catalog.standard()
    await catalog.customer("DL")
    spec = {"customer": "DL", "start": "2025-01-02", **WEEKS}
    await catalog.contract("DL-1", **spec)

    for changed in ({"every": 2}, {"anchor": "2025-01-03"}, {"interval": cat.BILLING_INTERVAL_DAY}):
        with pytest.raises(InvalidRequest) as caught:
            await catalog.contract("DL-1", **{**spec, **changed})
        assert caught.value.reason is Reason.CATALOG_CONFLICT


@pytest.mark.parametrize("label", ["2025-W54", "2025-01", "2025-01-06", "2025"])
async def test_a_label_of_another_shape_is_no_period_of_the_contract(catalog: Any, label: str) -> None:
    await catalog.standard()
    await catalog.customer("DL")
    await catalog.contract("DL-1", customer="DL", start="2025-01-02", **WEEKS)

    with pytest.raises(InvalidRequest) as caught:
        await catalog.caller("ListCharges", pb.ListChargesRequest(contract="DL-1", billing_period=label))

    assert caught.value.reason is Reason.PERIOD_INVALID


async def test_a_label_that_is_none_is_told_how_to_write_one(catalog: Any) -> None:
    with pytest.raises(InvalidRequest, match="2013-W05, 2013-Q1 or 2013"):
        await catalog.caller("ListCharges", pb.ListChargesRequest(contract="DL-1", billing_period="2025-1"))
