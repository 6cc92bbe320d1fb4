"""Live and frozen charges over the wire, beside a fake aggregator."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from opentelemetry.trace import format_span_id, format_trace_id

from chassis.errors import InvalidRequest, MeterlineError, NotFound, NotReady, Reason, Unavailable
from metering.rating.v1 import catalog_pb2 as cat
from metering.rating.v1 import charge_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from testkit.wait import eventually

JANUARY = datetime(2013, 1, 15, tzinfo=UTC)
SEAL_SPAN = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


def per_unit(unit: str, *, meter: str = "calls") -> cat.PlanItem:
    price = cat.UsagePrice(per_unit=cat.PerUnitPrice(unit_price=unit))
    return cat.PlanItem(name="Calls", meter=meter, usage=price)


def amounts(answer: Any) -> dict[str, str]:
    return {charge.item: charge.exact_amount for charge in answer.charges}


async def live(caller: Any, **fields: str) -> Any:
    wanted = fields or {"contract": "UA-2013", "billing_period": "2013-01"}
    return await caller("ListCharges", pb.ListChargesRequest(**wanted))


async def rate(caller: Any, **fields: Any) -> Any:
    wanted = {"contract": "UA-2013", "billing_period": "2013-01", **fields}
    return await caller("RateUsage", pb.RateUsageRequest(**wanted))


# --- live ------------------------------------------------------------------------------------------------------------


async def test_live_charges_are_rated_on_the_spot_when_nothing_is_stored(
    calm_rating: Any, calm_catalog: Any, usage: Any
) -> None:
    await calm_catalog.standard()
    usage.report("UA", "calls", JANUARY, "30.5")

    answer = await live(calm_rating.user())

    assert amounts(answer) == {"Fee": "500", "Calls": "1.025"}
    assert (answer.billing_period, answer.contract.name, answer.customer.name) == ("2013-01", "UA-2013", "UA")
    assert answer.period.start.ToDatetime() == datetime(2013, 1, 1, 5)  # noqa: DTZ001 - naive UTC of protobuf
    assert [(lane.lane, lane.position) for lane in answer.as_of.lanes] == [(0, 1)]
    fee, calls = answer.charges
    assert (fee.kind, fee.quantity, fee.meter, fee.id) == (charge_pb2.CHARGE_KIND_FIXED, "1", "", "")
    assert (calls.kind, calls.quantity, calls.unit, calls.event_count) == (
        charge_pb2.CHARGE_KIND_USAGE,
        "30.5",
        "call",
        1,
    )
    assert [step.name for step in calls.steps] == ["quantity", "included", "tier", "total"]
    assert [(tier.up_to, tier.quantity, tier.unit_price, tier.amount) for tier in calls.tiers] == [
        ("", "20.5", "0.05", "1.025")
    ]


async def test_charges_of_several_periods_are_those_of_each(calm_rating: Any, calm_catalog: Any, usage: Any) -> None:
    await calm_catalog.standard()
    await calm_catalog.contract("UA-2012", start="2012-01-01", end="2013-01-01")
    await calm_catalog.customer("AA")
    await calm_catalog.contract("AA-2013", customer="AA")
    usage.report("UA", "calls", JANUARY, "30")
    usage.report("UA", "calls", datetime(2013, 2, 2, tzinfo=UTC), "110")
    user = calm_rating.user()
    asked = [("UA-2013", "2013-02"), ("UA-2012", "2012-12"), ("UA-2013", "2013-01")]

    def question(*periods: tuple[str, str]) -> pb.ListChargesOfPeriodsRequest:
        named = [pb.AskedPeriod(contract=contract, billing_period=label) for contract, label in periods]
        return pb.ListChargesOfPeriodsRequest(customer="UA", periods=named)

    answer = await user("ListChargesOfPeriods", question(*asked))

    each = [await live(user, contract=contract, billing_period=label) for contract, label in asked]
    assert [amounts(one)["Calls"] for one in each] == ["5", "0", "1"]
    assert list(answer.periods) == each
    with pytest.raises(NotFound, match="AA-2013") as not_its_own:
        await user("ListChargesOfPeriods", question(("UA-2013", "2013-01"), ("AA-2013", "2013-01")))
    assert not_its_own.value.reason is Reason.CONTRACT_NOT_FOUND
    with pytest.raises(InvalidRequest, match="2012-12") as before_it_began:
        await user("ListChargesOfPeriods", question(("UA-2013", "2012-12")))
    assert before_it_began.value.reason is Reason.PERIOD_INVALID


async def test_live_charges_follow_the_change_feed(rating: Any, catalog: Any, usage: Any) -> None:
    await catalog.standard()
    usage.report("UA", "calls", JANUARY, "30")
    usage.report("UA", "calls", datetime(2013, 2, 2, tzinfo=UTC), "110")
    usage.report("nobody", "calls", JANUARY, "5")
    user = rating.user()

    async def caught_up() -> bool:
        progress = await user("GetProgress", pb.GetProgressRequest())
        applied = [(lane.lane, lane.position) for lane in progress.applied.lanes]
        return applied == [(0, len(usage.segments))] and progress.dirty_periods == 0

    await eventually(caught_up)
    usage.asked.clear()
    january, february = await live(user), await live(user, contract="UA-2013", billing_period="2013-02")
    both = [pb.AskedPeriod(contract="UA-2013", billing_period=label) for label in ("2013-01", "2013-02")]
    answer = await user("ListChargesOfPeriods", pb.ListChargesOfPeriodsRequest(customer="UA", periods=both))

    assert [list(one.charges) for one in answer.periods] == [list(january.charges), list(february.charges)]
    assert amounts(january) == {"Fee": "500", "Calls": "1"}
    assert amounts(february) == {"Fee": "500", "Calls": "5"}
    assert "QueryTotals" not in usage.asked, "they are stored"

    usage.report("UA", "calls", JANUARY, "20")
    await eventually(caught_up)
    assert amounts(await live(user))["Calls"] == "2"

    usage.asked.clear()
    usage.report_span(["UA"], JANUARY, datetime(2013, 3, 1, tzinfo=UTC))
    await eventually(caught_up)
    assert usage.asked == ["QueryManyTotals"], "periods that changed together are rated with one question"
    assert amounts(await live(user)) == {"Fee": "500", "Calls": "2"}
    assert amounts(await live(user, contract="UA-2013", billing_period="2013-02")) == amounts(february)


async def test_a_period_that_waits_to_be_rated_again_is_rated_on_the_spot(
    rating: Any, catalog: Any, usage: Any
) -> None:
    await catalog.standard()
    user = rating.user()
    usage.hold_totals = asyncio.Event()
    usage.report("UA", "calls", JANUARY, "30")

    async def is_marked() -> bool:
        return bool((await user("GetProgress", pb.GetProgressRequest())).dirty_periods)

    await eventually(is_marked)
    usage.report("UA", "calls", JANUARY, "20")
    asked = asyncio.create_task(live(user))
    usage.hold_totals.set()

    assert amounts(await asked)["Calls"] in ("1", "2")

    async def is_new() -> bool:
        return amounts(await live(user))["Calls"] == "2"

    await eventually(is_new)


async def test_a_period_that_can_not_be_rated_does_not_hold_up_the_others(
    rating: Any, catalog: Any, usage: Any
) -> None:
    await catalog.standard()
    await catalog.plan(per_unit("1", meter="flights"), name="other")
    await catalog.customer("DL")
    await catalog.contract("DL-2013", customer="DL", plan="other")
    user = rating.user()

    usage.report("DL", "calls", JANUARY, "1")
    usage.report("UA", "calls", JANUARY, "30")

    async def dirty_periods() -> int:
        return int((await user("GetProgress", pb.GetProgressRequest())).dirty_periods)

    async def only_the_wrong_one_waits() -> bool:
        progress = await user("GetProgress", pb.GetProgressRequest())
        return bool(progress.dirty_periods == 1 and progress.applied.lanes[0].position == 2)

    await eventually(only_the_wrong_one_waits)
    assert amounts(await live(user))["Calls"] == "1"

    usage.meters["flights"] = "flight"
    await eventually(lambda: _is_zero(dirty_periods))


async def _is_zero(count: Callable[[], Awaitable[int]]) -> bool:
    return await count() == 0


async def test_a_price_that_rules_from_now_on_leaves_the_stored_charges_alone(
    rating: Any, catalog: Any, usage: Any
) -> None:
    await catalog.standard()
    usage.report("UA", "calls", JANUARY, "30")
    before = await live(rating.user())

    await catalog.plan(per_unit("9"))

    assert amounts(await live(rating.user())) == amounts(before)


async def test_each_period_has_the_version_effective_at_its_start(
    calm_rating: Any, calm_catalog: Any, usage: Any
) -> None:
    await calm_catalog.plan(per_unit("1"))
    await calm_catalog.plan(per_unit("2"), effective_from=datetime(2013, 2, 1, 5, tzinfo=UTC))
    await calm_catalog.plan(per_unit("3"), effective_from=datetime(2013, 2, 1, 5, 0, 1, tzinfo=UTC))
    await calm_catalog.customer()
    await calm_catalog.contract()
    await calm_catalog.customer("DL")
    await calm_catalog.contract("DL-2013", customer="DL", plan_version=1)

    async def version(contract: str, label: str) -> int:
        answer = await live(calm_rating.user(), contract=contract, billing_period=label)
        return int(answer.charges[0].plan_version)

    assert [await version("UA-2013", f"2013-0{month}") for month in (1, 2, 3)] == [1, 2, 3]
    assert [await version("DL-2013", f"2013-0{month}") for month in (1, 2, 3)] == [1, 1, 1]


async def test_charges_are_asked_for_by_customer_and_for_now(calm_rating: Any, calm_catalog: Any) -> None:
    await calm_catalog.standard()
    user = calm_rating.user()

    by_customer = await live(user, customer="UA", billing_period="2013-03")
    current = await live(user, customer="UA")

    assert by_customer.contract.name == "UA-2013"
    assert current.billing_period == datetime.now(UTC).strftime("%Y-%m") or current.billing_period > "2026"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"contract": "none"}, Reason.CONTRACT_NOT_FOUND),
        ({"customer": "none"}, Reason.CONTRACT_NOT_FOUND),
        ({"customer": "UA", "billing_period": "2012-12"}, Reason.CONTRACT_NOT_FOUND),
        ({"contract": "UA-2013", "billing_period": "2012-12"}, Reason.PERIOD_INVALID),
        ({"contract": "UA-2013", "billing_period": "2013-13"}, Reason.PERIOD_INVALID),
        ({"contract": "UA-2013", "customer": "UA"}, Reason.FIELD_REQUIRED),
        ({"billing_period": "2013-01"}, Reason.FIELD_REQUIRED),
        ({"contract": "UA-2013", "billing_period": "January"}, Reason.REQUEST_INVALID),
    ],
)
async def test_a_question_without_an_answer_says_why(
    calm_rating: Any, calm_catalog: Any, fields: dict[str, str], reason: Reason
) -> None:
    await calm_catalog.standard()

    with pytest.raises(MeterlineError) as caught:
        await live(calm_rating.user(), **fields)

    assert caught.value.reason is reason


async def test_two_contracts_with_a_period_of_one_label_must_be_told_apart(calm_rating: Any, calm_catalog: Any) -> None:
    await calm_catalog.standard()
    await calm_catalog.contract(end="2013-01-15")
    await calm_catalog.contract("UA-new", start="2013-01-15")

    with pytest.raises(InvalidRequest, match="'UA-2013', 'UA-new'"):
        await live(calm_rating.user(), customer="UA", billing_period="2013-01")
    assert (await live(calm_rating.user(), customer="UA", billing_period="2013-02")).contract.name == "UA-new"


async def test_a_meter_that_does_not_exist_is_never_zero_usage(calm_rating: Any, calm_catalog: Any, usage: Any) -> None:
    await calm_catalog.plan(per_unit("1", meter="flights"))
    await calm_catalog.customer()
    await calm_catalog.contract()

    for ask in (live(calm_rating.user()), rate(calm_rating.service())):
        with pytest.raises(NotFound) as caught:
            await ask
        assert caught.value.reason is Reason.METER_NOT_FOUND
    assert usage.asked == ["QueryTotals", "QueryTotals"], "nothing was sealed"

    usage.meters["flights"] = "flight"
    assert amounts(await rate(calm_rating.service())) == {"Calls": "0"}


async def test_without_the_aggregator_the_catalog_goes_on(calm_rating: Any, calm_catalog: Any, aggregator: Any) -> None:
    await calm_catalog.standard()
    await aggregator[1].stop(0)

    with pytest.raises(Unavailable) as caught:
        await live(calm_rating.user())

    assert caught.value.reason is Reason.UPSTREAM_UNAVAILABLE
    assert (await calm_catalog.customer("DL")).customer.version == 1


# --- frozen ----------------------------------------------------------------------------------------------------------


async def test_rating_for_good_answers_the_same_again(rating: Any, catalog: Any, usage: Any) -> None:
    await catalog.standard()
    usage.report("UA", "calls", JANUARY, "30")

    first = await rate(rating.service())
    usage.report("UA", "calls", JANUARY, "1000")
    await catalog.plan(per_unit("9"))

    assert await rate(rating.service()) == first
    assert amounts(first) == {"Fee": "500", "Calls": "1"}
    assert first.snapshot_id == "snap-1"
    assert len({charge.id for charge in first.charges}) == 2
    assert usage.asked.count("SealUsage") == 1


async def test_concurrent_ratings_store_one(rating: Any, catalog: Any, usage: Any) -> None:
    await catalog.standard()
    usage.report("UA", "calls", JANUARY, "30")

    answers = await asyncio.gather(*(rate(rating.service()) for _ in range(6)))

    assert all(answer == answers[0] for answer in answers)


async def test_until_usage_is_sealed_the_callers_is_told_so(rating: Any, catalog: Any, usage: Any) -> None:
    await catalog.standard()
    usage.not_ready = 1

    with pytest.raises(NotReady) as caught:
        await rate(rating.service())
    assert caught.value.reason is Reason.USAGE_NOT_READY
    assert caught.value.retry_after_s == pytest.approx(0.1)

    assert amounts(await rate(rating.service())) == {"Fee": "500", "Calls": "0"}


async def test_the_grace_moves_the_earliest_time_of_sealing(rating: Any, catalog: Any, usage: Any) -> None:
    await catalog.standard()

    await rate(rating.service(), grace=Duration(seconds=3600))

    sealed_at = usage.snapshots["snap-1"].sealed_at.ToDatetime(tzinfo=UTC)
    assert sealed_at == datetime(2013, 2, 1, 6, tzinfo=UTC)
    for grace in (Duration(seconds=-1), Duration(seconds=10**11)):
        with pytest.raises(InvalidRequest) as caught:
            await rate(rating.service(), grace=grace)
        assert caught.value.violations[0].field == "grace"


async def test_amended_usage_is_rated_by_the_price_of_the_first_time(rating: Any, catalog: Any, usage: Any) -> None:
    await catalog.plan(per_unit("1"))
    await catalog.customer()
    await catalog.contract()
    usage.report("UA", "calls", JANUARY, "30")
    first = await rate(rating.service())
    await catalog.plan(per_unit("9"), effective_from=datetime(2012, 1, 1, tzinfo=UTC))

    unchanged = await rate(rating.service(), amends_snapshot_id=first.snapshot_id)
    usage.report("UA", "calls", JANUARY, "5")
    amended = await rate(rating.service(), amends_snapshot_id=first.snapshot_id)
    usage.report("UA", "calls", JANUARY, "7")
    again = await rate(rating.service(), amends_snapshot_id=first.snapshot_id)
    next_one = await rate(rating.service(), amends_snapshot_id=amended.snapshot_id)

    assert unchanged == first
    assert (amended.snapshot_id, amounts(amended)) == ("snap-2", {"Calls": "35"})
    assert again == amended
    assert (next_one.snapshot_id, amounts(next_one)) == ("snap-3", {"Calls": "42"})
    assert {charge.plan_version for answer in (amended, next_one) for charge in answer.charges} == {1}

    async def a_live_look_has_the_same_price() -> bool:
        return amounts(await live(rating.user())) == {"Calls": "42"}

    await eventually(a_live_look_has_the_same_price)
    with pytest.raises(NotFound) as caught:
        await rate(rating.service(), amends_snapshot_id="snap-77")
    assert caught.value.reason is Reason.SNAPSHOT_NOT_FOUND


async def test_a_contract_can_not_be_ended_inside_what_is_rated_for_good(rating: Any, catalog: Any, usage: Any) -> None:
    await catalog.standard()
    await rate(rating.service(), billing_period="2013-02")

    with pytest.raises(InvalidRequest) as caught:
        await catalog.contract(end="2013-02-20")
    assert caught.value.reason is Reason.CATALOG_CONFLICT
    await catalog.contract(end="2013-03-01")


async def test_a_charge_is_explained_down_to_its_windows_and_events(rating: Any, catalog: Any, usage: Any) -> None:
    await catalog.standard()
    free = cat.ContractDiscount(name="Free", usage="2.5", items=["Calls"])
    await catalog.contract(discounts=[free])
    for quantity in ("30", "12.5"):
        usage.report("UA", "calls", JANUARY, quantity)
    fee, calls = (await rate(rating.service())).charges
    user = rating.user()

    explained = await user("ExplainCharge", pb.ExplainChargeRequest(charge_id=calls.id))
    events = [
        event.value
        async for page in user.stream("ListChargeEvents", pb.ListChargeEventsRequest(charge_id=calls.id))
        for event in page.events
    ]

    assert explained.charge == calls
    # Units that are free have no line; the charge that is less for them says so.
    assert (calls.quantity, calls.exact_amount, list(explained.overrides)) == ("42.5", "1.5", [])
    assert [step.text for step in calls.steps if step.name == "usage_discount"] == [
        "Free: 2.5 call off, 30 call remain"
    ]
    assert explained.item.usage.per_unit.unit_price == "0.05"
    assert explained.snapshot.id == calls.snapshot_id
    assert [window.quantity for window in explained.windows] == ["42.5"]
    assert events == ["30", "12.5"]

    of_fee = await user("ExplainCharge", pb.ExplainChargeRequest(charge_id=fee.id))
    assert not of_fee.HasField("snapshot")
    assert of_fee.item.fixed.amount == "500"
    stream = user.stream("ListChargeEvents", pb.ListChargeEventsRequest(charge_id=fee.id))
    assert [page async for page in stream] == []


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("ListCharges", pb.ListChargesRequest(contract="a\x00"), "contract"),
        ("ListCharges", pb.ListChargesRequest(customer="a\x00"), "customer"),
        ("ExplainCharge", pb.ExplainChargeRequest(charge_id="\x00"), "charge_id"),
        ("GetPlan", pb.GetPlanRequest(name="a\x00"), "name"),
        ("GetCustomer", pb.GetCustomerRequest(name="a\x00"), "name"),
        ("ListContracts", pb.ListContractsRequest(customer="\x00"), "customer"),
        ("ListContracts", pb.ListContractsRequest(page_token="\x00"), "page_token"),
        (
            "ApplyPlan",
            pb.ApplyPlanRequest(
                name="p", spec=cat.PlanSpec(currency="USD", items=[cat.PlanItem(name="x", product="a\x00")])
            ),
            "spec.items[0].product",
        ),
    ],
)
async def test_a_nul_is_refused_wherever_it_stands(rating: Any, method: str, request_: Any, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await rating.user()(method, request_)

    assert [(found.field, found.reason) for found in caught.value.violations] == [(field, Reason.TEXT_INVALID)]


async def test_a_charge_of_another_tenant_does_not_exist(rating: Any, catalog: Any, usage: Any) -> None:
    await catalog.standard()
    charge = (await rate(rating.service())).charges[0]

    for identity in (charge.id, "chg_none"):
        with pytest.raises(NotFound) as caught:
            await rating.user("other")("ExplainCharge", pb.ExplainChargeRequest(charge_id=identity))
        assert caught.value.reason is Reason.CHARGE_NOT_FOUND
        assert caught.value.message == f"there is no frozen charge {identity!r}; live charges have no id"


async def test_the_money_span_links_to_the_span_that_sealed_the_usage(rating: Any, catalog: Any, usage: Any) -> None:
    await catalog.standard()

    charges = (await rate(rating.service())).charges

    (span,) = [span for span in rating.spans.get_finished_spans() if span.name == "rate usage"]
    links = [(format_trace_id(link.context.trace_id), format_span_id(link.context.span_id)) for link in span.links]
    context = span.get_span_context()
    expected = f"00-{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}-"
    assert links == [SEAL_SPAN]
    assert span.attributes["metering.money"] is True
    assert {charge.traceparent[:53] for charge in charges} == {expected}
