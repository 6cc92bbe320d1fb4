"""Events that were taken back: what they added is subtracted, in windows, in lists and in what is sealed."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from aggregator.domain.aggregations import AGGREGATIONS
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2
from metering.common.v1 import feed_pb2
from metering.ingest.v1 import usage_event_pb2 as event_pb

CHOOSING = ("min", "max", "latest", "first", "count_unique")
CUSTOMERS = ("customer-1", "customer-2", "customer-3")


async def prepare(aggregator: Any) -> None:
    values: dict[str, Any] = {"value_property": "minutes", "group_by": ["region"]}
    await aggregator.apply("minutes", aggregation=meter_pb2.AGGREGATION_SUM, **values)
    await aggregator.apply("mean", aggregation=meter_pb2.AGGREGATION_AVG, **values)
    await aggregator.apply("calls")
    for name in CHOOSING:
        await aggregator.apply(name, aggregation=f"AGGREGATION_{name.upper()}", **values)


def expected(events: list[Any]) -> dict[str, Decimal]:
    """What the meters that can't subtract say of the events of one customer, from their contract's words."""
    readable = [event for event in events if event.properties["minutes"] != "x"]
    chosen = [(event.time.ToNanoseconds(), event.id, Decimal(event.properties["minutes"])) for event in readable]
    values = [value for _, _, value in chosen]
    distinct = {"count_unique": Decimal(len({event.properties["minutes"] for event in events}))}
    if not values:
        return distinct
    return {**distinct, "min": min(values), "max": max(values), "latest": max(chosen)[2], "first": min(chosen)[2]}


async def listed(aggregator: Any, snapshot_id: str, **fields: Any) -> list[tuple[int, int, bool]]:
    request = pb.ListUsageEventsRequest(snapshot_id=snapshot_id, meter="minutes", **fields)
    return [
        (one.event.lane, one.event.position, one.event.kind == feed_pb2.ENTRY_KIND_VOID)
        async for page in aggregator.caller().ListUsageEvents(request)
        for one in page.events
    ]


async def parked(aggregator: Any) -> tuple[list[tuple[str, str, int]], int]:
    answer = await aggregator.caller().ListParkedEvents(pb.ListParkedEventsRequest())
    return [(one.reason, one.id, one.event_count) for one in answer.events], answer.total_count


async def test_what_is_taken_back_is_subtracted_and_an_empty_window_has_no_row(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await prepare(aggregator)
    ingest.append([new_event(0), new_event(1), new_event(2, customer="customer-2")])
    assert await aggregator.quantities("minutes") == {"customer-1": "2", "customer-2": "1"}

    ingest.void([(0, 2), (0, 3)])

    assert await aggregator.quantities("minutes") == {"customer-1": "1"}
    assert await aggregator.quantities("calls") == {"customer-1": "1"}
    assert await aggregator.quantities("mean") == {"customer-1": "1"}


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_the_batches_and_corrections_live_usage_is_that_of_what_holds_and_of_a_rebuild(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any, tables: Any, run_twin: Any, seed: int
) -> None:
    chance = random.Random(seed)
    await prepare(aggregator)
    holding: dict[tuple[int, int], Any] = {}
    for number in range(60):
        lane = chance.randrange(2)
        held = [place for place in holding if place[0] == lane]
        if held and chance.random() < 0.4:
            gone = chance.sample(held, min(len(held), chance.randint(1, 3)))
            ingest.void(gone)
            for place in gone:
                del holding[place]
        else:
            events = [
                new_event(
                    number * 10 + one,
                    id=f"e{number}-{one}",
                    customer=chance.choice(CUSTOMERS),
                    type=chance.choice(["call.ended", "call.ended", "call.missed"]),
                    properties={"minutes": chance.choice(["1", "2.5", "x"]), "region": chance.choice(["eu", "us"])},
                )
                for one in range(chance.randint(1, 4))
            ]
            first = ingest.append(events, lane=lane).first_position
            holding |= {(lane, first + place): event for place, event in enumerate(events)}
        if chance.random() < 0.2:
            # Batches end in places of their own.
            await counted()

    sums: dict[str, Decimal] = defaultdict(Decimal)
    calls: dict[str, int] = defaultdict(int)
    refused = missed = 0
    for event in holding.values():
        if event.type == "call.missed":
            missed += 1
            continue
        calls[event.customer] += 1
        if event.properties["minutes"] == "x":
            refused += 6
        else:
            sums[event.customer] += Decimal(event.properties["minutes"])
    await counted()
    assert {name: Decimal(total) for name, total in (await aggregator.quantities("minutes")).items()} == sums
    assert {name: int(total) for name, total in (await aggregator.quantities("calls")).items()} == calls
    assert (await parked(aggregator))[1] == refused + missed
    of = {
        name: [one for one in holding.values() if one.customer == name and one.type != "call.missed"] for name in calls
    }
    for meter in CHOOSING:
        told = {name: Decimal(quantity) for name, quantity in (await aggregator.quantities(meter)).items()}
        assert told == {name: found[meter] for name in calls if meter in (found := expected(of[name]))}
    async with run_twin() as (twin, twins_tables):
        await prepare(twin)
        # Each is filled for itself, so each is waited for.
        for meter in ("calls", "minutes", "mean", *CHOOSING):
            assert await twin.quantities(meter) == await aggregator.quantities(meter)
        assert await parked(twin) == await parked(aggregator)
        assert await twins_tables.dump() == await tables.dump()


async def test_events_that_did_not_count_are_no_longer_listed_once_they_are_taken_back(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await aggregator.apply("minutes", aggregation=meter_pb2.AGGREGATION_SUM, value_property="minutes")
    ingest.append([new_event(0, properties={"minutes": "x"}), new_event(1, properties={"minutes": "y"})])
    ingest.append([new_event(2, type="call.missed"), new_event(3, type="call.missed")])
    await counted()
    before = await parked(aggregator)

    ingest.void([(0, 1), (0, 4)])
    await counted()
    after = await parked(aggregator)
    ingest.void([(0, 3)])
    await counted()

    assert before == ([("NO_METER", "", 2), ("VALUE_INVALID", "event-0", 1), ("VALUE_INVALID", "event-1", 1)], 4)
    assert after == ([("NO_METER", "", 1), ("VALUE_INVALID", "event-1", 1)], 2)
    assert await parked(aggregator) == ([("VALUE_INVALID", "event-1", 1)], 1)


async def test_a_new_meter_is_filled_without_what_was_taken_back(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    ingest.append([new_event(0), new_event(1)])
    ingest.void([(0, 1)])
    await counted()
    assert (await parked(aggregator))[1] == 1

    await prepare(aggregator)
    await counted()

    assert await aggregator.quantities("minutes") == {"customer-1": "1"}
    assert await parked(aggregator) == ([], 0)


async def test_a_seal_stays_and_its_amendment_lists_what_was_taken_back(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await prepare(aggregator)
    ingest.append([new_event(0), new_event(1)])
    ingest.append([new_event(2)], lane=1)
    sealed = await aggregator.seal()
    ingest.append([new_event(3)])
    ingest.void([(0, 1), (0, 3), (1, 1)])
    ingest.append([new_event(0, properties={"minutes": "5", "region": "eu"})])

    amended = await aggregator.seal(amends_snapshot_id=sealed.id)

    quantities = [
        {usage.meter: (usage.quantity, usage.event_count) for usage in one.usage} for one in (sealed, amended)
    ]
    assert quantities[0]["minutes"] == ("3", 3)
    assert quantities[1]["minutes"] == ("6", 2)
    assert await listed(aggregator, sealed.id) == [(0, 1, False), (0, 2, False), (1, 1, False)]
    assert await listed(aggregator, amended.id) == [(0, 2, False), (0, 6, False)]
    # Beyond the first seal: the void of what it counts and the replacement, not what came and went in between.
    differences = await listed(aggregator, amended.id, only_amendment=True)
    assert differences == [(0, 4, True), (0, 6, False), (1, 2, True)]
    rest = await listed(aggregator, amended.id, only_amendment=True, after={"lane": 0, "position": 4})
    assert rest == differences[1:]


async def test_usage_that_is_not_sealed_lists_what_holds(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await prepare(aggregator)
    ingest.append([new_event(0), new_event(1)])
    ingest.void([(0, 1)])
    assert await aggregator.quantities("minutes") == {"customer-1": "1"}

    request = pb.ListMeteredEventsRequest(customer="customer-1", meter="minutes")
    request.period.start.FromJsonString("2026-03-01T00:00:00Z")
    request.period.end.FromJsonString("2026-04-01T00:00:00Z")
    pages = [page async for page in aggregator.caller().ListMeteredEvents(request)]

    assert [one.event.position for page in pages for one in page.events] == [2]


OF_ALL: dict[str, Callable[[list[event_pb.UsageEvent]], Decimal]] = {
    "SUM": lambda events: sum((value_of(event) for event in events), Decimal(0)),
    "COUNT": lambda events: Decimal(len(events)),
    "COUNT_UNIQUE": lambda events: Decimal(len({event.properties["minutes"] for event in events})),
    "MIN": lambda events: min(map(value_of, events)),
    "MAX": lambda events: max(map(value_of, events)),
    "AVG": lambda events: sum(map(value_of, events), Decimal(0)) / len(events),
    "LATEST": lambda events: value_of(max(events, key=order_of)),
    "FIRST": lambda events: value_of(min(events, key=order_of)),
    # The meters of the fixture: each event is a session of a minute, and few of the buckets of March have any event.
    "DURATION": lambda events: Decimal(60 * len(events)),
    "WEIGHTED_SUM": lambda events: sum((value_of(event) * seconds_left(event) for event in events), Decimal(0)),
    "PERCENTILE": lambda _: Decimal(0),
    "LIVE_COUNT": lambda _: Decimal(0),
    "RUNNING_TOTAL": lambda events: sum((value_of(event) for event in events), Decimal(0)),
}


def value_of(event: event_pb.UsageEvent) -> Decimal:
    return Decimal(event.properties["minutes"])


def seconds_left(event: event_pb.UsageEvent) -> int:
    return int((datetime(2026, 4, 1, tzinfo=UTC) - event.time.ToDatetime(tzinfo=UTC)).total_seconds())


def order_of(event: event_pb.UsageEvent) -> tuple[int, bytes]:
    return event.time.ToNanoseconds(), event.id.encode()


async def test_every_aggregation_is_that_of_what_holds(
    aggregator: Any, ingest: Any, new_event: Any, new_meter: Any, counted: Any
) -> None:
    chance = random.Random(5)
    assert {aggregation.NAME for aggregation in AGGREGATIONS} == set(OF_ALL)
    for name in OF_ALL:
        await aggregator.apply(name.lower().replace("_", "-"), **new_meter(name))
    events = [
        new_event(chance.randrange(500), id=f"e{number}", properties={"minutes": str(chance.choice([1, 2, 4, 8]))})
        for number in range(64)
    ]
    # Extremes, the first and the last are among those that go.
    gone = set(chance.sample(range(64), 40)) | {number for number, event in enumerate(events) if value_of(event) == 8}
    ingest.append(events)
    await counted()
    for number in sorted(gone, key=lambda _: chance.random()):
        ingest.void([(0, number + 1)])
    await counted()

    holding = [event for number, event in enumerate(events) if number not in gone]
    for name, amount in OF_ALL.items():
        found = await aggregator.quantities(name.lower().replace("_", "-"))
        assert {customer: Decimal(text) for customer, text in found.items()} == {
            "customer-1": amount(holding).quantize(Decimal("1e-12")).normalize()
        }, name
