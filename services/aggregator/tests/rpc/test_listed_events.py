"""The events that a meter counts now: exactly those behind the quantity, however the list is cut into pages."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from chassis.errors import DeadlineExceeded, InvalidRequest, NotFound, Reason
from eventlog.period import Period
from eventlog.wire import period_to_proto
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.common.v1 import values_pb2

START = datetime(2026, 3, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
ORACLES: dict[str, Callable[[list[tuple[int, str, str]]], Fraction]] = {
    "SUM": lambda events: sum((Fraction(value) for _, _, value in events), Fraction(0)),
    "COUNT": lambda events: Fraction(len(events)),
    "COUNT_UNIQUE": lambda events: Fraction(len({value for _, _, value in events})),
    "MIN": lambda events: min((Fraction(value) for _, _, value in events), default=Fraction(0)),
    "MAX": lambda events: max((Fraction(value) for _, _, value in events), default=Fraction(0)),
    "LATEST": lambda events: Fraction(max(events)[2]) if events else Fraction(0),
    "FIRST": lambda events: Fraction(min(events)[2]) if events else Fraction(0),
}


def quarters(first: int, last: int) -> values_pb2.Period:
    return period_to_proto(Period(START + first * QUARTER, START + last * QUARTER))


async def listed(aggregator: Any, **query: Any) -> list[pb.ListMeteredEventsResponse]:
    values: dict[str, Any] = {"customer": "customer-1", "meter": "calls", "period": quarters(0, 96)}
    request = pb.ListMeteredEventsRequest(**{**values, **query})
    return [page async for page in aggregator.caller().ListMeteredEvents(request)]


def ids(pages: list[pb.ListMeteredEventsResponse]) -> list[str]:
    return [event.event.event.id for page in pages for event in page.events]


def place_of(event: usage_pb2.MeteredEvent) -> usage_pb2.EventPlace:
    return usage_pb2.EventPlace(lane=event.event.lane, position=event.event.position)


async def load(aggregator: Any, ingest: Any, new_event: Any) -> None:
    """A day of calls, some of which can't be read, and a meter of every kind."""
    chance = random.Random(3)
    for name in ORACLES:
        spec = {"aggregation": meter_pb2.Aggregation.Value(f"AGGREGATION_{name}"), "group_by": ["region"]}
        if name != "COUNT":
            spec["value_property"] = "minutes"
        await aggregator.apply(name.lower(), **spec)
        # A second version counts half of the day.
        await aggregator.apply(name.lower(), **spec, unit="later", effective_from=quarters(48, 96).start)
    for batch in range(10):
        events = []
        for number in range(30):
            properties = {"minutes": str(chance.choice(["1", "-2.5", "0.25", "", "1e3"]))}
            if chance.random() < 0.7:
                properties["region"] = chance.choice(["eu", "us"])
            time = START + timedelta(seconds=chance.randrange(86_400))
            customer = chance.choice(["customer-1", "customer-2"])
            kind = chance.choice(["call.ended", "call.ended", "call.begun"])
            event_id = f"{batch}-{number}"
            events.append(
                new_event(number, id=event_id, time=time, customer=customer, type=kind, properties=properties)
            )
        ingest.append(events, lane=batch % 2)


