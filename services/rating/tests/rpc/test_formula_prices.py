"""A price formula over the wire: live, frozen and explained, by the quantities of all of its meters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from chassis.errors import MeterlineError, Reason
from metering.rating.v1 import catalog_pb2
from metering.rating.v1 import rating_service_pb2 as pb

JANUARY = datetime(2013, 1, 15, tzinfo=UTC)
PERIOD: dict[str, Any] = {"contract": "UA-2013", "billing_period": "2013-01"}
FORMULA = catalog_pb2.FormulaPrice(
    components=[
        catalog_pb2.FormulaMeter(name="calls", meter="calls"),
        catalog_pb2.FormulaMeter(name="talk", meter="minutes"),
    ],
    expression="max(calls * 0.01, talk * 0.5)",
)


async def test_a_formula_is_charged_frozen_and_explained(rating: Any, catalog: Any, usage: Any) -> None:
    item = catalog_pb2.PlanItem(name="Either", usage=catalog_pb2.UsagePrice(formula=FORMULA, maximum="100"))
    applied = await catalog.plan(item)
    await catalog.customer()
    await catalog.contract()
    usage.report("UA", "calls", JANUARY, "900")
    usage.report("UA", "minutes", JANUARY, "30")

    (live,) = (await rating.user()("ListCharges", pb.ListChargesRequest(**PERIOD))).charges
    (frozen,) = (await rating.service()("RateUsage", pb.RateUsageRequest(**PERIOD))).charges
    explained = await rating.user()("ExplainCharge", pb.ExplainChargeRequest(charge_id=frozen.id))

    assert applied.plan.spec.items[0].usage.formula == FORMULA
    for charge in (live, frozen, explained.charge):
        assert (charge.exact_amount, charge.meter, charge.quantity) == ("15", "calls", "900")
        assert [(read.name, read.meter, read.quantity) for read in charge.reads] == [
            ("calls", "calls", "900"),
            ("talk", "minutes", "30"),
        ]
    assert [step.name for step in frozen.steps] == ["read", "read", "formula", "total"]

    async def values(meter: str) -> list[str]:
        request = pb.ListChargeEventsRequest(charge_id=frozen.id, meter=meter)
        stream = rating.user().stream("ListChargeEvents", request)
        return [event.value async for page in stream for event in page.events]

    assert [await values(meter) for meter in ("", "calls", "minutes")] == [["900"], ["900"], ["30"]]
    with pytest.raises(grpc.aio.AioRpcError, match="it is of 'calls', 'minutes'"):
        await values("other")

    by_group = pb.QueryCostRequest(**PERIOD, group_by=["region"])
    with pytest.raises(MeterlineError, match="has no cost by group") as refused:
        await rating.user()("QueryCost", by_group)
    assert refused.value.reason is Reason.FIELD_INVALID
