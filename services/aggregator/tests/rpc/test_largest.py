"""Questions whose answer is made of a whole: the largest series with the exact rest, all customers as one, gaps."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chassis.errors import Reason, TooBig
from eventlog.wire import timestamp
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.common.v1 import values_pb2

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=31)
ADDITIVE = ["count", "sum"]
BY_HAND: dict[str, Callable[[Sequence[Any]], Fraction]] = {
    "count": lambda events: Fraction(len(events)),
    "sum": lambda events: sum((value(event) for event in events), Fraction(0)),
    "min": lambda events: min(map(value, events)),
    "max": lambda events: max(map(value, events)),
    "latest": lambda events: value(max(events, key=lambda event: (event.time.ToNanoseconds(), event.id))),
    "first": lambda events: value(min(events, key=lambda event: (event.time.ToNanoseconds(), event.id))),
    "count_unique": lambda events: Fraction(len({event.properties["minutes"] for event in events})),
}


def value(event: Any) -> Fraction:
    return Fraction(event.properties["minutes"])


def span(start: datetime, end: datetime) -> values_pb2.Period:
    return values_pb2.Period(start=timestamp(start), end=timestamp(end))


async def load(aggregator: Any, ingest: Any, new_event: Any) -> list[Any]:
    """400 calls of 7 customers within March, with values that often are equal."""
    chance = random.Random(5)
    for name in BY_HAND:
        await aggregator.apply(
            name,
            aggregation=getattr(meter_pb2, f"AGGREGATION_{name.upper()}"),
            value_property="" if name == "count" else "minutes",
            group_by=["region", "tier"],
        )
    events = [
        new_event(
            number,
            time=START + timedelta(seconds=chance.randrange(31 * 86_400)),
            customer=f"customer-{chance.randrange(7)}",
            properties={
                "minutes": chance.choice(["-0.5", "1", "2.25", "2.250", "7", "0"]),
                "region": chance.choice(["eu", 'u"s', "ü", "", "asia"]),
                "tier": chance.choice(["gold", ""]),
            },
        )
        for number in range(400)
    ]
    for first in range(0, 400, 80):
        ingest.append(events[first : first + 80], lane=(first // 80) % 2)
    await aggregator.rows("count")
    return events


async def asked(aggregator: Any, **query: Any) -> pb.QueryUsageResponse:
    response: pb.QueryUsageResponse = await aggregator.caller().QueryUsage(
        pb.QueryUsageRequest(**{"period": span(START, END), **query})
    )
    return response


async def test_the_largest_and_the_rest_are_what_counting_by_hand_gives(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    events = await load(aggregator, ingest, new_event)
    chance = random.Random(3)
    zone = ZoneInfo("Australia/Lord_Howe")
    first, last = START + timedelta(days=2, minutes=45), START + timedelta(days=27, minutes=30)
    within = [event for event in events if first <= event.time.ToDatetime(tzinfo=UTC) < last]

    for number in range(28):
        name = list(BY_HAND)[number % len(BY_HAND)]
        group_by = chance.choice([[], ["region"], ["tier", "region"]])
        across, top, by_day = chance.random() < 0.5, chance.choice([1, 2, 5, 100]), chance.random() < 0.5

        answer = await asked(
            aggregator,
            meter=name,
            period=span(first, last),
            group_by=group_by,
            across_customers=across,
            top=top,
            window_size=usage_pb2.WINDOW_SIZE_DAY if by_day else usage_pb2.WINDOW_SIZE_UNSPECIFIED,
            time_zone=zone.key,
        )

        series: dict[tuple[Any, ...], list[Any]] = {}
        for event in within:
            key = ("" if across else event.customer, *(event.properties[name] for name in group_by))
            series.setdefault(key, []).append(event)
        order = sorted(series, key=lambda key: (-BY_HAND[name](series[key]), key))
        if len(order) > top:
            assert answer.other_series == len(order) - top
        rest = [event for key in order[top:] for event in series[key]]
        expected: list[tuple[Any, ...]] = []
        for is_other, key, members in [
            *((False, key, series[key]) for key in order[:top]),
            *([(True, ("",) * (1 + len(group_by)), rest)] if rest else []),
        ]:
            windows: dict[str, list[Any]] = {}
            for event in members:
                day = event.time.ToDatetime(tzinfo=UTC).astimezone(zone).date().isoformat() if by_day else ""
                windows.setdefault(day, []).append(event)
            expected += [
                (is_other, key, day, BY_HAND[name](windows[day]), len(windows[day])) for day in sorted(windows)
            ]
        found = [
            (
                row.is_other,
                (row.customer, *row.group),
                row.window.start.ToDatetime(tzinfo=UTC).astimezone(zone).date().isoformat() if by_day else "",
                Fraction(row.quantity),
                row.event_count,
            )
            for row in answer.rows
        ]
        assert found == expected, (name, group_by, across, top, by_day)
        if name in ADDITIVE:
            whole = await asked(aggregator, meter=name, period=span(first, last), across_customers=True)
            assert sum((row[3] for row in found), Fraction(0)) == Fraction(whole.rows[0].quantity)


async def test_the_rest_is_without_what_was_taken_back(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("unique", aggregation=meter_pb2.AGGREGATION_COUNT_UNIQUE, value_property="minutes")
    ingest.append([new_event(n, customer="a", properties={"minutes": str(n)}) for n in range(5)])
    ingest.append([new_event(n, id=f"b{n}", customer="b", properties={"minutes": str(n % 2)}) for n in range(4)])
    ingest.append([new_event(n, id=f"c{n}", customer="c", properties={"minutes": "1"}) for n in range(2)])
    ingest.void([(0, 6), (0, 8)])
    await aggregator.rows("unique")

    answer = await asked(aggregator, meter="unique", top=1)

    assert [(row.customer, row.is_other, row.quantity, row.event_count) for row in answer.rows] == [
        ("a", False, "5", 5),
        ("", True, "1", 4),
    ]
    assert answer.other_series == 2


async def test_gaps_have_rows_and_a_running_quantity_stays_in_them(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await aggregator.apply("calls", group_by=["region"])
    ingest.append([new_event(n, time=START + timedelta(days=day)) for n, day in enumerate([1, 1, 3])])
    await aggregator.rows("calls")
    by_day = {
        "meter": "calls",
        "period": span(START, START + timedelta(days=5)),
        "window_size": usage_pb2.WINDOW_SIZE_DAY,
        "fill_gaps": True,
    }

    plain = await asked(aggregator, **by_day, customers=["customer-1", "nobody"])
    running = await asked(aggregator, **by_day, running=True)
    grouped = await asked(aggregator, **by_day, group_by=["region"], customers=["customer-1", "nobody"])

    assert [(row.customer, row.quantity) for row in plain.rows] == [
        *(("customer-1", quantity) for quantity in "02010"),
        *(("nobody", "0") for _ in range(5)),
    ]
    assert [row.quantity for row in running.rows] == list("02233")
    assert [row.event_count for row in running.rows] == [0, 2, 2, 3, 3]
    assert [(*row.group, row.quantity) for row in grouped.rows] == [("eu", quantity) for quantity in "02010"]


async def test_all_customers_as_one_come_in_pages(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await load(aggregator, ingest, new_event)
    request = pb.QueryUsageRequest(
        meter="count_unique",
        period=span(START, END),
        across_customers=True,
        group_by=["region"],
        window_size=usage_pb2.WINDOW_SIZE_WEEK,
    )
    whole = await aggregator.caller().QueryUsage(request)
    request.page_size = 4
    rows: list[Any] = []
    while True:
        page = await aggregator.caller().QueryUsage(request)
        rows.extend(page.rows)
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token

    assert rows == list(whole.rows)
    assert len(rows) > 8
    assert {row.customer for row in rows} == {""}


async def test_windows_may_be_those_of_the_caller(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("calls")
    ingest.append([new_event(n, time=START + timedelta(days=n)) for n in range(10)])
    await aggregator.rows("calls")
    bounds = [timestamp(START + timedelta(days=day, hours=6)) for day in (2, 7)]

    answer = await asked(aggregator, meter="calls", bounds=bounds)

    assert [row.quantity for row in answer.rows] == ["3", "5", "2"]
    assert [row.window.start for row in answer.rows] == [timestamp(START), *bounds]
    assert answer.rows[2].window.end == timestamp(END)
    assert answer.source.kind == pb.UsageSource.KIND_WINDOWS


async def test_minutes_are_those_of_a_meter_that_keeps_them(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("coarse")
    await aggregator.apply("fine", bucket_minutes=1)
    ingest.append([new_event(n, time=START + timedelta(seconds=40 * n)) for n in range(4)])
    await aggregator.rows("fine")
    by_minute: dict[str, Any] = {
        "period": span(START, START + timedelta(hours=1)),
        "window_size": usage_pb2.WINDOW_SIZE_MINUTE,
    }

    answer = await asked(aggregator, meter="fine", **by_minute)
    error = await aggregator.caller().refused("QueryUsage", pb.QueryUsageRequest(meter="coarse", **by_minute))

    assert [row.quantity for row in answer.rows] == ["2", "1", "1"]
    assert error.reason is Reason.WINDOW_INVALID
    assert "kept in windows of 15 minutes" in error.message
    assert "bucketMinutes: 1" in error.message


@pytest.mark.parametrize(
    ("bounds", "window_size"),
    [
        ([0], usage_pb2.WINDOW_SIZE_UNSPECIFIED),
        ([48, 24], usage_pb2.WINDOW_SIZE_UNSPECIFIED),
        ([31 * 24], usage_pb2.WINDOW_SIZE_UNSPECIFIED),
        ([0.1], usage_pb2.WINDOW_SIZE_UNSPECIFIED),
        ([24], usage_pb2.WINDOW_SIZE_DAY),
    ],
)
async def test_bounds_that_make_no_windows_are_refused(aggregator: Any, bounds: list[float], window_size: Any) -> None:
    await aggregator.apply("calls")
    request = pb.QueryUsageRequest(
        meter="calls",
        period=span(START, END),
        bounds=[timestamp(START + timedelta(hours=hours)) for hours in bounds],
        window_size=window_size,
    )

    error = await aggregator.caller().refused("QueryUsage", request)

    assert error.reason is Reason.WINDOW_INVALID


async def test_an_answer_that_has_to_be_whole_and_does_not_fit_is_refused(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await aggregator.apply("calls")
    ingest.append([new_event(n, customer=f"c{n}") for n in range(20)])
    await aggregator.rows("calls")
    request = pb.QueryUsageRequest(
        meter="calls", period=span(START, END), window_size=usage_pb2.WINDOW_SIZE_HOUR, fill_gaps=True
    )

    error = await aggregator.caller().refused("QueryUsage", request)

    assert isinstance(error, TooBig)
    assert error.reason is Reason.ANSWER_TOO_LARGE
    assert "14,880 rows" in error.message
