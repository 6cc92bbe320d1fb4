"""What was refused can be asked for afterwards: how many events, why, and some of them as they were sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors.status import from_rpc_error
from metering.common.v1 import values_pb2
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb
from testkit.wait import eventually

EventMaker = Callable[..., event_pb.UsageEvent]
YEAR_1999 = 930_000_000 * 1_000_000


async def listed(caller: Any, **wanted: Any) -> pb.ListRefusalsResponse:
    found: pb.ListRefusalsResponse = await caller.ListRefusals(pb.ListRefusalsRequest(**wanted))
    return found


async def test_refused_events_are_counted_and_shown_as_they_were_sent(ingest: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    old, late = new_event(time_us=YEAR_1999), new_event(time_us=YEAR_1999)
    nameless = new_event(customer="", traceparent="nonsense")
    await caller.Report(pb.ReportRequest(events=[new_event(), old, nameless]))
    await caller.Report(pb.ReportRequest(events=[late]))

    found = await listed(caller, samples=20)

    assert {(one.source, one.type, one.reason, one.field): one.event_count for one in found.counts} == {
        ("gateway", "sms.sent", "TIME_TOO_OLD", "time"): 2,
        ("gateway", "sms.sent", "TEXT_INVALID", "customer"): 1,
    }
    assert [(one.index, one.id, one.event) for one in found.samples if one.reason == "TIME_TOO_OLD"] == [
        (0, late.id, late),
        (1, old.id, old),
    ]
    (other,) = [one for one in found.samples if one.reason == "TEXT_INVALID"]
    assert (other.event, other.event_bytes) == (nameless, nameless.ByteSize())
    assert other.reported_by == "tester"
    assert other.message


async def test_events_in_conflict_are_listed_with_them(ingest: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    await caller.Report(pb.ReportRequest(events=[new_event(id="one", customer="acme-1")]))
    await caller.Report(pb.ReportRequest(events=[new_event(), new_event(id="one", customer="globex")]))

    found = await listed(caller, samples=1)

    assert [(one.reason, one.field, one.event_count) for one in found.counts] == [("ID_CONFLICT", "id", 1)]
    assert [(one.index, one.id, one.event.customer) for one in found.samples] == [(1, "one", "globex")]
    assert "acme-1" in found.samples[0].message


async def test_calls_taken_in_together_keep_their_own_places(ingest: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    batches = [[new_event(), new_event(id=f"old-{number}", time_us=YEAR_1999)] for number in range(12)]

    await asyncio.gather(*(caller.Report(pb.ReportRequest(events=batch)) for batch in batches))

    found = await listed(caller, samples=20)
    assert [one.event_count for one in found.counts] == [12]
    assert sorted(one.id for one in found.samples) == sorted(batch[1].id for batch in batches)
    assert {one.index for one in found.samples} == {1}


async def test_of_each_reason_the_newest_twenty_are_kept_and_none_too_large(ingest: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    for batch in range(3):
        old = [new_event(id=f"old-{batch}-{number}", time_us=YEAR_1999) for number in range(15)]
        await caller.Report(pb.ReportRequest(events=old))
        await listed(caller)
    await caller.Report(pb.ReportRequest(events=[new_event(properties={"note": "x" * 9000})]))

    found = await listed(caller, samples=20)

    old_ids = [one.id for one in found.samples if one.reason == "TIME_TOO_OLD"]
    assert old_ids == [f"old-2-{n}" for n in range(14, -1, -1)] + [f"old-1-{n}" for n in range(14, 9, -1)]
    assert sum(one.event_count for one in found.counts) == 46
    (large,) = [one for one in found.samples if one.reason == "PROPERTY_VALUE_TOO_LONG"]
    assert not large.HasField("event")
    assert large.event_bytes > 9000


async def test_what_waits_is_written_by_itself_and_counts_of_two_processes_add_up(
    start_ingest: Any, log: Any, new_event: EventMaker
) -> None:
    one, other = await start_ingest(), await start_ingest()
    for process in (one, other, other):
        await process.caller().Report(pb.ReportRequest(events=[new_event(time_us=YEAR_1999)]))

    async def are_all_written() -> bool:
        return bool(await log.value("SELECT sum(event_count) FROM refusal_count") == 3)

    await eventually(are_all_written)
    assert await log.value("SELECT count(*) FROM refusal_count") == 1
    assert await log.value("SELECT count(*) FROM refusal_sample") == 3


async def test_the_list_comes_in_pages_and_can_be_narrowed(ingest: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    events = [new_event(source=f"gateway-{number}", time_us=YEAR_1999) for number in range(5)]
    await caller.Report(pb.ReportRequest(events=[*events, new_event(source="gateway-1", customer="")]))

    first = await listed(caller, page_size=4, samples=5)
    second = await listed(caller, page_size=4, samples=5, page_token=first.next_page_token)
    narrowed = await listed(caller, source="gateway-1", reason="TEXT_INVALID", samples=5)
    today = Timestamp()
    today.FromDatetime(datetime.now(UTC))
    before = values_pb2.Period(
        start=Timestamp(seconds=today.seconds - 864_000), end=Timestamp(seconds=today.seconds - 432_000)
    )

    assert (len(first.counts), len(second.counts), second.next_page_token) == (4, 2, "")
    assert len({(one.source, one.reason) for one in (*first.counts, *second.counts)}) == 6
    assert first.samples
    assert not second.samples
    assert [(one.source, one.reason) for one in narrowed.counts] == [("gateway-1", "TEXT_INVALID")]
    assert [one.reason for one in narrowed.samples] == ["TEXT_INVALID"]
    assert not (await listed(caller, period=before, samples=5)).ListFields()


async def test_a_tenant_sees_only_its_own_and_a_made_up_page_is_refused(ingest: Any, new_event: EventMaker) -> None:
    await ingest.caller().Report(pb.ReportRequest(events=[new_event(time_us=YEAR_1999)]))

    assert not (await listed(ingest.caller("globex"), samples=5)).ListFields()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await listed(ingest.caller(), page_token="WyJ4Il0=")
    assert from_rpc_error(caught.value).reason == "PAGE_TOKEN_INVALID"


async def test_too_many_different_faults_are_counted_as_the_rest_of_their_reason(
    ingest: Any, new_event: EventMaker
) -> None:
    caller = ingest.caller()
    await caller.Report(
        pb.ReportRequest(events=[new_event(source=f"gateway-{number}", time_us=YEAR_1999) for number in range(1200)])
    )

    found = await listed(caller, page_size=1000)
    rest = await listed(caller, page_size=1000, page_token=found.next_page_token)

    counts = [*found.counts, *rest.counts]
    assert sum(one.event_count for one in counts) == 1200
    assert [(one.source, one.reason, one.event_count) for one in counts if one.rest] == [("", "TIME_TOO_OLD", 200)]


async def test_old_refusals_are_forgotten(start_ingest: Any, log: Any, new_event: EventMaker) -> None:
    day = datetime.now(UTC).date() - timedelta(days=3)
    await log.connection.execute(
        """
        INSERT INTO refusal_count VALUES ('acme', $1, 'gateway', 'sms.sent', 'TIME_TOO_OLD', 'time', false, 1, $2, $2)
        """,
        day,
        datetime.now(UTC),
    )
    process = await start_ingest(refusals_kept_days=2)
    await process.caller().Report(pb.ReportRequest(events=[new_event(time_us=YEAR_1999)]))

    async def is_forgotten() -> bool:
        return [one.event_count for one in (await listed(process.caller())).counts] == [1]

    await eventually(is_forgotten)
    kept = await log.value("SELECT min(day) FROM refusal_count")
    assert kept > day


async def test_while_the_table_can_not_be_written_counts_wait_for_it(
    ingest: Any, log: Any, new_event: EventMaker
) -> None:
    await log.connection.execute("ALTER TABLE refusal_count RENAME TO refusal_count_away")
    answer = await ingest.caller().Report(pb.ReportRequest(events=[new_event(), new_event(time_us=YEAR_1999)]))
    with pytest.raises(grpc.aio.AioRpcError):
        await listed(ingest.caller())
    await log.connection.execute("ALTER TABLE refusal_count_away RENAME TO refusal_count")

    assert (answer.accepted, len(answer.refusals)) == (1, 1)
    assert [one.event_count for one in (await listed(ingest.caller())).counts] == [1]