async def test_the_events_amount_to_the_usage_of_the_same_question(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await load(aggregator, ingest, new_event)
    chance = random.Random(5)

    for turn in range(21):
        name = list(ORACLES)[turn % len(ORACLES)]
        first = chance.randrange(90)
        question: dict[str, Any] = {
            "meter": name.lower(),
            "period": quarters(first, chance.randrange(first + 1, 97)),
            "filters": chance.choice(
                [[], [meter_pb2.PropertyFilter(property="region", values=chance.choice([["eu"], ["", "us"]]))]]
            ),
        }
        usage = await aggregator.caller().QueryUsage(
            pb.QueryUsageRequest(customers=["customer-1"], freshness=pb.Freshness(latest=True), **question)
        )
        # More comes meanwhile: what is behind the answer is listed all the same.
        ingest.append([new_event(turn, id=f"meanwhile-{turn}")], lane=turn % 2)
        events: list[usage_pb2.MeteredEvent] = []
        limit, after = chance.choice([0, 7, 40]), None
        while True:
            pages = await listed(aggregator, **question, up_to=usage.as_of, limit=limit, after=after)
            assert {page.as_of.SerializeToString() for page in pages} == {usage.as_of.SerializeToString()}
            found = [event for page in pages for event in page.events]
            events += found
            if not limit or len(found) < limit:
                break
            after = place_of(events[-1])

        counted = [(one.event.event.time.ToNanoseconds(), one.event.event.id, one.value) for one in events]
        quantity, count = (usage.rows[0].quantity, usage.rows[0].event_count) if usage.rows else ("0", 0)
        assert len(counted) == count
        assert ORACLES[name](counted) == Fraction(quantity)
        places = [(one.event.lane, one.event.position) for one in events]
        assert places == sorted(set(places))


async def test_where_nothing_counts_one_page_tells_how_far_that_is_true(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await aggregator.apply("calls")
    ingest.append([new_event(1, customer="customer-2")])
    await counted()

    (page,) = await listed(aggregator)

    assert (list(page.events), page.as_of, page.filled) == ([], ingest.as_of(), True)


async def test_a_place_to_go_on_from_skips_whole_lanes_and_reads_no_event_twice(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await aggregator.apply("calls")
    for batch in range(4):
        ingest.append([new_event(number, id=f"{batch}-{number}") for number in range(5)], lane=batch % 2)
    await counted()
    whole = ids(await listed(aggregator))

    rests = [
        ids(await listed(aggregator, after=usage_pb2.EventPlace(lane=lane, position=position)))
        for lane, position in [(0, 0), (0, 7), (0, 10), (1, 0), (1, 10), (1, 2**63), (7, 1)]
    ]

    assert rests == [whole, whole[7:], whole[10:], whole[10:], [], [], []]


async def test_a_list_of_what_was_sealed_goes_on_from_a_place_as_well(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await aggregator.apply("calls")
    ingest.append([new_event(number, id=f"0-{number}") for number in range(5)], lane=0)
    ingest.append([new_event(number, id=f"1-{number}") for number in range(5)], lane=1)
    first = await aggregator.seal()
    ingest.append([new_event(number, id=f"late-{number}") for number in range(4)], lane=0)
    ingest.append([new_event(9, id="late-9")], lane=1)
    await aggregator.rows("calls")
    second = await aggregator.seal(amends_snapshot_id=first.id)

    async def rest(snapshot: Any, lane: int, position: int, **fields: Any) -> list[str]:
        after = usage_pb2.EventPlace(lane=lane, position=position)
        request = pb.ListUsageEventsRequest(snapshot_id=snapshot.id, meter="calls", after=after, **fields)
        pages = aggregator.caller().ListUsageEvents(request)
        return [event.event.event.id async for page in pages for event in page.events]

    assert await rest(first, 0, 3) == ["0-3", "0-4", "1-0", "1-1", "1-2", "1-3", "1-4"]
    assert await rest(first, 1, 3, limit=1) == ["1-3"]
    # Of an amendment only what came late, wherever the place is.
    assert await rest(second, 0, 2, only_amendment=True, limit=2) == ["late-0", "late-1"]
    assert await rest(second, 0, 8, only_amendment=True) == ["late-3", "late-9"]
    assert await rest(second, 1, 1, only_amendment=True) == ["late-9"]


@pytest.mark.parametrize(
    ("query", "kind", "reason"),
    [
        ({"meter": "unknown"}, NotFound, Reason.METER_NOT_FOUND),
        ({"period": quarters(3, 3)}, InvalidRequest, Reason.WINDOW_INVALID),
        (
            {"period": period_to_proto(Period(START, START + timedelta(minutes=1)))},
            InvalidRequest,
            Reason.WINDOW_INVALID,
        ),
        (
            {"filters": [meter_pb2.PropertyFilter(property="colour", values=["red"])]},
            InvalidRequest,
            Reason.GROUP_UNKNOWN,
        ),
    ],
)
async def test_what_no_usage_can_be_asked_for_has_no_list(
    aggregator: Any, query: dict[str, Any], kind: type[Exception], reason: Reason
) -> None:
    await aggregator.apply("calls", group_by=["region"])

    error = await refusal(aggregator, **query)

    assert (type(error), error.reason) == (kind, reason)


async def test_what_is_not_counted_yet_is_waited_for_and_then_said_to_be_late(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await aggregator.apply("calls")
    ingest.append([new_event(1)])
    ahead = values_pb2.AsOf(epoch=ingest.as_of().epoch, lanes=[values_pb2.LanePosition(lane=0, position=99)])

    found = ids(await listed(aggregator, up_to=ingest.as_of()))
    error = await refusal(aggregator, up_to=ahead)

    assert found == ["event-1"]
    assert (type(error), error.reason) == (DeadlineExceeded, Reason.USAGE_BEHIND)


async def refusal(aggregator: Any, **query: Any) -> Any:
    """List what must end in an error; return the error."""
    values: dict[str, Any] = {"customer": "customer-1", "meter": "calls", "period": quarters(0, 96)}
    request = pb.ListMeteredEventsRequest(**{**values, **query})
    caller = aggregator.caller()

    async def ask(_: Any) -> None:
        async for _page in caller.ListMeteredEvents(request, timeout=1.5):
            pass

    caller.ListEverything = ask
    return await caller.refused("ListEverything", None)


async def test_meters_are_described_by_their_newest_version_and_without_their_filters(aggregator: Any) -> None:
    await aggregator.apply("minutes", aggregation=meter_pb2.AGGREGATION_SUM, value_property="minutes")
    secret = [meter_pb2.PropertyFilter(property="internal", values=["secret"])]
    await aggregator.apply("calls", unit="call", description="Calls that ended.", group_by=["b", "a"], filters=secret)
    await aggregator.apply("minutes", aggregation=meter_pb2.AGGREGATION_SUM, value_property="minutes", unit="min")

    found = await aggregator.caller().DescribeMeters(pb.DescribeMetersRequest(customer="customer-1"))
    of_others = await aggregator.caller("globex").DescribeMeters(pb.DescribeMetersRequest())

    assert list(found.meters) == [
        meter_pb2.MeterDescription(
            name="calls",
            unit="call",
            description="Calls that ended.",
            aggregation=meter_pb2.AGGREGATION_COUNT,
            group_by=["b", "a"],
        ),
        meter_pb2.MeterDescription(name="minutes", unit="min", aggregation=meter_pb2.AGGREGATION_SUM),
    ]
    assert not of_others.meters
