"""Whether everything came: numbers that are lacking are listed, counts compared, and silence told from zero."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import MeterlineError
from chassis.errors.status import from_rpc_error
from eventlog.columns import EventRows
from eventlog.payload import columns_to_proto
from eventlog.rows import columns_of
from metering.common.v1 import values_pb2
from metering.ingest.v1 import completeness_pb2 as messages
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb
from testkit.wait import eventually

EventMaker = Callable[..., event_pb.UsageEvent]
DAY_S = 86_400
NOW_S = int(time.time())
TODAY = values_pb2.Period(start=Timestamp(seconds=NOW_S - DAY_S), end=Timestamp(seconds=NOW_S + DAY_S))


def numbers(first: int, last: int, source: str = "gateway") -> messages.SequenceRange:
    return messages.SequenceRange(source=source, first=first, last=last)


async def report(caller: Any, events: list[event_pb.UsageEvent], *sequences: messages.SequenceRange) -> Any:
    return await caller.Report(pb.ReportRequest(events=events, sequences=sequences))


async def completeness(caller: Any, source: str = "gateway", period: Any = TODAY) -> pb.GetCompletenessResponse:
    found: pb.GetCompletenessResponse = await caller.GetCompleteness(
        pb.GetCompletenessRequest(source=source, period=period)
    )
    return found


async def refused(call: Any) -> MeterlineError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def test_numbers_that_never_came_are_listed_until_they_come(ingest: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    late = [new_event() for _ in range(3)]
    await report(caller, [new_event() for _ in range(5)], numbers(1, 5))
    await report(caller, [new_event(), new_event(), new_event(customer="")], numbers(9, 11))
    await caller.DeclareCounts(pb.DeclareCountsRequest(ends=[messages.SequenceEnd(source="gateway", last=12)]))

    before = await completeness(caller)
    await report(caller, late, numbers(6, 8))
    await report(caller, late, numbers(6, 8))
    after = await completeness(caller)

    assert [(gap.first, gap.last) for gap in before.sequence.gaps] == [(6, 8), (12, 12)]
    assert (before.sequence.expected, before.sequence.received, before.sequence.missing) == (12, 8, 4)
    assert (before.came.accepted, before.came.refused) == (7, 1)
    assert [(gap.first, gap.last) for gap in after.sequence.gaps] == [(12, 12)]
    assert (after.came.accepted, after.came.duplicates) == (10, 3)


async def test_a_batch_holds_exactly_the_events_of_its_numbers(ingest: Any, log: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    events = [new_event(), new_event(source="other")]

    wrong = [
        await refused(report(caller, events, numbers(1, 2))),
        await refused(report(caller, events, numbers(0, 0))),
        await refused(report(caller, events, numbers(2, 1))),
        await refused(report(caller, events, numbers(1, 1), numbers(2, 2))),
        await refused(report(caller, events, numbers(1, 1, "nobody"))),
        await refused(report(caller, events, numbers(1, 1, ""))),
    ]

    assert [error.reason for error in wrong] == ["FIELD_INVALID"] * 5 + ["TEXT_INVALID"]
    await log.assert_dense(0)
    columns = columns_to_proto(columns_of(EventRows(events)))
    sent = pb.ReportRequest(columns=columns, sequences=[numbers(1, 1), numbers(7, 7, "other")])
    assert (await caller.Report(sent)).accepted == 2
    assert (await completeness(caller, "other")).sequence.first == 7


async def test_declared_counts_are_compared_with_the_log_and_zero_is_not_silence(
    ingest: Any, new_event: EventMaker
) -> None:
    caller = ingest.caller()
    hour_us = 3_600_000_000
    start_us = NOW_S * 1_000_000 - 10 * hour_us
    hours = [
        values_pb2.Period(
            start=Timestamp(seconds=NOW_S - 36_000 + 3600 * n), end=Timestamp(seconds=NOW_S - 36_000 + 3600 * (n + 1))
        )
        for n in range(4)
    ]
    made = [new_event(time_us=start_us + n * hour_us) for n in (0, 0, 1, 1, 2)]
    await report(caller, [*made, *made, new_event(source="other", time_us=start_us)])
    counts = [
        messages.DeclaredCount(source="gateway", period=hour, event_count=count)
        for hour, count in zip(hours, (2, 3, 0, 0), strict=True)
    ]
    await caller.DeclareCounts(pb.DeclareCountsRequest(counts=[*counts, counts[1]]))
    idle = messages.DeclaredCount(source="idle", period=hours[0], event_count=0)
    await caller.DeclareCounts(pb.DeclareCountsRequest(counts=[idle]))

    found = await completeness(caller)
    of_idle, of_silent = await completeness(caller, "idle"), await completeness(caller, "silent")

    assert [(one.expected, one.received, one.missing, one.surplus) for one in found.counts] == [
        (2, 2, 0, 0),
        (3, 2, 1, 0),
        (0, 1, 0, 1),
        (0, 0, 0, 0),
    ]
    assert (found.came.accepted, found.came.duplicates) == (5, 5)
    assert not found.HasField("sequence")
    assert [one.expected for one in of_idle.counts] == [0]
    assert of_idle.HasField("last_heard_at")
    assert not of_silent.HasField("last_heard_at")


async def test_sources_are_listed_with_when_they_were_last_heard_of(ingest: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    await report(caller, [new_event(source="b"), new_event(source="a"), new_event(source="c", customer="")])

    first = await caller.ListSources(pb.ListSourcesRequest(page_size=2))
    rest = await caller.ListSources(pb.ListSourcesRequest(page_size=2, page_token=first.next_page_token))

    heard = [*first.sources, *rest.sources]
    assert [(one.source, one.came.accepted, one.came.refused) for one in heard] == [
        ("a", 1, 0),
        ("b", 1, 0),
        ("c", 0, 1),
    ]
    assert all(abs(one.last_heard_at.seconds - time.time()) < 60 for one in heard)
    assert not (await ingest.caller("globex").ListSources(pb.ListSourcesRequest())).sources
    of_another_tenant = await completeness(ingest.caller("globex"), "a")
    assert not of_another_tenant.HasField("last_heard_at")
    assert of_another_tenant.came.accepted == 0


async def test_numbers_outlive_the_process_and_what_was_noted_is_written_by_itself(
    start_ingest: Any, log: Any, new_event: EventMaker
) -> None:
    one, other = await start_ingest(), await start_ingest()
    await report(one.caller(), [new_event()], numbers(1, 1))
    await report(other.caller(), [new_event()], numbers(3, 3))

    assert [(gap.first, gap.last) for gap in (await completeness(other.caller())).sequence.gaps] == [(2, 2)]

    async def are_all_written() -> bool:
        return bool(await log.value("SELECT sum(accepted) FROM source_heard") == 2)

    await eventually(are_all_written)


async def test_a_gap_over_midnight_is_of_the_day_in_which_the_next_number_came(ingest: Any, log: Any) -> None:
    for days_ago, part in ((2, "{[1,11)}"), (1, "{[13,21)}"), (0, "{[21,22)}")):
        await log.connection.execute(
            "INSERT INTO source_sequence VALUES ('acme', 'gateway', (now() AT TIME ZONE 'UTC')::date - $1::int, "
            "$2::text::int8multirange, upper($2::text::int8multirange) - 1)",
            days_ago,
            part,
        )
    midnight_s = int(time.time()) // DAY_S * DAY_S

    def day(ago: int) -> values_pb2.Period:
        start_s = midnight_s - ago * DAY_S
        return values_pb2.Period(start=Timestamp(seconds=start_s), end=Timestamp(seconds=start_s + DAY_S))

    found = [(await completeness(ingest.caller(), period=day(ago))).sequence for ago in (2, 1, 0)]

    assert [(one.first, one.last, one.missing) for one in found] == [(1, 10, 0), (11, 20, 2), (21, 21, 0)]
    assert [(gap.first, gap.last) for gap in found[1].gaps] == [(11, 12)]


async def test_whoever_numbers_with_too_many_gaps_is_told(ingest: Any, log: Any, new_event: EventMaker) -> None:
    await log.connection.execute(
        """
        INSERT INTO source_sequence SELECT 'acme', 'gateway', (now() AT TIME ZONE 'UTC')::date,
            range_agg(int8range(n * 2, n * 2 + 1)), 20000 FROM generate_series(1, 10000) AS n
        """
    )

    error = await refused(report(ingest.caller(), [new_event()], numbers(30000, 30000)))

    assert error.reason == "FIELD_INVALID"
    assert "gaps" in error.message
    found = (await completeness(ingest.caller())).sequence
    assert (len(found.gaps), found.gaps_left_out, found.missing) == (1000, 8999, 9999)
