"""What plans would cost, over the wire: nobody has them, and nothing is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import InvalidRequest, MeterlineError, Reason
from metering.rating.v1 import catalog_pb2, charge_pb2
from metering.rating.v1 import rating_service_pb2 as pb

JANUARY = pb.QuotePeriod(start="2013-01-01", end="2013-02-01")


def per_unit(name: str, meter: str, unit: str, **around: Any) -> catalog_pb2.PlanItem:
    price = catalog_pb2.UsagePrice(per_unit=catalog_pb2.PerUnitPrice(unit_price=unit), **around)
    return catalog_pb2.PlanItem(name=name, meter=meter, usage=price)


async def test_a_plan_that_is_only_written_down_is_quoted(calm_rating: Any) -> None:
    fee = catalog_pb2.PlanItem(name="Fee", fixed=catalog_pb2.FixedFee(amount="9.995"))
    draft = catalog_pb2.PlanSpec(currency="USD", items=[fee, per_unit("Calls", "no-such-meter", "0.125", included="2")])
    usage = [pb.AssumedUsage(meter="no-such-meter", quantity="7")]

    user = calm_rating.user()
    quoted = await user("QuotePlan", pb.QuotePlanRequest(draft=draft, period=JANUARY, usage=usage))
    plans = await user("ListPlans", pb.ListPlansRequest())

    assert [(line.item, line.quantity, line.exact_amount, line.amount) for line in quoted.lines] == [
        ("Fee", "1", "9.995", "10.00"),
        ("Calls", "7", "0.625", "0.63"),
    ]
    assert (quoted.total, quoted.currency, quoted.plan, quoted.plan_version) == ("10.63", "USD", "", 0)
    assert [step.name for step in quoted.lines[1].steps] == ["quantity", "included", "tier", "total"]
    assert not plans.plans

    # Taken off as of a contract: what is for some items first, though it stands last.
    loyal, fewer = (
        pb.AssumedDiscount(name="Loyal", percent="10"),
        pb.AssumedDiscount(name="Fee", amount="1", items=["Fee"]),
    )
    request = pb.QuotePlanRequest(draft=draft, period=JANUARY, usage=usage, discounts=[loyal, fewer])
    less = await user("QuotePlan", request)
    assert [(line.item, line.exact_amount, line.amount) for line in less.lines[2:]] == [
        ("Discount: Fee", "-1", "-1.00"),
        ("Discount: Loyal", "-0.963", "-0.96"),
    ]
    assert (less.total, less.lines[3].kind) == ("8.67", charge_pb2.CHARGE_KIND_DISCOUNT)
    request.discounts[1].items[:] = ["Free"]
    with pytest.raises(InvalidRequest) as refused:
        await user("QuotePlan", request)
    assert [one.field for one in refused.value.violations] == ["discounts[1].items"]
    request.discounts[1].name = "Loyal"
    with pytest.raises(InvalidRequest) as twice:
        await user("QuotePlan", request)
    assert [one.field for one in twice.value.violations] == ["discounts[1].name"]


async def test_an_applied_plan_is_quoted_by_the_version_that_is_effective_then(
    calm_rating: Any, calm_catalog: Any
) -> None:
    february = Timestamp()
    february.FromDatetime(datetime(2013, 2, 1, 5, tzinfo=UTC))
    await calm_catalog.plan(per_unit("Calls", "calls", "1"))
    await calm_catalog.plan(per_unit("Calls", "calls", "7"), effective_from=february)

    async def total(start: str, version: int = 0) -> tuple[str, int]:
        request = pb.QuotePlanRequest(
            plan="standard",
            plan_version=version,
            time_zone="America/New_York",
            period=pb.QuotePeriod(start=start),
            usage=[pb.AssumedUsage(meter="calls", quantity="3")],
        )
        quoted = await calm_rating.user()("QuotePlan", request)
        return quoted.total, quoted.plan_version

    assert [await total("2013-01-31"), await total("2013-02-01"), await total("2013-02-01", 1)] == [
        ("3.00", 1),
        ("21.00", 2),
        ("3.00", 1),
    ]


async def test_a_fee_by_days_is_quoted_for_the_days_of_a_short_period(calm_rating: Any) -> None:
    fee = catalog_pb2.PlanItem(
        name="Fee", fixed=catalog_pb2.FixedFee(amount="29.99"), proration=catalog_pb2.PRORATION_DAY
    )
    draft = catalog_pb2.PlanSpec(currency="USD", items=[fee])
    period = pb.QuotePeriod(start="2026-01-15", end="2026-02-01")

    quoted = await calm_rating.user()("QuotePlan", pb.QuotePlanRequest(draft=draft, period=period))

    (line,) = quoted.lines
    assert (line.exact_amount, line.amount, quoted.total) == ("50983/3100", "16.45", "16.45")


async def test_a_plan_is_explained_in_the_units_of_its_meters(calm_rating: Any, calm_catalog: Any) -> None:
    await calm_catalog.plan(per_unit("Calls", "calls", "1"), per_unit("Talk", "minutes", "0.5", included="10"))
    draft = catalog_pb2.PlanSpec(currency="EUR", items=[per_unit("Lines", "no-such-meter", "2")])

    user = calm_rating.user()
    applied = await user("ExplainPlan", pb.ExplainPlanRequest(plan="standard", items=["Talk"]))
    written = await user("ExplainPlan", pb.ExplainPlanRequest(draft=draft))

    (talk,), (lines,) = applied.items, written.items
    assert talk.sentence.endswith("Each min costs 0.5 USD.")
    assert [(example.quantity, example.amount) for example in talk.examples] == [
        ("10", "0.00"),
        ("11", "0.50"),
        ("100", "45.00"),
    ]
    assert talk.examples[1].steps[1].text == "10 min included, 1 min remain"
    assert (applied.plan, applied.plan_version, written.plan) == ("standard", 1, "")
    assert lines.sentence == "Each unit costs 2 EUR."


async def test_a_catalog_is_looked_at_whole_and_a_plan_that_is_written_down_by_itself(
    calm_rating: Any, calm_catalog: Any
) -> None:
    user = calm_rating.user()
    await calm_catalog.plan(per_unit("Calls", "calls", "1"))
    await calm_catalog.plan(per_unit("Lines", "no-such-meter", "0"), name="other")
    await calm_catalog.customer("EU", currency="EUR")
    product = pb.ApplyProductRequest(name="talk", spec=catalog_pb2.ProductSpec(meter="to-come"))
    talk = per_unit("Talk", "", "0")
    talk.product = "talk"
    draft = pb.ApplyPlanRequest(name="draft", spec=catalog_pb2.PlanSpec(currency="EUR", items=[talk]))
    entries = [pb.CatalogEntry(plan=draft), pb.CatalogEntry(product=product)]

    async def codes(request: pb.LintPlansRequest) -> list[tuple[str, str, str]]:
        found = (await user("LintPlans", request)).findings
        return [(one.code, one.plan, one.meter) for one in found]

    assert await codes(pb.LintPlansRequest()) == [
        ("meter-missing", "other", "no-such-meter"),
        ("zero-rated", "other", "no-such-meter"),
        ("meter-unused", "", "minutes"),
        ("currency-without-price", "", ""),
    ]
    assert await codes(pb.LintPlansRequest(plans=["standard"])) == []
    assert await codes(pb.LintPlansRequest(entries=entries, meters=["to-come", "idle"])) == [
        ("zero-rated", "draft", "to-come"),
        ("meter-unused", "", "idle"),
    ]
    with pytest.raises(MeterlineError) as refused:
        await codes(pb.LintPlansRequest(plans=["nothing"]))
    assert refused.value.reason is Reason.PLAN_NOT_FOUND


@pytest.mark.parametrize(
    ("asked", "reason", "field"),
    [
        ({"plan": "nothing"}, Reason.PLAN_NOT_FOUND, None),
        ({}, Reason.REQUEST_INVALID, "priced"),
        (
            {"draft": catalog_pb2.PlanSpec(currency="USD", items=[per_unit("Calls", "calls", "-1")])},
            Reason.PRICE_INVALID,
            "draft.items[0].usage.per_unit.unit_price",
        ),
        ({"usage": [pb.AssumedUsage(meter="minutes", quantity="1")]}, Reason.FIELD_INVALID, "usage[0].meter"),
        ({"usage": [pb.AssumedUsage(meter="calls", quantity="1e3")]}, Reason.FIELD_INVALID, "usage[0].quantity"),
        ({"time_zone": "Mars"}, Reason.TIME_ZONE_UNKNOWN, "time_zone"),
        ({"period": pb.QuotePeriod(start="2013-02-30")}, Reason.CONTRACT_INVALID, "period.start"),
        ({"period": pb.QuotePeriod(start="2013-02-01", end="2013-01-01")}, Reason.PERIOD_INVALID, "period.end"),
    ],
)
async def test_what_can_not_be_quoted_is_refused_by_its_field(
    calm_rating: Any, asked: dict[str, Any], reason: Reason, field: str | None
) -> None:
    draft = catalog_pb2.PlanSpec(currency="USD", items=[per_unit("Calls", "calls", "1")])
    request = pb.QuotePlanRequest(**asked)
    if asked and request.WhichOneof("priced") is None:
        request.draft.CopyFrom(draft)

    with pytest.raises(MeterlineError) as refused:
        await calm_rating.user()("QuotePlan", request)

    assert refused.value.reason is reason
    if field is not None:
        assert isinstance(refused.value, InvalidRequest)
        assert [violation.field for violation in refused.value.violations] == [field]
