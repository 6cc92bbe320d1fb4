"""A feed in tests: fill one, follow it in the same process, record what a consumer did with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chassis.clock import SystemClock
from chassis.postgres import connect_with, driver_transaction, transaction
from eventlog.feed.cursor import Cursor, FeedHeads, Segment
from eventlog.log.epochs import Renewal, renew_epoch
from eventlog.log.reader import FeedReader
from eventlog.log.writer import SegmentDraft, append, claim_lane
from testkit.clock import START


def segment_draft(count: int = 1, payload: bytes = b"payload", tenant: str = "acme") -> SegmentDraft:
    """Return a draft of `count` entries."""
    return SegmentDraft(
        tenant=tenant,
        count=count,
        payload=payload,
        accepted_at=START,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        min_time=START,
        max_time=START,
    )


async def append_segments(
    engine: AsyncEngine, drafts: Sequence[SegmentDraft], owner_columns: tuple[str, ...] = ()
) -> list[Segment]:
    """Append `drafts` to a free lane in one transaction and return the segments; a lone writer always gets lane 0."""
    async with driver_transaction(engine) as driver:
        return await append(driver, await claim_lane(driver), drafts, owner_columns)


async def read_segments(reader: FeedReader, cursor: Cursor, entries: int) -> list[Segment]:
    """Return the segments after `cursor` until there are `entries` entries; gives up after 10 s."""
    found: list[Segment] = []
    async with asyncio.timeout(10), aclosing(reader.stream(cursor)) as stream:
        while sum(segment.count for segment in found) < entries:
            found.append(await anext(stream))
    return found


async def restore_to(owner_dsn: str, position: int) -> None:
    """Put lane 0 back to where it ended at `position`, as a restored backup would."""
    owner = await connect_with(owner_dsn)()
    try:
        await owner.execute("DELETE FROM segment WHERE lane = 0 AND first_position > $1", position)
        await owner.execute(
            "UPDATE lane_head SET position = $1, chain = coalesce((SELECT chain FROM segment WHERE lane = 0 "
            "ORDER BY first_position DESC LIMIT 1), decode(repeat('00', 32), 'hex')) WHERE lane = 0",
            position,
        )
    finally:
        await owner.close()


async def renewed(owner_dsn: str) -> Renewal:
    """Give a log a new epoch, as `renew-epoch` does."""
    owner = await connect_with(owner_dsn)()
    try:
        async with owner.transaction():
            return await renew_epoch(owner, "a test", START)
    finally:
        await owner.close()


class BriskClock(SystemClock):
    """A real clock that shortens long pauses, so that what is polled every few seconds is polled almost at once."""

    async def sleep(self, seconds: float) -> None:
        """Pause for `seconds`, at most a twentieth of one."""
        await super().sleep(min(seconds, 0.05))


class ReaderSource:
    """A `FeedSource` over a reader in the same process."""

    def __init__(self, reader: FeedReader) -> None:
        """Follow what `reader` serves."""
        self.reader = reader

    async def heads(self) -> FeedHeads:
        """Return where the log ends now."""
        return await self.reader.heads()

    async def read(self, cursor: Cursor) -> AsyncIterator[Segment]:
        """Yield what follows `cursor`."""
        async with aclosing(self.reader.stream(cursor)) as stream:
            async for segment in stream:
                yield segment


class FakeSource:
    """A `FeedSource` of given segments, for feeds that no correct writer would produce."""

    def __init__(self, epoch: str, segments: Sequence[Segment], lanes: int = 1) -> None:
        """Serve `segments` of a log `epoch` with `lanes` lanes; a test may change `segments` at any time."""
        self.epoch = epoch
        self.segments = list(segments)
        self.lanes = lanes
        self.before_segment: Callable[[Segment], Awaitable[None]] | None = None

    async def heads(self) -> FeedHeads:
        """Return the last position of each lane."""
        positions = dict.fromkeys(range(self.lanes), 0)
        for segment in self.segments:
            positions[segment.lane] = max(positions.get(segment.lane, 0), segment.last_position)
        return FeedHeads(self.epoch, positions)

    async def read(self, cursor: Cursor) -> AsyncIterator[Segment]:
        """Yield the lane's segments that end after `cursor`, then wait indefinitely."""
        for segment in self.segments:
            if segment.lane == cursor.lane and segment.last_position > cursor.position:
                if self.before_segment is not None:
                    await self.before_segment(segment)
                yield segment
        await asyncio.Event().wait()


class RecordingHandler:
    """A `FeedHandler` that writes one row of `effect` per entry; `fail_at` is called at each step and may raise."""

    def __init__(self, consumer: str, fail_at: Callable[[str], Awaitable[None]] | None = None) -> None:
        """Write on behalf of `consumer`. Steps: prepare, apply (before the writes), applied (after them), reset."""
        self.consumer = consumer
        self.fail_at = fail_at
        self.batches: list[int] = []
        self.resets = 0
        self.renewals = 0

    async def prepare(self, segments: Sequence[Segment]) -> list[tuple[int, int]]:
        """List the entries."""
        await self._step("prepare")
        return [(s.lane, position) for s in segments for position in range(s.first_position, s.last_position + 1)]

    async def apply(self, conn: AsyncConnection, prepared: list[tuple[int, int]]) -> None:
        """Write the effects."""
        await self._step("apply")
        await conn.execute(
            text("INSERT INTO effect (consumer, lane, position) VALUES (:consumer, :lane, :position)"),
            [{"consumer": self.consumer, "lane": lane, "position": position} for lane, position in prepared],
        )
        await self._step("applied")
        self.batches.append(len(prepared))

    async def reset(self) -> None:
        """Count."""
        self.resets += 1

    async def renewed(self, conn: AsyncConnection) -> None:
        """Count."""
        del conn
        self.renewals += 1

    async def _step(self, name: str) -> None:
        if self.fail_at is not None:
            await self.fail_at(name)


async def effects(engine: AsyncEngine, consumer: str) -> dict[int, list[int]]:
    """Return the positions whose effect was written, by lane and in order, each as often as it was written."""
    async with transaction(engine) as conn:
        rows = await conn.execute(
            text("SELECT lane, position FROM effect WHERE consumer = :consumer ORDER BY lane, position"),
            {"consumer": consumer},
        )
        found: dict[int, list[int]] = {}
        for lane, position in rows:
            found.setdefault(lane, []).append(position)
        return found
