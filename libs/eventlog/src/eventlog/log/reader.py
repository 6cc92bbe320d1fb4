"""Serves a log to its consumers: proves that the caller's cursor lies on this log, then streams what follows.

Each page is read in a short transaction of its own, so that none stays open while a consumer is slow.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from chassis.errors import Diverged, NotFound, OutOfRange, Reason, invalid_field
from chassis.postgres import driver_transaction, transaction
from chassis.tasks import wait_or_stop
from eventlog.feed.cursor import CHAIN_START, Cursor, FeedHeads, Segment, check_payload, follow
from eventlog.log.epochs import EPOCH, EpochHistory
from eventlog.log.stored import COLUMNS, segment_of
from eventlog.log.wakeups import FeedWakeups

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from chassis.clock import Clock

PAGE_BYTES_MAX: Final = 1024 * 1024
"""A page has at least one segment, and takes no more once its payloads reach this size."""
GATHER_S: Final = 0.05
"""Pause between learning of a commit and reading it; far below the half second in which consumers flush."""
PAGE_SEGMENTS_MAX: Final = 512

# The sum ends a page before it exceeds its bytes; `octet_length` doesn't read a payload that is stored out of line.
_PAGE: Final = """
    SELECT {columns}, CAST({epoch} AS text) AS epoch
    FROM (
        SELECT {columns},
            sum(octet_length(payload)) OVER (ORDER BY first_position) - octet_length(payload) AS bytes_before
        FROM segment
        WHERE lane = $1 AND first_position > $2
        ORDER BY first_position
        LIMIT $3
    ) AS page
    WHERE bytes_before < $4
    ORDER BY first_position
"""


class FeedReader:
    """Reads the log in one database. There is one per process; its streams share one LISTEN connection and one poll."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        draining: asyncio.Event | None = None,
        owner_columns: tuple[str, ...] = (),
    ) -> None:
        """Serve the feed in `engine`'s database, whose owner added `owner_columns` (of bytes or UUIDs) to its segments.

        Streams and listening end when `draining` is set.
        """
        self._engine = engine
        self._owner_columns = owner_columns
        self._page_query = _PAGE.format(columns=", ".join((*COLUMNS, *owner_columns)), epoch=EPOCH)
        self._history = EpochHistory()
        self._draining = draining or asyncio.Event()
        self._wakeups = FeedWakeups(engine, clock, self._draining)

    def drain(self) -> None:
        """End every stream after what it is sending; consumers continue elsewhere from their cursors."""
        self._draining.set()

    async def aclose(self) -> None:
        """Drain, and wait until the LISTEN connection is closed."""
        self.drain()
        await self._wakeups.aclose()

    async def wait_beyond(self, lane: int, position: int) -> None:
        """Return once a lane is said to reach beyond a position, within milliseconds of a commit, or when draining.

        It is a hint: what is said may be late, or lost with a restore.
        """
        await self._wakeups.wait_beyond(lane, position)

    async def heads(self) -> FeedHeads:
        """Return the log's epoch, where every lane ends now, and what the log shares with its earlier epochs."""
        async with driver_transaction(self._engine) as driver:
            return await self._history.heads(driver)

    async def end(self, lane: int) -> Cursor:
        """Return the end of a lane: a stream from there has only what comes from now on. Raises NotFound."""
        async with driver_transaction(self._engine) as driver:
            query = f"SELECT position, chain, CAST({EPOCH} AS text) AS epoch FROM lane_head WHERE lane = $1"  # noqa: S608
            row = await driver.fetchrow(query, lane)
        if row is None:
            raise NotFound(Reason.LANE_NOT_FOUND, f"the log has no lane {lane}; ask for its heads")
        return Cursor(lane=lane, position=row["position"], chain=row["chain"], epoch=row["epoch"])

    async def stream(self, cursor: Cursor) -> AsyncGenerator[Segment, None]:
        """Yield the segments of `cursor.lane` after `cursor`, then wait for more until drained or closed.

        Raises Diverged if the cursor is not on this log (its epoch or chain differs, or no segment ends there),
        OutOfRange if it lies past the head, NotFound for an unknown lane, and Unavailable if the database is lost
        (continue from the cursor).
        """
        async with transaction(self._engine) as conn:
            cursor = await _verify(conn, cursor)
        while not self._draining.is_set():
            hint = self._wakeups.hint(cursor.lane)
            page = await self._page(cursor)
            for segment in page:
                # What a reader would refuse is not sent: a log that was cut or edited by hand stops here.
                check_payload(segment)
                cursor = follow(cursor, segment)
                yield segment
                if self._draining.is_set():
                    return
            if not page:
                self._wakeups.correct(cursor.lane, hint, cursor.position)
                await self._wakeups.wait_beyond(cursor.lane, cursor.position)
                await self._gather()

    async def _gather(self) -> None:
        """Let a few more commits arrive: if they are many and small, reading each alone costs as much as writing it."""
        await wait_or_stop(GATHER_S, self._draining)

    async def _page(self, cursor: Cursor) -> list[Segment]:
        async with driver_transaction(self._engine) as driver:
            rows = await driver.fetch(self._page_query, cursor.lane, cursor.position, PAGE_SEGMENTS_MAX, PAGE_BYTES_MAX)
        # Of the log as it is now: a stream that began before its epoch was renewed ends here.
        return [segment_of(row, row["epoch"], self._owner_columns) for row in rows]


