"""Many spans at once, whose usage there is, and which events are parked: each against a count by hand."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.common.v1 import values_pb2

START = datetime(2026, 3, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
AGGREGATIONS = ("COUNT", "SUM", "MAX", "LATEST", "COUNT_UNIQUE")


def at(moment: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def period(start: datetime, end: datetime) -> values_pb2.Period:
    return values_pb2.Period(start=at(start), end=at(end))


def window_of(time: datetime) -> datetime:
    return START + (time - START) // QUARTER * QUARTER


def day_of(time: datetime) -> datetime:
    return time.replace(hour=0, minute=0, second=0, microsecond=0)


def readable(event: Any) -> bool:
    return str(event.properties["minutes"]) != "x"


async def load(aggregator: Any, ingest: Any, new_event: Any, counted: Any) -> list[Any]:
    """Ten days of calls of seven customers, a tenth of them unreadable, and a meter of every kind."""
    chance = random.Random(11)
    for name in AGGREGATIONS:
        await aggregator.apply(
            name.lower(),
            aggregation=getattr(meter_pb2, f"AGGREGATION_{name}"),
            value_property="" if name == "COUNT" else "minutes",
            group_by=["region"],
        )
    events = []
    for number in range(500):
        minutes = "x" if chance.random() < 0.1 else chance.choice(["1", "2.5", "3", "1.0"])
        properties = {"minutes": minutes, "region": chance.choice(["eu", "us"])}
        time = START + timedelta(seconds=chance.randrange(10 * 86_400))
        events.append(new_event(number, time=time, customer=f"c{chance.randrange(7)}", properties=properties))
    for first in range(0, 500, 50):
        ingest.append(events[first : first + 50], lane=(first // 50) % 2)
    # Another tenant's, which nobody here may see.
    await aggregator.apply("count", tenant="other")
    ingest.append([new_event(1, customer="c1"), new_event(2, customer="zz")], tenant="other")
    await counted()
    return events


def quantity_of(meter: str, events: list[Any]) -> Decimal:
    in_order = sorted(events, key=lambda event: (event.time.ToNanoseconds(), event.id))
    values = [Decimal(event.properties["minutes"]) for event in in_order if meter not in {"count", "count_unique"}]
    return {
        "count": lambda: Decimal(len(events)),
        "sum": lambda: sum(values, start=Decimal(0)),
        "max": lambda: max(values),
        "latest": lambda: values[-1],
        "count_unique": lambda: Decimal(len({event.properties["minutes"] for event in events})),
    }[meter]()


def asks_for(meter: str, event: Any) -> bool:
    return meter in {"count", "count_unique"} or readable(event)


async def test_spans_hold_what_a_count_by_hand_finds_in_them(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    events = await load(aggregator, ingest, new_event, counted)
    chance = random.Random(5)
    asked, expected, expected_parked = [], [], []
    for place in range(300):
        meter, customer = chance.choice([*(name.lower() for name in AGGREGATIONS), "none"]), f"c{chance.randrange(9)}"
        start = START + QUARTER * chance.randrange(-10, 900)
        end = start + QUARTER * chance.randrange(0, 300)
        only_parked = chance.random() < 0.2
        asked.append(
            usage_pb2.UsageSpan(customer=customer, meter=meter, period=period(start, end), only_parked=only_parked)
        )
        inside = [
            event
            for event in events
            if event.customer == customer and start <= event.time.ToDatetime(tzinfo=UTC) < end and meter != "none"
        ]
        here = [event for event in inside if asks_for(meter, event)]
        if here and not only_parked:
            starts = [window_of(event.time.ToDatetime(tzinfo=UTC)) for event in here]
            hull = period(min(starts), max(starts) + QUARTER)
            expected.append((place, quantity_of(meter, here), len(here), hull))
        parked = [event for event in inside if not asks_for(meter, event)]
        if parked:
            times = sorted(event.time.ToNanoseconds() for event in parked)
            expected_parked.append((place, "VALUE_INVALID", len(parked), times[0], times[-1]))
    response = await aggregator.service().QuerySpans(pb.QuerySpansRequest(spans=asked))
    found = [(row.span, Decimal(row.quantity), row.event_count, row.counted) for row in response.counted]
    assert found == expected
    assert [
        (row.span, row.reason, row.event_count, row.first_time.ToNanoseconds(), row.last_time.ToNanoseconds())
        for row in response.parked
    ] == expected_parked
    assert response.as_of == ingest.as_of()
    assert len(expected) > 50
    assert expected_parked


@pytest.mark.parametrize("page", [1, 2, 100])
async def test_extents_name_every_customer_and_meter_once_whatever_the_page(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any, page: int
) -> None:
    events = await load(aggregator, ingest, new_event, counted)
    expected = {}
    for meter in map(str.lower, AGGREGATIONS):
        by_customer = defaultdict(list)
        for event in events:
            by_customer[event.customer].append(event)
        for customer, own in by_customer.items():
            times = [event.time.ToDatetime(tzinfo=UTC) for event in own if asks_for(meter, event)]
            parked = [event.time.ToDatetime(tzinfo=UTC) for event in own if not asks_for(meter, event)]
            extent = usage_pb2.UsageExtent(customer=customer, meter=meter)
            if times:
                # Whole days: no usage lies outside.
                extent.counted.CopyFrom(period(day_of(min(times)), day_of(max(times)) + timedelta(days=1)))
            if parked:
                extent.parked.CopyFrom(period(min(parked), max(parked) + timedelta(microseconds=1)))
            expected[customer, meter] = extent
    extents, following = [], ""
    while True:
        request = pb.ListUsageExtentsRequest(from_customer=following, customers_max=page)
        response = await aggregator.service().ListUsageExtents(request)
        assert len({extent.customer for extent in response.extents}) <= page
        extents += response.extents
        following = response.next_customer
        if not following:
            break
    assert extents == [expected[key] for key in sorted(expected)]
    named = pb.ListUsageExtentsRequest(customers=["c2", "nobody"], meter="sum", freshness=pb.Freshness(latest=True))
    assert list((await aggregator.service().ListUsageExtents(named)).extents) == [expected["c2", "sum"]]
    unknown = pb.ListUsageExtentsRequest(meter="none")
    assert not (await aggregator.service().ListUsageExtents(unknown)).extents


async def test_parked_events_are_filtered_by_customer_time_and_type_and_counted_by_reason(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    events = await load(aggregator, ingest, new_event, counted)
    ingest.append([new_event(900 + number, type="ping", time=START + timedelta(days=2)) for number in range(3)])
    await counted()
    start, end = START + timedelta(days=1), START + timedelta(days=6)

    async def parked(**fields: Any) -> Any:
        return await aggregator.caller().ListParkedEvents(pb.ListParkedEventsRequest(**fields))

    def counts(response: Any) -> Counter[tuple[str, str, str]]:
        return Counter({(c.meter, c.reason, c.type): c.event_count for c in response.counts})

    unreadable = [event for event in events if not readable(event)]
    here = [event for event in unreadable if start <= event.time.ToDatetime(tzinfo=UTC) < end]
    of_one = [event for event in here if event.customer == "c3"]
    assert of_one
    response = await parked(customer="c3", period=period(start, end), page_size=1)
    meters = ("latest", "max", "sum")
    assert response.total_count == len(of_one) * 3
    assert counts(response) == Counter({(meter, "VALUE_INVALID", "call.ended"): len(of_one) for meter in meters})
    earliest = min(event.time.ToNanoseconds() for event in of_one)
    assert {count.first_time.ToNanoseconds() for count in response.counts} == {earliest}
    everything = await parked(period=period(start, end))
    assert counts(everything) == Counter(
        {("", "NO_METER", "ping"): 3, **{(meter, "VALUE_INVALID", "call.ended"): len(here) for meter in meters}}
    )
    assert everything.total_count == len(here) * 3 + 3
    assert (await parked(type="ping")).total_count == 3
    assert (await parked(type="ping", customer="customer-1")).total_count == 0
    assert (await parked(type="ping", period=period(end, end + QUARTER))).total_count == 0


async def test_a_span_of_which_all_was_taken_back_has_nothing(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("calls")
    ingest.append([new_event(1)])
    ingest.void([(0, 1)])
    assert await aggregator.quantities("calls") == {}

    span = usage_pb2.UsageSpan(customer="customer-1", meter="calls")
    span.period.start.FromJsonString("2026-03-01T00:00:00Z")
    span.period.end.FromJsonString("2026-04-01T00:00:00Z")
    answer = await aggregator.service().QuerySpans(pb.QuerySpansRequest(spans=[span]))

    assert (list(answer.counted), list(answer.parked)) == ([], [])
