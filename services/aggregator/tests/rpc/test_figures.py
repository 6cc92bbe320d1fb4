"""Figures about usage: heat maps, largest windows, percentiles and the period before, against counting by hand."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import pytest

from chassis.errors import Reason
from chassis.errors.status import from_rpc_error
from eventlog.wire import timestamp
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.common.v1 import values_pb2

MINUTE = timedelta(minutes=1)
BY_HAND: dict[str, Callable[[Sequence[Any]], Fraction]] = {
    "count": lambda events: Fraction(len(events)),
    "sum": lambda events: sum((value(event) for event in events), Fraction(0)),
    "max": lambda events: max(map(value, events)),
    "count_unique": lambda events: Fraction(len({event.properties["minutes"] for event in events})),
}
# The period of each has a day of 23 or 25 hours, or of half an hour more or less, where the zone has such days.
ZONES = [
    ("Asia/Kolkata", datetime(2026, 3, 2, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 3, 2, tzinfo=UTC)),
    ("Pacific/Chatham", datetime(2026, 4, 1, tzinfo=UTC)),
    ("Pacific/Marquesas", datetime(2026, 3, 2, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 9, 30, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 5, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 10, 29, tzinfo=UTC)),
]
DAYS = 9


def value(event: Any) -> Fraction:
    return Fraction(event.properties["minutes"])


def span(start: datetime, end: datetime) -> values_pb2.Period:
    return values_pb2.Period(start=timestamp(start), end=timestamp(end))


def at(event: Any) -> datetime:
    moment: datetime = event.time.ToDatetime(tzinfo=UTC)
    return moment


async def load(aggregator: Any, ingest: Any, new_event: Any, starts: Sequence[datetime], days: int) -> list[Any]:
    chance = random.Random(8)
    for name in BY_HAND:
        await aggregator.apply(
            name,
            aggregation=getattr(meter_pb2, f"AGGREGATION_{name.upper()}"),
            value_property="" if name == "count" else "minutes",
            group_by=["region"],
        )
    events = [
        new_event(
            number,
            id=f"{start.isoformat()}-{number}",
            time=start + timedelta(seconds=chance.randrange(days * 86_400)),
            customer=f"customer-{chance.randrange(3)}",
            properties={
                "minutes": chance.choice(["-0.5", "1", "2.25", "7"]),
                "region": chance.choice(["eu", "ü", ""]),
                "color": chance.choice(["red", "blue"]),
            },
        )
        for start in starts
        for number in range(150)
    ]
    for first in range(0, len(events), 75):
        ingest.append(events[first : first + 75], lane=(first // 75) % 2)
    await aggregator.rows("count")
    return events


async def test_a_heat_map_is_what_counting_by_hand_gives(aggregator: Any, ingest: Any, new_event: Any) -> None:
    events = await load(aggregator, ingest, new_event, sorted({start for _, start in ZONES}), DAYS)

    for number, (name, first) in enumerate(ZONES):
        zone, meter = ZoneInfo(name), list(BY_HAND)[number % len(BY_HAND)]
        start, end = first + timedelta(hours=5, minutes=45), first + timedelta(days=DAYS - 1, minutes=30)
        question: dict[str, Any] = {"meter": meter, "period": span(start, end), "time_zone": name}
        by = "color" if number % 2 else "region"
        if number % 2:
            question["scan_events_max"] = 100_000
        question["filters"] = [meter_pb2.PropertyFilter(property=by, values=["red", "eu", ""])]

        answer = await aggregator.caller().QueryHeatMap(pb.QueryHeatMapRequest(**question))

        cells: dict[tuple[int, int], list[Any]] = {}
        for event in events:
            if start <= at(event) < end and event.properties[by] in {"red", "eu", ""}:
                local = at(event).astimezone(zone)
                cells.setdefault((local.isoweekday(), local.hour), []).append(event)
        minutes: Counter[tuple[int, int]] = Counter()
        moment = start
        while moment < end:
            local = moment.astimezone(zone)
            minutes[local.isoweekday(), local.hour] += 1
            moment += MINUTE
        found = {(cell.hour.weekday, cell.hour.hour): cell for cell in answer.cells}
        assert list(found) == sorted(minutes)
        assert {hour: cell.minutes for hour, cell in found.items()} == dict(minutes)
        assert {hour: cell.event_count for hour, cell in found.items() if cell.event_count} == {
            hour: len(inside) for hour, inside in cells.items()
        }
        for hour, cell in found.items():
            expected = BY_HAND[meter](cells[hour]) if hour in cells else Fraction(0)
            assert Fraction(cell.quantity) == expected, (name, hour)
        kinds = pb.UsageSource
        assert answer.source.kind == (kinds.KIND_LOG if by == "color" else kinds.KIND_WINDOWS)


async def test_an_hour_that_comes_twice_adds_to_its_cell_and_one_that_is_skipped_has_no_minutes(
    aggregator: Any,
) -> None:
    await aggregator.apply("calls")

    async def minutes(first: datetime, last: datetime) -> dict[tuple[int, int], int]:
        request = pb.QueryHeatMapRequest(meter="calls", period=span(first, last), time_zone="America/New_York")
        answer = await aggregator.caller().QueryHeatMap(request)
        return {(cell.hour.weekday, cell.hour.hour): cell.minutes for cell in answer.cells}

    spring = await minutes(datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 3, 9, 4, tzinfo=UTC))
    autumn = await minutes(datetime(2026, 11, 1, 4, tzinfo=UTC), datetime(2026, 11, 2, 5, tzinfo=UTC))

    assert spring == {(7, hour): 60 for hour in range(24) if hour != 2}
    assert autumn == {(7, hour): 120 if hour == 1 else 60 for hour in range(24)}


async def test_the_events_of_a_cell_are_those_that_it_counts(aggregator: Any, ingest: Any, new_event: Any) -> None:
    zone, first = ZONES[4]
    await load(aggregator, ingest, new_event, [first], DAYS)
    period = span(first, first + timedelta(days=DAYS))
    question: dict[str, Any] = {"meter": "sum", "period": period, "time_zone": zone}
    cells = (await aggregator.caller().QueryHeatMap(pb.QueryHeatMapRequest(customers=["customer-1"], **question))).cells

    listed = 0
    for cell in [cell for cell in cells if cell.event_count][::5]:
        request = pb.ListMeteredEventsRequest(customer="customer-1", hour_of_week=cell.hour, **question)
        events = [event async for page in aggregator.caller().ListMeteredEvents(request) for event in page.events]
        assert len(events) == cell.event_count
        assert sum((Fraction(event.value) for event in events), Fraction(0)) == Fraction(cell.quantity)
        listed += len(events)
    assert listed > 5


async def test_the_events_of_the_rest_are_those_that_it_counts(aggregator: Any, ingest: Any, new_event: Any) -> None:
    _, first = ZONES[0]
    await load(aggregator, ingest, new_event, [first], DAYS)
    period = span(first, first + timedelta(days=DAYS))
    for key in ("region", "color"):
        query = pb.QueryUsageRequest(
            meter="count", customers=["customer-1"], period=period, group_by=[key], top=1, scan_events_max=100_000
        )
        named, rest = (await aggregator.caller().QueryUsage(query)).rows
        request = pb.ListMeteredEventsRequest(
            customer="customer-1",
            meter="count",
            period=period,
            group_by=[key],
            other_than=[pb.GroupValues(values=named.group)],
            any_property=key == "color",
        )

        events = [event async for page in aggregator.caller().ListMeteredEvents(request) for event in page.events]

        assert rest.is_other
        assert len(events) == rest.event_count
        assert {event.event.event.properties[key] for event in events}.isdisjoint(named.group)


async def test_a_list_by_a_property_that_is_not_kept_needs_leave(aggregator: Any) -> None:
    await aggregator.apply("calls")
    period = span(ZONES[0][1], ZONES[0][1] + timedelta(days=1))
    for fields in (
        {"group_by": ["color"], "other_than": [pb.GroupValues(values=["red"])]},
        {"group_by": [], "other_than": [pb.GroupValues(values=["red"])]},
    ):
        request = pb.ListMeteredEventsRequest(customer="c", meter="calls", period=period, **fields)
        call = aggregator.caller().ListMeteredEvents(request)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            _ = [page async for page in call]
        assert from_rpc_error(caught.value).reason is Reason.GROUP_UNKNOWN


async def test_summaries_are_what_counting_by_hand_gives(aggregator: Any, ingest: Any, new_event: Any) -> None:
    begin = datetime(2026, 2, 1, tzinfo=UTC)
    events = await load(aggregator, ingest, new_event, [begin, datetime(2026, 3, 1, tzinfo=UTC)], 28)
    zone = ZoneInfo("America/New_York")
    start = datetime(2026, 3, 1, tzinfo=zone).astimezone(UTC)
    end = datetime(2026, 4, 1, tzinfo=zone).astimezone(UTC)
    before = datetime(2026, 2, 1, tzinfo=zone).astimezone(UTC)

    for number, meter in enumerate([*BY_HAND, *BY_HAND]):
        group_by, top = (["region"], 1) if number < len(BY_HAND) else ([], 0)
        request = pb.SummarizeUsageRequest(
            query=pb.QueryUsageRequest(
                meter=meter,
                period=span(start, end),
                window_size=usage_pb2.WINDOW_SIZE_DAY,
                time_zone=zone.key,
                group_by=group_by,
                top=top,
            ),
            with_previous=True,
        )

        answer = await aggregator.caller().SummarizeUsage(request)

        assert answer.previous == span(before, start)
        members: dict[tuple[str, ...], list[Any]] = {}
        earlier: dict[tuple[str, ...], list[Any]] = {}
        for event in events:
            key = (event.customer, *(event.properties[name] for name in group_by))
            if start <= at(event) < end:
                members.setdefault(key, []).append(event)
            elif before <= at(event) < start:
                earlier.setdefault(key, []).append(event)
        order = sorted(members, key=lambda key: (-BY_HAND[meter](members[key]), key)) if top else sorted(members)
        if top:
            rest = ("", *("" for _ in group_by))
            for found in (members, earlier):
                found[rest] = [event for key in found if key != order[0] for event in found[key]]
            order = [order[0], rest]
        assert len(answer.summaries) == len(order)
        for summary, key in zip(answer.summaries, order, strict=True):
            days: dict[Any, list[Any]] = {}
            for event in members[key]:
                days.setdefault(at(event).astimezone(zone).date(), []).append(event)
            by_day = {day: BY_HAND[meter](inside) for day, inside in days.items()}
            largest = min(by_day, key=lambda day: (-by_day[day], day))
            windows = sorted([*by_day.values(), *([Fraction(0)] * (31 - len(by_day)) if meter != "max" else [])])
            assert (summary.customer, *summary.group) == key
            assert summary.event_count == len(members[key])
            assert Fraction(summary.quantity) == BY_HAND[meter](members[key])
            assert summary.largest_window.start.ToDatetime(tzinfo=UTC).astimezone(zone).date() == largest
            assert Fraction(summary.largest_quantity) == by_day[largest]
            assert summary.window_count == len(windows)
            assert Fraction(summary.percentile_95) == windows[ceil(Fraction(95, 100) * len(windows)) - 1]
            assert Fraction(summary.previous_quantity) == (BY_HAND[meter](earlier[key]) if earlier.get(key) else 0)
            assert summary.previous_event_count == len(earlier.get(key, ()))


async def test_of_a_running_period_the_one_before_is_compared_up_to_the_same_point(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await aggregator.apply("calls")
    now = datetime.now(UTC)
    start = (now - timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
    end = start + timedelta(days=8)
    ingest.append(
        [
            new_event(n, time=start - timedelta(days=8) + timedelta(hours=hours))
            for n, hours in enumerate([1, 71, 8 * 24 - 1])
        ]
    )
    await aggregator.rows("calls")
    query = pb.QueryUsageRequest(
        meter="calls", customers=["customer-1"], period=span(start, end), across_customers=True
    )
    ingest.append([new_event(9, time=start)])

    query.freshness.latest = True
    answer = await aggregator.caller().SummarizeUsage(pb.SummarizeUsageRequest(query=query, with_previous=True))

    (summary,) = answer.summaries
    until = answer.previous.end.ToDatetime(tzinfo=UTC)
    assert timedelta(0) <= now - timedelta(days=8) - until < timedelta(minutes=16)
    assert (summary.quantity, summary.previous_quantity) == ("1", "2")


async def test_fields_about_rows_are_refused_in_a_summary(aggregator: Any) -> None:
    await aggregator.apply("calls")
    query = pb.QueryUsageRequest(meter="calls", period=span(ZONES[0][1], ZONES[0][1] + timedelta(days=1)), running=True)

    error = await aggregator.caller().refused("SummarizeUsage", pb.SummarizeUsageRequest(query=query))

    assert error.reason is Reason.FIELD_INVALID
