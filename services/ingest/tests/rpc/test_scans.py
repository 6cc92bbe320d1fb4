"""Scans of the log: the events of a list as columns, what takes others back included, and never more than allowed.

They are the same whether the log itself is read or its copy by customer.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import numpy as np
import pytest

from chassis.errors import Reason, TooBig
from chassis.errors.status import from_rpc_error
from eventlog.payload import columns_from_proto
from eventlog.rows import events_of
from eventlog.wire import timestamp
from metering.common.v1 import feed_pb2, feed_service_pb2, values_pb2
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb
from testkit.wait import eventually

EventMaker = Callable[..., event_pb.UsageEvent]
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = values_pb2.Period(start=timestamp(NOW - timedelta(days=1)), end=timestamp(NOW + timedelta(minutes=1)))
BEFORE_NOW = values_pb2.Period(start=timestamp(NOW - timedelta(days=3)), end=DAY.end)
Row = tuple[int, int, int, bytes]


async def scanned(caller: Any, **wanted: Any) -> tuple[list[Row], int]:
    """Return lane, position, what is taken back and the event of each, and how many events were read."""
    request = pb.ScanEventsRequest(**{"period": DAY, "events_max": 10_000, **wanted})
    found: list[Row] = []
    read = 0
    async for response in caller.ScanEvents(request):
        columns = columns_from_proto(response.columns)
        rows = np.arange(len(columns), dtype=np.int64)
        back = list(response.columns.takes_back) or [0] * len(columns)
        assert (response.kind == feed_pb2.ENTRY_KIND_VOID) is any(back)
        events = [event.SerializeToString(deterministic=True) for event in events_of(columns, rows)]
        lanes = [response.lane] * len(columns)
        found += zip(lanes, response.positions, back, events, strict=True)
        read = response.events_read
    return found, read


async def listed(caller: Any, properties: set[str], **wanted: Any) -> list[Row]:
    found: list[Row] = []
    async for response in caller.ListEvents(pb.ListEventsRequest(**{"period": DAY, **wanted}, with_voids=True)):
        for stored in response.events:
            event = stored.event
            event.traceparent = ""
            for key in set(event.properties) - properties:
                del event.properties[key]
            back = stored.corrects if stored.kind == feed_pb2.ENTRY_KIND_VOID else 0
            found.append((stored.lane, stored.position, back, event.SerializeToString(deterministic=True)))
    return found


async def load(ingest: Any, new_event: EventMaker) -> Any:
    chance = random.Random(4)
    caller = ingest.caller()
    for batch in range(12):
        events = [
            new_event(
                id=f"{batch}-{number}",
                type=chance.choice(["call", "sms"]),
                customer=f"customer-{chance.randrange(5)}",
                subject=chance.choice(["", "ann"]),
                time=timestamp(NOW - timedelta(minutes=chance.randrange(2000))),
                properties={
                    key: text
                    for key, text in {"color": chance.choice(["red", "ü"]), "size": str(number), "x": "1"}.items()
                    if chance.random() < 0.8
                },
            )
            for number in range(chance.randrange(1, 50))
        ]
        await caller.Report(pb.ReportRequest(events=events))
        if batch % 2 == 0:
            voided = event_pb.EventIdentity(source="gateway", id=f"{batch}-0")
            await caller.VoidEvents(pb.VoidEventsRequest(events=[voided], reason="a test"))
    await ingest.caller("globex").Report(pb.ReportRequest(events=[new_event(id="other", customer="customer-1")]))
    return caller


async def assert_scans_are_lists(ingest: Any, caller: Any) -> None:
    chance = random.Random(6)
    heads = (await ingest.service().Heads(feed_service_pb2.HeadsRequest())).heads
    whole = await listed(caller, {"color", "size", "x"}, period=None)

    for _ in range(20):
        wanted: dict[str, Any] = {
            "customers": chance.choice([[], ["customer-1"], ["customer-1", "customer-4", "nobody"]]),
            "types": chance.choice([[], ["sms"]]),
            "period": values_pb2.Period(
                start=timestamp(NOW - timedelta(minutes=chance.randrange(500, 2000))),
                end=timestamp(NOW - timedelta(minutes=chance.randrange(400))),
            ),
        }
        if chance.random() < 0.5:
            ends = [values_pb2.LanePosition(lane=lane, position=chance.randrange(1, 90)) for lane in (0, 1)]
            wanted["up_to"] = values_pb2.AsOf(epoch=heads.epoch, lanes=ends)
        properties = set(chance.sample(["color", "size", "x", "none"], 2))

        found, read = await scanned(caller, **wanted, properties=sorted(properties))

        assert sorted(found) == await listed(caller, properties, **wanted)
        assert len(found) <= read <= len(whole)


async def copied(log: Any, run_events: int) -> None:
    """Wait until the copies lie behind the log by less than a run."""

    left = """
        SELECT max(behind)::bigint FROM (
            SELECT sum(s.count) AS behind FROM segment AS s JOIN customer_copy AS c USING (tenant, lane)
            WHERE s.first_position > c.copied_up_to GROUP BY c.tenant, c.lane
            UNION ALL SELECT $1::bigint WHERE NOT EXISTS (SELECT FROM customer_copy)
        ) AS lanes
    """

    async def is_copied() -> bool:
        return (await log.value(left, run_events) or 0) < run_events

    await eventually(is_copied)


async def test_a_scan_has_the_events_of_a_list(ingest: Any, new_event: EventMaker) -> None:
    caller = await load(ingest, new_event)

    await assert_scans_are_lists(ingest, caller)


async def test_a_scan_of_the_copy_has_the_events_of_a_list_and_reads_fewer(
    start_ingest: Any, new_event: EventMaker, log: Any
) -> None:
    run_events = 30
    ingest = await start_ingest(customer_copy_events=run_events)
    caller = await load(ingest, new_event)
    of_one = {"customers": ["customer-1"], "period": BEFORE_NOW}
    of_the_log = await scanned(caller, **of_one)
    assert await log.value("SELECT count(*) FROM customer_copy WHERE tenant <> 'acme'") == 0

    await copied(log, run_events)
    of_the_copy = await scanned(caller, **of_one)

    assert sorted(of_the_copy[0]) == sorted(of_the_log[0])
    assert of_the_copy[1] < of_the_log[1] / 2
    await assert_scans_are_lists(ingest, caller)
    # What comes afterwards, what takes back what is copied included, is there at once.
    taken_back = [event_pb.EventIdentity(source="gateway", id=f"{batch}-0") for batch in range(1, 12, 2)]
    await caller.VoidEvents(pb.VoidEventsRequest(events=taken_back, reason="a test"))
    await assert_scans_are_lists(ingest, caller)


@pytest.mark.parametrize(
    ("damage", "is_refused"),
    [
        # A copy of an other log is not read: without its blocks it would tell of nothing. It may be made anew.
        ("WITH gone AS (DELETE FROM customer_block) UPDATE customer_copy SET chain = sha256(chain)", False),
        ("UPDATE customer_block SET payload = payload || '\\x00'", True),
    ],
    ids=["of an other log", "not what was written"],
)
async def test_a_copy_that_is_not_of_this_log_is_not_answered_from(
    start_ingest: Any, new_event: EventMaker, log: Any, damage: str, is_refused: bool
) -> None:
    ingest = await start_ingest(customer_copy_events=30)
    caller = await load(ingest, new_event)
    of_one = {"customers": ["customer-1"], "period": BEFORE_NOW}
    of_the_log = await scanned(caller, **of_one)
    await copied(log, 30)
    await log.connection.execute(damage)

    if is_refused:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await scanned(caller, **of_one)
        error = from_rpc_error(caught.value)
        assert error.reason is Reason.DATA_CORRUPTED
        assert "customer_block" in error.message
    else:
        assert sorted((await scanned(caller, **of_one))[0]) == sorted(of_the_log[0])


async def test_a_scan_that_needs_more_than_is_allowed_reads_nothing(ingest: Any, new_event: EventMaker) -> None:
    caller = await load(ingest, new_event)
    _, read = await scanned(caller)

    assert (await scanned(caller, events_max=read))[1] == read
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await scanned(caller, events_max=read - 1)

    error = from_rpc_error(caught.value)
    assert isinstance(error, TooBig)
    assert error.reason is Reason.SCAN_TOO_LARGE
    assert f"{read:,}" in error.message


async def test_a_scan_of_what_is_not_there_says_that_nothing_was_read(ingest: Any, new_event: EventMaker) -> None:
    caller = await load(ingest, new_event)
    before = values_pb2.Period(start=timestamp(NOW - timedelta(days=400)), end=timestamp(NOW - timedelta(days=399)))

    assert await scanned(caller, period=before) == ([], 0)
