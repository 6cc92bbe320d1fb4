"""Questions about usage, each against a count by hand."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import DeadlineExceeded, InvalidRequest, Reason
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.common.v1 import values_pb2

START = datetime(2026, 3, 1, tzinfo=UTC)
ZONES = ["", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Kiritimati"]
SIZES = {
    usage_pb2.WINDOW_SIZE_UNSPECIFIED: None,
    usage_pb2.WINDOW_SIZE_HOUR: "%Y-%m-%d %H %z",
    usage_pb2.WINDOW_SIZE_DAY: "%Y-%m-%d",
    usage_pb2.WINDOW_SIZE_WEEK: "%G-W%V",
    usage_pb2.WINDOW_SIZE_MONTH: "%Y-%m",
}
DAY = timedelta(days=1)
NAMES = ("COUNT", "SUM", "MIN", "MAX", "LATEST", "FIRST", "COUNT_UNIQUE", "AVG")


def at(moment: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def span(start: datetime, end: datetime) -> values_pb2.Period:
    return values_pb2.Period(start=at(start), end=at(end))


async def load(aggregator: Any, ingest: Any, new_event: Any, seed: int = 7) -> list[Any]:
    """Six weeks of random calls around a change of clocks, and a meter of every kind."""
    chance = random.Random(seed)
    for name in NAMES:
        await aggregator.apply(
            name.lower(),
            aggregation=getattr(meter_pb2, f"AGGREGATION_{name}"),
            value_property="" if name == "COUNT" else "minutes",
            group_by=["region", "tier"],
        )
    events = []
    for number in range(600):
        properties = {
            "minutes": str(chance.choice([-1, 0, 1, 2, 5]) + chance.choice([0, 25]) / 100),
            "region": chance.choice(["eu", 'u"s', "ü"]),
        }
        if chance.random() < 0.5:
            properties["tier"] = chance.choice(["gold", ""])
        time = START + timedelta(seconds=chance.randrange(42 * 86_400))
        customer = f"customer-{chance.randrange(5)}"
        events.append(new_event(number, time=time, customer=customer, properties=properties))
    for first in range(0, 600, 50):
        ingest.append(events[first : first + 50], lane=(first // 50) % 2)
    return events


def by_hand(name: str, events: list[Any]) -> str:
    values = [Fraction(event.properties["minutes"]) for event in events]
    in_order = sorted(events, key=lambda event: (event.time.ToNanoseconds(), event.id))
    quantity = {
        "count": lambda: Fraction(len(events)),
        "sum": lambda: sum(values, Fraction(0)),
        "min": lambda: min(values),
        "max": lambda: max(values),
        "latest": lambda: Fraction(in_order[-1].properties["minutes"]),
        "first": lambda: Fraction(in_order[0].properties["minutes"]),
        "count_unique": lambda: Fraction(len({event.properties["minutes"] for event in events})),
    }[name]()
    return str(quantity)


async def test_any_question_is_answered_as_by_counting_by_hand(aggregator: Any, ingest: Any, new_event: Any) -> None:
    events = await load(aggregator, ingest, new_event)
    chance = random.Random(11)

    for _ in range(60):
        name = chance.choice(["count", "sum", "min", "max", "latest", "first", "count_unique"])
        zone_name, size = chance.choice(ZONES), chance.choice(list(SIZES))
        first = START + timedelta(minutes=15 * chance.randrange(20 * 96))
        last = first + timedelta(minutes=15 * chance.randrange(1, 20 * 96))
        group_by = chance.sample(["tier", "region"], chance.randrange(3))
        regions = chance.choice([[], ["eu", "ü"]])
        customers = chance.choice([[], ["customer-1", "customer-3"]])
        rows = []
        request = pb.QueryUsageRequest(
            meter=name,
            customers=customers,
            period=span(first, last),
            window_size=size,
            time_zone=zone_name,
            group_by=group_by,
            filters=[meter_pb2.PropertyFilter(property="region", values=regions)] if regions else [],
            freshness=pb.Freshness(latest=True),
            page_size=chance.choice([0, 3, 50]),
        )
        while True:
            answer = await aggregator.caller().QueryUsage(request)
            rows.extend(answer.rows)
            if not answer.next_page_token:
                break
            request.page_token = answer.next_page_token

        expected: dict[tuple[Any, ...], list[Any]] = {}
        for event in events:
            time = event.time.ToDatetime(tzinfo=UTC)
            if not first <= time < last or (customers and event.customer not in customers):
                continue
            if regions and event.properties["region"] not in regions:
                continue
            form = SIZES[size]
            label = "" if form is None else time.astimezone(ZoneInfo(zone_name or "UTC")).strftime(form)
            group = tuple(event.properties.get(key, "") for key in group_by)
            expected.setdefault((event.customer, label, group), []).append(event)
        found = {}
        for row in rows:
            start = row.window.start.ToDatetime(tzinfo=UTC).astimezone(ZoneInfo(zone_name or "UTC"))
            label = "" if SIZES[size] is None else start.strftime(SIZES[size])
            found[(row.customer, label, tuple(row.group))] = (str(Fraction(row.quantity)), row.event_count)
        assert len(found) == len(rows)
        if (size, zone_name) == (usage_pb2.WINDOW_SIZE_HOUR, "Australia/Lord_Howe"):
            # Its clocks change by half an hour: a clock hour of an hour and a half is two windows or one.
            assert sum(count for _, count in found.values()) == sum(map(len, expected.values()))
            continue
        assert found == {key: (by_hand(name, group), len(group)) for key, group in expected.items()}
        order = [(row.customer, row.window.start.ToNanoseconds()) for row in rows]
        assert order == sorted(order)


async def all_rows(aggregator: Any, **query: Any) -> dict[tuple[Any, ...], tuple[str, int]]:
    """Ask for all pages; return quantity and events by (customer, end of the window, group)."""
    request = pb.QueryUsageRequest(**query)
    found: dict[tuple[Any, ...], tuple[str, int]] = {}
    while True:
        answer = await aggregator.caller().QueryUsage(request)
        for row in answer.rows:
            key = (row.customer, row.window.end.ToDatetime(tzinfo=UTC), tuple(row.group))
            assert key not in found
            found[key] = (row.quantity, row.event_count)
        if not answer.next_page_token:
            return found
        request.page_token = answer.next_page_token


async def test_a_running_quantity_is_that_of_all_the_time_up_to_the_end_of_its_window(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await load(aggregator, ingest, new_event)
    await aggregator.rows("count")
    first, last = START + timedelta(days=2, hours=7), START + timedelta(days=32)
    chance = random.Random(13)

    for name in NAMES:
        for group_by in ([], ["tier", "region"]):
            question = {
                "meter": name.lower(),
                "customers": ["customer-1", "customer-3"],
                "group_by": group_by,
                "time_zone": "America/New_York",
                "filters": [meter_pb2.PropertyFilter(property="region", values=["eu", "ü"])],
            }
            by_week = {**question, "period": span(first, last), "window_size": usage_pb2.WINDOW_SIZE_WEEK}
            page_size = chance.choice([5, 11, 1000])

            running = await all_rows(aggregator, **by_week, running=True, page_size=page_size)

            assert running.keys() == (await all_rows(aggregator, **by_week)).keys()
            for end in {end for _, end, _ in running}:
                whole = await all_rows(aggregator, **question, period=span(first, end))
                so_far = {(customer, group): found for (customer, _, group), found in whole.items()}
                for (customer, _, group), found in ((key, found) for key, found in running.items() if key[1] == end):
                    assert found == so_far[(customer, group)], (name, customer, end, group)


async def test_a_page_of_running_quantities_is_no_page_of_plain_ones(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await aggregator.apply("calls")
    ingest.append([new_event(1), new_event(2, customer="b")])
    await aggregator.rows("calls")
    request = pb.QueryUsageRequest(
        meter="calls", period=span(START, START + timedelta(days=1)), page_size=1, running=True
    )
    request.page_token = (await aggregator.caller().QueryUsage(request)).next_page_token
    request.running = False

    error = await aggregator.caller().refused("QueryUsage", request)

    assert error.reason is Reason.PAGE_TOKEN_INVALID


async def test_days_have_23_and_25_hours_when_clocks_change(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("calls")
    # 8 March 2026 has 23 hours in New York, 1 November 25.
    for first in (datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 11, 1, 4, tzinfo=UTC)):
        ingest.append(
            [new_event(n, id=f"{first.month}-{n}", time=first + timedelta(minutes=30 + 60 * n)) for n in range(26)]
        )

    rows = await aggregator.rows(
        "calls",
        period=span(datetime(2026, 3, 1, 5, tzinfo=UTC), datetime(2026, 12, 1, 5, tzinfo=UTC)),
        window_size=usage_pb2.WINDOW_SIZE_DAY,
        time_zone="America/New_York",
    )

    counts = {row[1].astimezone(ZoneInfo("America/New_York")).date().isoformat(): row[3] for row in rows}
    assert counts == {"2026-03-08": "23", "2026-03-09": "3", "2026-11-01": "25", "2026-11-02": "1"}


async def test_an_average_is_rounded_once_to_twelve_places(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("average", aggregation=meter_pb2.AGGREGATION_AVG, value_property="minutes")
    ingest.append([new_event(n, properties={"minutes": text}) for n, text in enumerate(["1", "0", "1"])])
    ingest.append([new_event(n, id=f"-{n}", customer="b", properties={"minutes": "-1"}) for n in range(2)])
    ingest.append([new_event(9, customer="b", properties={"minutes": "0"})])

    assert await aggregator.quantities("average") == {"customer-1": "0.666666666667", "b": "-0.666666666667"}


async def test_sums_beyond_any_integer_type_are_exact(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("sum", aggregation=meter_pb2.AGGREGATION_SUM, value_property="minutes")
    largest = "999999999999999999.999999999999999999"
    for part in range(4):
        ingest.append([new_event(n, id=f"{part}-{n}", properties={"minutes": largest}) for n in range(25)])

    assert await aggregator.quantities("sum") == {"customer-1": "99999999999999999999.9999999999999999"}


async def test_values_are_counted_by_value_however_many_zeros_they_end_in(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    texts = ["2.000000000000000", "0.002007490000000", "999999999999999999", "0.000000000000000001"]
    exact = {
        "SUM": "1000000000000000001.002007490000000001",
        "MIN": "0.000000000000000001",
        "MAX": "999999999999999999",
        "LATEST": "0.000000000000000001",
        "FIRST": "2",
        "AVG": "250000000000000000.250501872500",
    }
    for name in exact:
        aggregation = getattr(meter_pb2, f"AGGREGATION_{name}")
        await aggregator.apply(name.lower(), aggregation=aggregation, value_property="minutes")
    for n, text in enumerate(texts):
        ingest.append([new_event(n, time=START + timedelta(seconds=n), properties={"minutes": text})])

    for name, quantity in exact.items():
        found = (await aggregator.quantities(name.lower()))["customer-1"]
        assert Fraction(found) == Fraction(quantity), name
        assert found == (quantity.rstrip("0") if "." in quantity else quantity), name


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"time_zone": "Mars/Olympus"}, Reason.TIME_ZONE_UNKNOWN),
        ({"time_zone": "../etc/passwd"}, Reason.TIME_ZONE_UNKNOWN),
        ({"group_by": ["colour"]}, Reason.GROUP_UNKNOWN),
        ({"filters": [meter_pb2.PropertyFilter(property="colour", values=["red"])]}, Reason.GROUP_UNKNOWN),
        ({"period": span(START, START)}, Reason.WINDOW_INVALID),
        ({"period": span(START, START + timedelta(minutes=1))}, Reason.WINDOW_INVALID),
        (
            {
                "period": span(START, START + timedelta(days=3650)),
                "window_size": usage_pb2.WINDOW_SIZE_HOUR,
            },
            Reason.WINDOW_INVALID,
        ),
        ({"page_token": "bm90IG91cnM="}, Reason.PAGE_TOKEN_INVALID),
        ({"meter": "unknown"}, Reason.METER_NOT_FOUND),
    ],
)
async def test_a_question_that_has_no_answer_is_refused(aggregator: Any, query: dict[str, Any], reason: Reason) -> None:
    await aggregator.apply("calls", group_by=["region"])
    values = {"meter": "calls", "period": span(START, START + timedelta(days=1))}

    error = await aggregator.caller().refused("QueryUsage", pb.QueryUsageRequest(**{**values, **query}))

    assert error.reason is reason


async def test_a_token_of_another_question_is_refused(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("calls")
    ingest.append([new_event(1), new_event(2, customer="b")])
    await aggregator.rows("calls")
    request = pb.QueryUsageRequest(meter="calls", period=span(START, START + timedelta(days=1)), page_size=1)
    token = (await aggregator.caller().QueryUsage(request)).next_page_token

    other = pb.QueryUsageRequest(meter="calls", period=span(START, START + timedelta(days=2)), page_token=token)
    error = await aggregator.caller().refused("QueryUsage", other)

    assert token
    assert isinstance(error, InvalidRequest)
    assert error.reason is Reason.PAGE_TOKEN_INVALID


async def test_an_answer_is_as_fresh_as_was_asked_for(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("calls")
    for number in range(20):
        ingest.append([new_event(number)], lane=number % 2)
        request = pb.QueryUsageRequest(
            meter="calls",
            period=span(START, START + timedelta(days=1)),
            freshness=pb.Freshness(as_of=ingest.as_of()),
        )

        answer = await aggregator.caller().QueryUsage(request)

        assert [row.quantity for row in answer.rows] == [str(number + 1)]
        assert answer.as_of == ingest.as_of() or number == 0


async def test_what_does_not_come_in_time_is_said_to_be_late(aggregator: Any, ingest: Any) -> None:
    await aggregator.apply("calls")
    ahead = values_pb2.AsOf(epoch=ingest.as_of().epoch, lanes=[values_pb2.LanePosition(lane=0, position=99)])
    request = pb.QueryUsageRequest(
        meter="calls", period=span(START, START + timedelta(days=1)), freshness=pb.Freshness(as_of=ahead)
    )

    error = await aggregator.caller().refused("QueryUsage", request, timeout=3)

    assert isinstance(error, DeadlineExceeded)
    assert re.match(
        r"waited \d\.\d s for usage up to the point asked for; 99 positions of the log were still to be read\.",
        error.message,
    )


async def test_totals_name_every_meter_and_what_could_not_be_counted(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await aggregator.apply("minutes", aggregation=meter_pb2.AGGREGATION_SUM, value_property="minutes", unit="min")
    await aggregator.apply("nothing", event_types=["never"])
    ingest.append([new_event(1), new_event(2, properties={}), new_event(3, properties={"minutes": "1e3"})])
    request = pb.QueryTotalsRequest(
        customer="customer-1",
        period=span(START, START + timedelta(days=1)),
        freshness=pb.Freshness(latest=True),
    )

    totals = await aggregator.caller().QueryTotals(request)
    request.meters.append("nothing")
    one = await aggregator.caller().QueryTotals(request)

    assert [(usage.meter, usage.quantity, usage.event_count, usage.parked_count) for usage in totals.usage] == [
        ("minutes", "1", 1, 2),
        ("nothing", "0", 0, 0),
    ]
    assert totals.usage[0].unit == "min"
    assert [usage.meter for usage in one.usage] == ["nothing"]
    assert totals.as_of == ingest.as_of()


async def test_totals_of_many_are_those_of_each(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await load(aggregator, ingest, new_event)
    parking = meter_pb2.NEGATIVE_VALUES_PARK
    await aggregator.apply(
        "amount", aggregation=meter_pb2.AGGREGATION_SUM, value_property="minutes", negative_values=parking
    )
    await aggregator.caller().QueryTotals(
        pb.QueryTotalsRequest(customer="x", period=span(START, START + DAY), freshness=pb.Freshness(latest=True))
    )
    periods = [span(START, START + 30 * DAY), span(START + 3 * DAY, START + 9 * DAY)]
    by_region = [pb.MeterGroups(meter="sum", group_by=["region"], bounds=[at(START + 5 * DAY)])]
    questions = [
        pb.TotalsQuestion(customer=f"customer-{number}", period=period, groups=by_region if number % 2 else [])
        for period in periods
        for number in (3, 1, 0, 9)
    ]

    many = await aggregator.caller().QueryManyTotals(pb.QueryManyTotalsRequest(questions=questions))

    each = [
        await aggregator.caller().QueryTotals(
            pb.QueryTotalsRequest(customer=one.customer, period=one.period, groups=one.groups)
        )
        for one in questions
    ]
    assert list(many.answers) == each
    assert {usage.parked_count > 0 for answer in each for usage in answer.usage} == {True, False}
    questions[1].groups[0].group_by[:] = ["town"]
    refused = await aggregator.caller().refused("QueryManyTotals", pb.QueryManyTotalsRequest(questions=questions))
    assert refused.reason is Reason.GROUP_UNKNOWN


async def test_totals_tell_groups_of_the_same_moment(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("calls", group_by=["region", "kind"])
    await aggregator.apply("all")
    values: tuple[dict[str, str], ...] = (
        {"region": "eu", "kind": "a"},
        {"region": "us"},
        {"region": "eu", "kind": "b"},
        {},
    )
    ingest.append([new_event(number, properties=one) for number, one in enumerate(values)])
    request = pb.QueryTotalsRequest(
        customer="customer-1",
        period=span(START, START + timedelta(days=1)),
        freshness=pb.Freshness(latest=True),
        groups=[pb.MeterGroups(meter="calls", group_by=["region"])],
    )

    totals = await aggregator.caller().QueryTotals(request)

    (plain, grouped) = totals.usage
    assert (plain.meter, list(plain.cells), grouped.quantity) == ("all", [], "4")
    assert [(list(cell.group), cell.quantity, cell.event_count) for cell in grouped.cells] == [
        ([""], "1", 1),
        (["eu"], "2", 2),
        (["us"], "1", 1),
    ]
    noon = Timestamp()
    noon.FromDatetime(START + timedelta(hours=12))
    request.groups[0].CopyFrom(pb.MeterGroups(meter="calls", bounds=[noon]))
    (_, halves) = (await aggregator.caller().QueryTotals(request)).usage
    assert sum(int(cell.quantity) for cell in halves.cells) == len(values)
    assert {cell.start.ToDatetime(tzinfo=UTC) for cell in halves.cells} <= {START, START + timedelta(hours=12)}
    for asked, reason in (
        ([pb.MeterGroups(meter="calls", group_by=["town"])], Reason.GROUP_UNKNOWN),
        ([pb.MeterGroups(meter="none", group_by=["town"])], Reason.METER_NOT_FOUND),
        (2 * [pb.MeterGroups(meter="calls", group_by=["kind"])], Reason.FIELD_INVALID),
    ):
        refused = pb.QueryTotalsRequest(customer="customer-1", period=request.period, groups=asked)
        assert (await aggregator.caller().refused("QueryTotals", refused)).reason is reason
