"""Meters that compute: their usage, the events behind it, what is parked, and what is told of a mistake."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from chassis.errors import InvalidRequest, Reason
from eventlog.period import Period
from eventlog.wire import period_to_proto
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2
from metering.common.v1 import values_pb2

START = datetime(2026, 3, 1, tzinfo=UTC)
SUM = meter_pb2.AGGREGATION_SUM
# Billed by started minutes; nights of Berlin cost less; nothing internal.
SPEC: dict[str, Any] = {
    "aggregation": SUM,
    "value_expression": "ceil(decimal(properties.minutes) * 60, 60)",
    "filter_expression": "properties.region != 'internal' or subject = 'paying'",
    "group_by": ["region", "daytime"],
    "dimensions": [
        meter_pb2.Dimension(
            name="daytime",
            expression="case when\n hour(time, 'Europe/Berlin') in (22, 23, 0, 1, 2, 3, 4, 5)"
            " then 'night' else 'day' end",
        )
    ],
}


def day() -> values_pb2.Period:
    return period_to_proto(Period(START, START + timedelta(days=1)))


def billed(event: Any) -> Fraction | None:
    """What an event counts for, worked out by hand; None if it does not count."""
    if event.properties["region"] in {"internal", ""} and event.subject != "paying":
        return None
    text = event.properties["minutes"]
    if text in {"", "1e3"}:
        return None
    minutes = Fraction(text)
    return Fraction(-(-minutes.numerator // minutes.denominator) * 60)


def daytime(event: Any) -> str:
    # Berlin is an hour ahead in March, until the 29th.
    return "night" if (event.time.ToDatetime().hour + 1) % 24 in {22, 23, 0, 1, 2, 3, 4, 5} else "day"


async def load(ingest: Any, new_event: Any) -> list[Any]:
    chance = random.Random(11)
    events = []
    for batch in range(6):
        some = []
        for number in range(40):
            properties = {
                "minutes": chance.choice(["1", "0.5", "2.25", "", "1e3", "-1"]),
                "region": chance.choice(["eu", "us", "internal", ""]),
            }
            some.append(
                new_event(
                    number,
                    id=f"{batch}-{number}",
                    time=START + timedelta(seconds=chance.randrange(86_400)),
                    subject=chance.choice(["", "paying"]),
                    properties=properties,
                )
            )
        ingest.append(some, lane=batch % 2)
        events += some
    return events


async def listed(aggregator: Any, **query: Any) -> dict[str, str]:
    request = pb.ListMeteredEventsRequest(customer="customer-1", meter="seconds", period=day(), **query)
    pages = aggregator.caller().ListMeteredEvents(request)
    return {event.event.event.id: event.value async for page in pages for event in page.events}


async def test_usage_and_the_events_behind_it_are_what_one_computes_by_hand(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await aggregator.apply("seconds", **SPEC)
    events = await load(ingest, new_event)
    await counted()

    rows = await aggregator.rows("seconds", period=day(), group_by=["region", "daytime"])

    wanted: dict[tuple[str, ...], tuple[Fraction, int]] = {}
    for event in events:
        value = billed(event)
        if value is not None:
            group = (event.properties["region"], daytime(event))
            total, count = wanted.get(group, (Fraction(0), 0))
            wanted[group] = (total + value, count + 1)
    assert {row[2]: (Fraction(row[3]), row[4]) for row in rows} == wanted
    assert len(wanted) > 6
    for name in ("night", "day"):
        only = [meter_pb2.PropertyFilter(property="daytime", values=[name])]
        behind = {event.id: billed(event) for event in events if billed(event) is not None and daytime(event) == name}
        assert {key: Fraction(value) for key, value in (await listed(aggregator, filters=only)).items()} == behind


async def test_a_meter_that_learns_to_compute_is_filled_and_sealed_like_any_other(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await aggregator.apply("seconds", aggregation=SUM, value_property="minutes")
    events = await load(ingest, new_event)
    await counted()
    await aggregator.apply("seconds", **SPEC, effective_from=day().start)

    snapshot = await aggregator.seal()
    request = pb.ListUsageEventsRequest(snapshot_id=snapshot.id, meter="seconds")
    pages = [page async for page in aggregator.caller().ListUsageEvents(request)]

    values = [Fraction(event.value) for page in pages for event in page.events]
    wanted = [value for value in map(billed, events) if value is not None]
    assert sorted(values) == sorted(wanted)
    (usage,) = [usage for usage in snapshot.usage if usage.meter == "seconds"]
    assert Fraction(usage.quantity) == sum(wanted)


async def test_what_a_meter_shows_can_be_applied_back(aggregator: Any) -> None:
    shown = await aggregator.apply("seconds", **SPEC)

    again = await aggregator.caller().ApplyMeter(pb.ApplyMeterRequest(name="seconds", spec=shown.meter.spec))

    assert again.outcome == values_pb2.APPLY_OUTCOME_UNCHANGED
    assert shown.meter.spec.value_expression == SPEC["value_expression"]
    assert shown.meter.spec.filter_expression == SPEC["filter_expression"]
    assert list(shown.meter.spec.dimensions) == SPEC["dimensions"]


async def test_what_is_not_computed_is_parked_and_told_beforehand(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await aggregator.apply("seconds", **SPEC)
    unreadable = new_event(1, properties={"minutes": "ten", "region": "eu"})
    checked = await aggregator.caller().CheckEvents(pb.CheckEventsRequest(events=[unreadable]))
    ingest.append([unreadable])
    await counted()

    parked = await aggregator.caller().ListParkedEvents(pb.ListParkedEventsRequest(meter="seconds"))

    told = "the expression gives no value; see that what it reads are numbers where it needs them: minutes"
    assert [(one.meter, one.reason, one.message) for one in checked.uncounted] == [("seconds", "VALUE_INVALID", told)]
    assert [(one.id, one.message) for one in parked.events] == [("event-1", told)]


async def test_a_mistake_is_told_with_its_field_line_and_column(aggregator: Any) -> None:
    spec = meter_pb2.MeterSpec(
        event_types=["call.ended"],
        aggregation=SUM,
        value_expression="decimal(properties.minutes) *\n  proprties.rate",
        filter_expression="properties.region matches '(a'",
    )

    error = await aggregator.caller().refused("ApplyMeter", pb.ApplyMeterRequest(name="seconds", spec=spec))

    assert (type(error), error.reason) == (InvalidRequest, Reason.METER_INVALID)
    told = {violation.field: violation.message for violation in error.violations}
    assert (
        "line 2, column 3: there is nothing in proprties; a property is written properties.rate"
        in told["spec.value_expression"]
    )
    assert "line 1, column 27: the pattern can't be read: missing" in told["spec.filter_expression"]
