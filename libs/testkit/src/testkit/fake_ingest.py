"""Ingest as the aggregator sees it: a log in memory, with lanes, dense positions and true chain hashes."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import grpc
import zstandard

from eventlog.as_of import AsOf
from eventlog.feed.chain import RULE_KINDS, RULE_WHOLE, chain_after, owner_hash
from eventlog.feed.cursor import CHAIN_START, Cursor, FeedHeads, Segment
from eventlog.feed.kinds import EntryKind
from eventlog.feed.wire import cursor_from_proto, heads_to_proto, segment_to_proto
from eventlog.wire import timestamp
from metering.common.v1 import feed_pb2, feed_service_pb2, values_pb2
from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from metering.ingest.v1 import usage_event_pb2 as event_pb
from testkit.events import usage_columns

Context = grpc.aio.ServicerContext[Any, Any]
EPOCH: Final = "5a1d37cd-98b1-4c0e-8f7a-0e0a1e6a8a35"
PAGE_EVENTS: Final = 7
"""Small, so that listings take several pages."""


class FakeIngest:
    """The event log. A test appends to it, and bends it as accidents do."""

    Report = GetEvent = VoidEvents = ReplaceEvent = OpenBackfill = CloseBackfill = RevertBackfill = ListBackfills = None
    """Not asked by the aggregator."""
    ListRefusals = DeclareCounts = GetCompleteness = ListSources = None
    """Likewise."""

    def __init__(self, lanes: int = 2) -> None:
        self.lanes: dict[int, list[tuple[Segment, list[event_pb.UsageEvent]]]] = {lane: [] for lane in range(lanes)}
        self.grown = asyncio.Event()
        self.takes_back: dict[tuple[int, int], int] = {}
        """Place of each void, and the position of the lane that it takes back."""
        self.cut_after: int | None = None
        """Streams end with UNAVAILABLE after this many segments."""
        self.held_back = 0
        """So many events of lane 0 are accepted, says the head, and don't come yet."""
        self.address = ""
        self.tells_until = False
        """Whether the heads say until when they are complete, as those of older releases don't."""
        self.heads_asked = 0
        self.epoch = EPOCH
        self.earlier: list[AsOf] = []
        """Former epochs, newest first, each up to where the log still is that log."""

    def restore(self, lanes: Mapping[int, int]) -> None:
        """Lose what lies beyond these positions, as a restored backup does; then renew the epoch."""
        for lane, written in self.lanes.items():
            self.lanes[lane] = [kept for kept in written if kept[0].last_position <= lanes.get(lane, 0)]
        self.renew()

    def renew(self) -> None:
        """Give the log a new epoch."""
        ends = self.heads()
        shared = [AsOf(self.epoch, ends)]
        for former in self.earlier:
            left = {lane: min(end, ends.get(lane, 0)) for lane, end in former.positions.items()}
            shared.append(AsOf(former.epoch, left))
        self.epoch, self.earlier = str(uuid.uuid4()), shared
        # Streams end, as they do when ingest restarts.
        self.wake()

    def wake(self) -> None:
        """Let streams look again."""
        grown, self.grown = self.grown, asyncio.Event()
        grown.set()

    def append(
        self,
        events: Sequence[event_pb.UsageEvent],
        *,
        lane: int = 0,
        tenant: str = "acme",
        traceparent: str = "",
        payload: bytes | None = None,
        takes_back: Sequence[int] = (),
    ) -> Segment:
        """Accept a batch, as one segment; with `takes_back`, as voids of what lies at these positions of the lane."""
        if payload is None:
            columns = usage_columns(events)
            columns.takes_back.extend(takes_back)
            payload = zstandard.ZstdCompressor().compress(columns.SerializeToString())
        written = self.lanes[lane]
        chain, first = (written[-1][0].chain, written[-1][0].last_position + 1) if written else (CHAIN_START, 1)
        digest = hashlib.sha256(payload).digest()
        times = [event.time.ToDatetime(tzinfo=UTC) for event in events]
        segment = Segment(
            epoch=self.epoch,
            lane=lane,
            first_position=first,
            count=len(events),
            tenant=tenant,
            payload=payload,
            digest=digest,
            chain=b"",
            accepted_at=datetime.now(UTC),
            traceparent=traceparent,
            min_time=min(times),
            max_time=max(times),
            chain_rule=RULE_KINDS if takes_back else RULE_WHOLE,
            owner_hash=owner_hash({"customer_filter": b""}),
            kind=EntryKind.VOID if takes_back else EntryKind.PLAIN,
        )
        positions = range(segment.first_position, segment.last_position + 1)
        self.takes_back |= {(lane, own): taken for own, taken in zip(positions, takes_back, strict=False)}
        segment = replace(segment, chain=chain_after(chain, segment) or b"")
        written.append((segment, list(events)))
        self.wake()
        return segment

    def void(self, places: Sequence[tuple[int, int]], tenant: str = "acme") -> None:
        """Take back the events at some places (lane, position), in one segment for each lane."""
        for lane in sorted({lane for lane, _ in places}):
            at = {
                position: event
                for segment, events in self.lanes[lane]
                for position, event in enumerate(events, start=segment.first_position)
            }
            taken = [position for own, position in places if own == lane]
            self.append([at[position] for position in taken], lane=lane, tenant=tenant, takes_back=taken)

    def heads(self) -> dict[int, int]:
        """Where each lane ends, as the head says."""
        heads = {lane: written[-1][0].last_position if written else 0 for lane, written in self.lanes.items()}
        heads[0] += self.held_back
        return heads

    def as_of(self) -> values_pb2.AsOf:
        """All that is accepted by now."""
        lanes = [
            values_pb2.LanePosition(lane=lane, position=position) for lane, position in self.heads().items() if position
        ]
        return values_pb2.AsOf(epoch=self.epoch, lanes=lanes)

    async def Read(
        self, request: feed_service_pb2.ReadRequest, context: Context
    ) -> AsyncIterator[feed_service_pb2.ReadResponse]:
        """Stream the segments of a lane, and wait for more."""
        cursor: Cursor = cursor_from_proto(request.cursor)
        sent, epoch = 0, self.epoch
        if cursor.epoch not in ("", epoch):
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the cursor is of another epoch")
        while True:
            grown = self.grown
            if self.epoch != epoch:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "restarted")
            for segment, _ in list(self.lanes[cursor.lane]):
                if segment.first_position <= cursor.position:
                    continue
                if self.cut_after is not None and sent >= self.cut_after:
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
                yield feed_service_pb2.ReadResponse(segment=segment_to_proto(replace(segment, epoch=epoch)))
                sent += 1
                cursor = Cursor(cursor.lane, segment.last_position, segment.chain, epoch)
            await grown.wait()

    async def Heads(self, request: feed_service_pb2.HeadsRequest, context: Context) -> feed_service_pb2.HeadsResponse:
        """Tell where the log ends."""
        self.heads_asked += 1
        until = timestamp(datetime.now(UTC)) if self.tells_until else None
        heads = heads_to_proto(FeedHeads(self.epoch, self.heads(), self.earlier))
        return feed_service_pb2.HeadsResponse(heads=heads, complete_until=until)

    async def ListEvents(
        self, request: ingest_pb.ListEventsRequest, context: Context
    ) -> AsyncIterator[ingest_pb.ListEventsResponse]:
        """Stream the wanted events."""
        tenant = dict(context.invocation_metadata() or ())["x-meterline-tenant"]
        after = {lane.lane: lane.position for lane in request.after.lanes}
        up_to = {lane.lane: lane.position for lane in request.up_to.lanes}
        page: list[event_pb.StoredEvent] = []
        for lane, written in self.lanes.items():
            for segment, events in written:
                for position, event in enumerate(events, start=segment.first_position):
                    if segment.tenant != tenant or not after.get(lane, 0) < position <= up_to.get(lane, 0):
                        continue
                    time_ns, period = event.time.ToNanoseconds(), request.period
                    if not period.start.ToNanoseconds() <= time_ns < period.end.ToNanoseconds():
                        continue
                    if (lane, position) in self.takes_back and not request.with_voids:
                        continue
                    if event.customer in request.customers and event.type in request.types:
                        page.append(self._stored(event, lane, position))
                    if len(page) == PAGE_EVENTS:
                        yield ingest_pb.ListEventsResponse(events=page)
                        page = []
        if page:
            yield ingest_pb.ListEventsResponse(events=page)

    async def ScanEvents(
        self, request: ingest_pb.ScanEventsRequest, context: Context
    ) -> AsyncIterator[ingest_pb.ScanEventsResponse]:
        """Stream the wanted events as columns, a few at a time."""
        tenant = dict(context.invocation_metadata() or ())["x-meterline-tenant"]
        up_to = {lane.lane: lane.position for lane in request.up_to.lanes}
        read = 0
        for lane, written in self.lanes.items():
            for segment, events in written:
                if segment.tenant != tenant or segment.first_position > up_to.get(lane, 0):
                    continue
                read += segment.count
                if read > request.events_max:
                    message = f"{read} or more events of the log would have to be read"
                    await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, message)
                placed = enumerate(events, start=segment.first_position)
                wanted = [(at, event) for at, event in placed if at <= up_to[lane] and _is_wanted(event, request)]
                for first in range(0, len(wanted), PAGE_EVENTS):
                    page = wanted[first : first + PAGE_EVENTS]
                    columns = usage_columns([_with_only(event, request.properties) for _, event in page])
                    corrects = [self.takes_back.get((lane, at), 0) for at, _ in page]
                    columns.takes_back.extend(corrects if any(corrects) else [])
                    yield ingest_pb.ScanEventsResponse(
                        columns=columns,
                        lane=lane,
                        positions=[at for at, _ in page],
                        kind=feed_pb2.ENTRY_KIND_VOID if any(corrects) else feed_pb2.ENTRY_KIND_UNSPECIFIED,
                        events_read=read,
                    )
        yield ingest_pb.ScanEventsResponse(events_read=read)

    def _stored(self, event: event_pb.UsageEvent, lane: int, position: int) -> event_pb.StoredEvent:
        corrects = self.takes_back.get((lane, position), 0)
        voids = [own for (of, own), taken in self.takes_back.items() if (of, taken) == (lane, position)]
        return event_pb.StoredEvent(
            event=event,
            lane=lane,
            position=position,
            kind=feed_pb2.ENTRY_KIND_VOID if corrects else feed_pb2.ENTRY_KIND_UNSPECIFIED,
            corrects=corrects,
            taken_back_at=voids[0] if voids else 0,
        )


def _is_wanted(event: event_pb.UsageEvent, request: ingest_pb.ScanEventsRequest) -> bool:
    start_ns, end_ns = request.period.start.ToNanoseconds(), request.period.end.ToNanoseconds()
    is_of = not request.customers or event.customer in request.customers
    return is_of and event.type in request.types and start_ns <= event.time.ToNanoseconds() < end_ns


def _with_only(event: event_pb.UsageEvent, properties: Sequence[str]) -> event_pb.UsageEvent:
    """Return an event without the properties that nobody asked for."""
    kept = event_pb.UsageEvent()
    kept.CopyFrom(event)
    for key in set(event.properties).difference(properties):
        del kept.properties[key]
    return kept