async def _verify(conn: AsyncConnection, cursor: Cursor) -> Cursor:
    """Return `cursor` with the log's epoch, after proving that it lies on this log."""
    epoch = str((await conn.execute(text(f"SELECT {EPOCH}"))).scalar_one())
    if cursor.epoch == "" and cursor.position > 0:
        raise invalid_field("cursor.epoch", Reason.FIELD_REQUIRED, "needed after position 0; send the segment's epoch")
    if cursor.epoch not in ("", epoch):
        raise Diverged(Reason.FEED_DIVERGED, f"the log's epoch is {epoch}, the cursor's is {cursor.epoch}")
    head = (
        # On the wire a lane has 32 bits without a sign, more than in the table.
        await conn.execute(
            text("SELECT position FROM lane_head WHERE lane = CAST(:lane AS bigint)"), {"lane": cursor.lane}
        )
    ).scalar_one_or_none()
    if head is None:
        raise NotFound(Reason.LANE_NOT_FOUND, f"the log has no lane {cursor.lane}; ask for its heads")
    if cursor.position > head:
        raise OutOfRange(
            Reason.FEED_POSITION_AHEAD,
            f"lane {cursor.lane} ends at {head}, the cursor is at {cursor.position}: the log lost its end; if it was "
            "restored, renew its epoch, and follow the runbook feed-halted",
        )
    if await _chain_at(conn, cursor) != cursor.chain:
        raise Diverged(
            Reason.FEED_DIVERGED,
            f"at position {cursor.position} of lane {cursor.lane} the log's history is not the cursor's; if the log "
            "was restored, let its reader follow it anew: see the runbook feed-halted",
        )
    return Cursor(lane=cursor.lane, position=cursor.position, chain=cursor.chain, epoch=epoch)


async def _chain_at(conn: AsyncConnection, cursor: Cursor) -> bytes | None:
    """Return the chain of the segment that ends at the cursor, or None if none ends there."""
    if cursor.position == 0:
        return CHAIN_START
    found = await conn.execute(
        text(
            """
            SELECT first_position + count - 1 AS last_position, chain FROM segment
            WHERE lane = :lane AND first_position <= :position
            ORDER BY first_position DESC
            LIMIT 1
            """
        ),
        {"lane": cursor.lane, "position": cursor.position},
    )
    row = found.first()
    return bytes(row.chain) if row is not None and row.last_position == cursor.position else None
