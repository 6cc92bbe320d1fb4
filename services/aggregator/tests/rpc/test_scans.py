"""Questions by properties that a meter does not keep: what is counted anew from the log is what windows would hold."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from chassis.errors import Reason, TooBig
from eventlog.wire import timestamp
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.common.v1 import values_pb2

START = datetime(2026, 3, 1, tzinfo=UTC)
MANY = 1_000_000
KEEPS = {"keeps": ["region", "tier"], "not": []}
AGGREGATIONS = ["COUNT", "SUM", "COUNT_UNIQUE", "MIN", "MAX", "LATEST", "FIRST", "AVG"]


def span(start: datetime, end: datetime) -> values_pb2.Period:
    return values_pb2.Period(start=timestamp(start), end=timestamp(end))


MARCH = span(START, START + timedelta(days=31))


async def asked(aggregator: Any, **query: Any) -> pb.QueryUsageResponse:
    request = pb.QueryUsageRequest(**{"period": MARCH, "freshness": pb.Freshness(latest=True), **query})
    response: pb.QueryUsageResponse = await aggregator.caller().QueryUsage(request)
    return response


def only(key: str, *values: str) -> meter_pb2.PropertyFilter:
    return meter_pb2.PropertyFilter(property=key, values=values)


async def load(aggregator: Any, ingest: Any, new_event: Any) -> None:
    """300 calls, some of which can't be read, some of which are taken back, by meters with and without groups."""
    chance = random.Random(9)
    for keeps, group_by in KEEPS.items():
        for name in AGGREGATIONS:
            await aggregator.apply(
                f"{name.lower()}-{keeps}",
                aggregation=getattr(meter_pb2, f"AGGREGATION_{name}"),
                value_property="" if name == "COUNT" else "minutes",
                group_by=group_by,
            )
    events = [
        new_event(
            number,
            time=START + timedelta(seconds=chance.randrange(31 * 86_400)),
            customer=f"customer-{chance.randrange(3)}",
            properties={
                key: text
                for key, text in {
                    "minutes": chance.choice(["1", "2.5", "-3", "much", ""]),
                    "region": chance.choice(["eu", "ü", ""]),
                    "tier": chance.choice(["gold", 'si"lver']),
                }.items()
                if text or chance.random() < 0.5
            },
        )
        for number in range(300)
    ]
    for first in range(0, 300, 60):
        ingest.append(events[first : first + 60], lane=(first // 60) % 2)
    ingest.void([(0, 3), (0, 61), (0, 62), (1, 5), (1, 100)])
    ingest.append([new_event(3, time=START, properties={"minutes": "4", "region": "us"})])


async def test_what_is_counted_anew_is_what_windows_hold_of_a_property_that_is_kept(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await load(aggregator, ingest, new_event)
    chance = random.Random(7)

    for number in range(24):
        name = AGGREGATIONS[number % len(AGGREGATIONS)].lower()
        group_by = chance.choice([["region"], ["tier", "region"], []])
        question = {
            "customers": chance.choice([[], ["customer-1"]]),
            "group_by": group_by,
            "filters": [only("region", "eu", "")] if not group_by or chance.random() < 0.5 else [],
            "window_size": chance.choice([usage_pb2.WINDOW_SIZE_UNSPECIFIED, usage_pb2.WINDOW_SIZE_DAY]),
            "time_zone": chance.choice(["", "Asia/Kathmandu", "Pacific/Marquesas", "Pacific/Chatham"]),
            "top": chance.choice([0, 0, 2]),
            "running": chance.random() < 0.3,
            "scan_events_max": MANY,
            "period": span(START + timedelta(days=chance.randrange(9)), START + timedelta(days=20)),
        }

        kept = await asked(aggregator, meter=f"{name}-keeps", **question)
        scanned = await asked(aggregator, meter=f"{name}-not", **question)

        assert list(scanned.rows) == list(kept.rows), (name, question)
        assert kept.rows
        assert (kept.source.kind, kept.source.events_read) == (pb.UsageSource.KIND_WINDOWS, 0)
        assert (scanned.source.kind, scanned.source.events_read) == (pb.UsageSource.KIND_LOG, 306)
        assert list(scanned.source.properties) == list(
            dict.fromkeys([*group_by, *(["region"] if question["filters"] else [])])
        )
        assert scanned.as_of == kept.as_of == ingest.as_of()


async def test_pages_of_a_scan_make_up_the_whole(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await load(aggregator, ingest, new_event)
    request = pb.QueryUsageRequest(
        meter="sum-not",
        period=MARCH,
        group_by=["region"],
        window_size=usage_pb2.WINDOW_SIZE_WEEK,
        freshness=pb.Freshness(latest=True),
        scan_events_max=MANY,
    )
    whole = await aggregator.caller().QueryUsage(request)
    request.page_size = 7
    rows: list[Any] = []
    while True:
        page = await aggregator.caller().QueryUsage(request)
        rows.extend(page.rows)
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token

    assert rows == list(whole.rows)
    assert len(rows) > 14


async def test_what_was_parked_counts_as_it_is_read_since(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await aggregator.apply("minutes", aggregation=meter_pb2.AGGREGATION_SUM, value_property="minutes")
    ingest.append([new_event(n, properties={"duration": str(n), "color": "red"}) for n in range(1, 4)])
    ingest.append([new_event(9, properties={"minutes": "0.5", "color": "red"})])
    await counted()
    by_color = {"meter": "minutes", "group_by": ["color"], "scan_events_max": MANY}
    before = await asked(aggregator, **by_color)
    await aggregator.apply("minutes", aggregation=meter_pb2.AGGREGATION_SUM, value_property="duration")
    await aggregator.caller().RequeueParked(pb.RequeueParkedRequest(meter="minutes", page_size=2))

    after, windows = await asked(aggregator, **by_color), await asked(aggregator, meter="minutes")

    assert [row.quantity for row in before.rows] == ["0.5"]
    assert [(*row.group, row.quantity, row.event_count) for row in after.rows] == [("red", "3.5", 3)]
    assert [row.quantity for row in windows.rows] == ["3.5"]


async def test_dimensions_filters_and_computed_values_are_read_as_the_fold_reads_them(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await aggregator.apply(
        "seconds",
        aggregation=meter_pb2.AGGREGATION_SUM,
        value_expression="decimal(properties.minutes) * 60",
        filter_expression="properties.region = 'eu'",
        group_by=["kind"],
        dimensions=[meter_pb2.Dimension(name="kind", expression="case when subject = 's' then 'own' else 'other' end")],
    )
    ingest.append(
        [
            new_event(
                n, subject="s" if n % 2 else "t", properties={"minutes": "2", "region": "eu", "color": str(n % 3)}
            )
            for n in range(6)
        ]
    )
    ingest.append([new_event(9, properties={"minutes": "2", "region": "us", "color": "1"})])

    answer = await asked(
        aggregator, meter="seconds", group_by=["color", "kind"], filters=[only("color", "0", "1")], scan_events_max=MANY
    )

    assert [(*row.group, Fraction(row.quantity)) for row in answer.rows] == [
        ("0", "other", 120),
        ("0", "own", 120),
        ("1", "other", 120),
        ("1", "own", 120),
    ]
    assert list(answer.source.properties) == ["color"]


async def test_sessions_are_counted_anew_as_windows_hold_them(aggregator: Any, ingest: Any, new_event: Any) -> None:
    session = {"key_property": "call", "phase_property": "phase", "start": "start", "stop": "stop"}
    for name in ("DURATION", "LIVE_COUNT"):
        for keeps, group_by in (("keeps", ["region"]), ("not", [])):
            await aggregator.apply(
                f"{name.lower()}-{keeps}",
                aggregation=getattr(meter_pb2, f"AGGREGATION_{name}"),
                session={**session, "timeout_seconds": 7200 if name == "DURATION" else 0},
                group_by=group_by,
            )
    told = [("a", "start", "eu", 0), ("b", "start", "us", 10), ("a", "stop", "", 30), ("b", "start", "eu", 60)]
    ingest.append(
        [
            new_event(
                number,
                time=START + timedelta(minutes=minute),
                customer="customer-1",
                properties={"call": call, "phase": phase, "region": region},
            )
            for number, (call, phase, region, minute) in enumerate(told)
        ]
    )
    question = {"customers": ["customer-1"], "scan_events_max": MANY}

    for name in ("duration", "live_count"):
        for how in ({"group_by": ["region"]}, {"filters": [only("region", "eu")]}):
            kept = await asked(aggregator, meter=f"{name}-keeps", **question, **how)
            scanned = await asked(aggregator, meter=f"{name}-not", **question, **how)

            assert list(scanned.rows) == list(kept.rows), (name, how)
            assert scanned.source.kind == pb.UsageSource.KIND_LOG
    by_call = await asked(aggregator, meter="duration-not", group_by=["call"], **question)

    assert [(list(row.group), row.quantity) for row in by_call.rows] == [(["a"], "1800"), (["b"], "10200")]


async def test_a_scan_that_would_read_too_much_is_refused(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await load(aggregator, ingest, new_event)
    await asked(aggregator, meter="sum-not")
    request = pb.QueryUsageRequest(meter="sum-not", period=MARCH, group_by=["region"], scan_events_max=100)

    error = await aggregator.caller().refused("QueryUsage", request)

    assert isinstance(error, TooBig)
    assert "would have to be read" in error.message


async def test_without_leave_to_read_the_log_the_advice_is_to_give_it(aggregator: Any) -> None:
    await aggregator.apply("calls", group_by=["region"])

    error = await aggregator.caller().refused(
        "QueryUsage", pb.QueryUsageRequest(meter="calls", period=MARCH, group_by=["color"])
    )

    assert error.reason is Reason.GROUP_UNKNOWN
    assert "scan_events_max" in error.message


async def test_of_nothing_a_scan_finds_nothing(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("calls")

    empty = await asked(aggregator, meter="calls", group_by=["color"], scan_events_max=1)
    ingest.append([new_event(1, customer="b")])
    others = await asked(aggregator, meter="calls", customers=["c"], filters=[only("color", "")], scan_events_max=1)

    assert (list(empty.rows), list(others.rows)) == ([], [])
    assert others.source.events_read == 1


@pytest.mark.parametrize("version_keeps", [True, False])
async def test_a_property_that_an_older_version_does_not_keep_is_read_from_the_log(
    aggregator: Any,
    ingest: Any,
    new_event: Any,
    version_keeps: bool,
) -> None:
    await aggregator.apply("calls", group_by=["region"] if version_keeps else [])
    middle = START + timedelta(days=10)
    await aggregator.apply("calls", group_by=["region"], unit="call", effective_from=timestamp(middle))
    ingest.append([new_event(n, time=START + timedelta(days=n)) for n in range(20)])
    question = {"meter": "calls", "filters": [only("region", "eu")], "scan_events_max": MANY}

    answer = await asked(aggregator, **question)

    assert [row.quantity for row in answer.rows] == ["20"]
    assert (answer.source.kind == pb.UsageSource.KIND_WINDOWS) is version_keeps


async def test_what_a_meter_does_not_tell_apart_is_in_its_log(run_aggregator: Any, ingest: Any, new_event: Any) -> None:
    async with run_aggregator(meter_groups_max=1) as aggregator:
        await aggregator.apply("calls", group_by=["region"])
        ingest.append([new_event(1), new_event(2, properties={"region": "us"}), new_event(3)])

        windows = await asked(aggregator, meter="calls")
        scanned = await asked(aggregator, meter="calls", group_by=["color"], scan_events_max=MANY)

        assert [row.quantity for row in windows.rows] == [row.quantity for row in scanned.rows] == ["3"]
