"""Whoever changes the log in the database, past its triggers, is found out by the next read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
import pytest_asyncio

from chassis.errors import Diverged, Reason
from chassis.errors.status import from_rpc_error
from eventlog.columns import EventRows
from eventlog.feed.chain import COVERED
from eventlog.feed.cursor import Cursor
from eventlog.feed.wire import GrpcFeedSource
from eventlog.payload import encode_payload
from eventlog.rows import columns_of
from ingest.store.segments import OWNER_COLUMNS
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb

EventMaker = Callable[..., event_pb.UsageEvent]
LOG_REASONS = {Reason.FEED_CORRUPT, Reason.FEED_DIVERGED, Reason.FEED_GAP}


@pytest_asyncio.fixture(loop_scope="session")
async def forge(log: Any) -> AsyncIterator[Callable[..., Any]]:
    """A function that runs a statement as somebody whom no trigger stops."""

    async def run(statement: str, *arguments: Any) -> None:
        await log.connection.execute("SET session_replication_role = replica")
        await log.connection.execute(statement, *arguments)

    yield run


async def reported(ingest: Any, new_event: EventMaker, *, events: int = 1, tenant: str = "acme") -> None:
    for number in range(events):
        event = new_event(id=f"e{number}", properties={"segments": "2"})
        await ingest.caller(tenant).Report(pb.ReportRequest(events=[event]))


async def refusal_of(call: Any) -> Reason:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value).reason


async def listed(process: Any, tenant: str = "acme") -> list[event_pb.StoredEvent]:
    pages = process.caller(tenant).ListEvents(pb.ListEventsRequest())
    return [event async for page in pages for event in page.events]


async def test_every_column_of_the_log_is_covered_by_its_chain(ingest: Any, log: Any) -> None:
    rows = await log.connection.fetch("SELECT column_name FROM information_schema.columns WHERE table_name = 'segment'")

    assert {row["column_name"] for row in rows} == (COVERED.keys() - {"owner_hash"}) | {
        "payload",
        "chain",
        *OWNER_COLUMNS,
    }


def payload_of(event: event_pb.UsageEvent) -> bytes:
    return encode_payload(columns_of(EventRows([event])))


@pytest.mark.parametrize("hashes", [(), ("digest",), ("digest", "chain")])
async def test_an_edited_event_is_never_listed_as_if_it_were_true(
    ingest: Any, start_ingest: Any, new_event: EventMaker, log: Any, forge: Any, hashes: tuple[str, ...]
) -> None:
    await reported(ingest, new_event, events=3)
    lane, position = await log.connection.fetchrow("SELECT lane, first_position FROM segment ORDER BY 1, 2 LIMIT 1")
    forged = payload_of(new_event(id="e0", properties={"segments": "1000000"}))
    await forge("UPDATE segment SET payload = $3 WHERE (lane, first_position) = ($1, $2)", lane, position, forged)
    if "digest" in hashes:
        await forge(
            "UPDATE segment SET digest = sha256(payload) WHERE (lane, first_position) = ($1, $2)", lane, position
        )
    if "chain" in hashes:
        # Not the right one, but one that the next segment could not tell from it: the proof is in what follows.
        await forge("UPDATE segment SET chain = sha256(digest) WHERE (lane, first_position) = ($1, $2)", lane, position)
    # Without a memory of what was written.
    other = await start_ingest()

    assert await refusal_of(listed(other)) in LOG_REASONS
    event = pb.GetEventRequest(source="gateway", id="e0")
    assert await refusal_of(other.caller().GetEvent(event)) in LOG_REASONS


async def test_a_key_that_was_bent_to_another_event_is_noticed(
    ingest: Any, start_ingest: Any, new_event: EventMaker, log: Any, forge: Any
) -> None:
    await ingest.caller().Report(pb.ReportRequest(events=[new_event(id="e0"), new_event(id="e1")]))
    await forge("UPDATE event_key SET position = 3 - position")
    other = await start_ingest()

    event = pb.GetEventRequest(source="gateway", id="e0")
    assert await refusal_of(other.caller().GetEvent(event)) is Reason.DATA_CORRUPTED


@pytest.mark.parametrize(
    "change",
    [
        "tenant = 'globex'",
        "min_time = min_time - interval '1 year'",
        "max_time = max_time + interval '1 year'",
        "customer_filter = decode('ffff', 'hex')",
        "backfill_id = gen_random_uuid()",
        "accepted_at = now()",
        "traceparent = 'none'",
        "chain_rule = 1",
        "kind = 1",
        "correction = '{}'",
    ],
)
async def test_a_change_beside_the_events_stops_the_feed(
    ingest: Any, new_event: EventMaker, log: Any, forge: Any, change: str
) -> None:
    await reported(ingest, new_event)
    lane = await log.value("SELECT lane FROM segment")
    await forge(f"UPDATE segment SET {change}")  # noqa: S608 - a text of this test

    segments = GrpcFeedSource(ingest.feed_channel()).read(Cursor.start(lane))
    with pytest.raises(Diverged) as caught:
        await anext(segments)
    await segments.aclose()

    assert caught.value.reason is Reason.FEED_DIVERGED


async def test_the_segment_of_a_backfill_is_proven_like_any_other(
    ingest: Any, start_ingest: Any, new_event: EventMaker
) -> None:
    admin = ingest.caller()
    backfill = (await admin.OpenBackfill(pb.OpenBackfillRequest(request_id="r"))).backfill
    await admin.Report(pb.ReportRequest(events=[new_event(id="e0")], backfill_id=backfill.id))

    (event,) = await listed(await start_ingest())

    assert event.backfill_id == backfill.id
