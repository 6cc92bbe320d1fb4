"""Reads all lanes of a source at the same time, checks each segment, and hands them over in batches.

Reading continues while a batch is applied. If the neighbor is unavailable, the intake waits for it. A segment that
breaks the feed's laws ends the reading of all lanes; the segments that passed the checks are still handed over. A
stream that has gone silent although there is more is given up for a new one.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from chassis.errors import MeterlineError
from chassis.logs import get_logger
from eventlog.feed.buffer import SegmentBuffer
from eventlog.feed.cursor import Cursor, check_payload, follow
from eventlog.feed.source import Backoff, may_pass

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Mapping
    from datetime import datetime
    from types import TracebackType

    from chassis.clock import Clock
    from eventlog.feed.cursor import FeedHeads, Segment
    from eventlog.feed.progress import FeedProgress
    from eventlog.feed.source import FeedSource

HEADS_INTERVAL_S: Final = 2.0
"""How often the source is asked where it ends: for the lag, for new lanes, and to notice a changed epoch."""
SILENT_LOOKS_FIRST: Final = 5
"""After so many looks that found nothing new of a lane with more, it is read anew; then after twice as many."""
LINGER_S: Final = 0.02
"""After an idle time, a batch waits only this long for more segments, so that it is applied almost at once."""

_log = get_logger(__name__)


class LanesChanged(Exception):
    """The source has lanes that nobody reads yet."""


class LogRenewed(Exception):
    """The source has another epoch than the one that is being read."""


class FeedIntake:
    """Follows `source` from `cursors` until closed, or until every lane of `until` has reached its position."""

    def __init__(  # noqa: PLR0913 - wiring, by keyword
        self,
        source: FeedSource,
        cursors: Mapping[int, Cursor],
        *,
        until: Mapping[int, int] | None,
        known: Collection[int],
        stop: asyncio.Event,
        buffer_bytes_max: int,
        progress: FeedProgress,
        clock: Clock,
    ) -> None:
        """Prepare; entering the context starts one reader per lane. Lanes that are not `known` end the reading."""
        self._source = source
        self._known = frozenset(known)
        self._cursors = cursors
        self._until = until
        self._stop = stop
        self._progress = progress
        self._clock = clock
        self._buffer = SegmentBuffer(buffer_bytes_max)
        self._failure: BaseException | None = None
        self._readers: set[asyncio.Task[None]] = set()
        self._lanes = {lane: _Lane(cursor) for lane, cursor in cursors.items()}
        self._others: set[asyncio.Task[None]] = set()
        self._last_batch_at_s = float("-inf")

    async def __aenter__(self) -> Self:
        """Start reading."""
        for lane in self._lanes.values():
            self._start(lane)
        self._others = {self._spawn(self._watch_stop(), "feed-stop"), self._spawn(self._watch_heads(), "feed-heads")}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop reading and forget what was not handed over; it will be read again from the checkpoints."""
        tasks = self._readers | self._others
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def next_batch(self, *, interval_s: float, events_max: int, bytes_max: int) -> list[Segment]:
        """Return the next segments in the order of each lane; empty if no more will come (see `raise_failure`).

        A batch closes when it is full, or `interval_s` after the previous one, but at the latest `interval_s` after its
        first segment.
        """
        while not len(self._buffer):
            if self._ended():
                return []
            await self._buffer.changed()
        now_s = asyncio.get_running_loop().time()
        closes_at_s = max(now_s + min(LINGER_S, interval_s), self._last_batch_at_s + interval_s)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(closes_at_s):
                while not (self._ended() or self._is_full(events_max, bytes_max)):
                    await self._buffer.changed()
        self._last_batch_at_s = asyncio.get_running_loop().time()
        return [] if self._stop.is_set() else self._buffer.take(events_max=events_max, bytes_max=bytes_max)

    def raise_failure(self) -> None:
        """Raise the error that ended the reading, if it did not end normally."""
        if self._failure is not None:
            raise self._failure

    def _is_full(self, events_max: int, bytes_max: int) -> bool:
        buffer = self._buffer
        return buffer.blocked > 0 or buffer.events_held >= events_max or buffer.bytes_held >= bytes_max

    def _ended(self) -> bool:
        return self._stop.is_set() or self._failure is not None or not self._readers

    def _start(self, lane: _Lane) -> None:
        lane.reader = self._spawn(self._read_lane(lane), f"feed-lane-{lane.reached.lane}")
        self._readers.add(lane.reader)

    def _spawn(self, run: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(run, name=name)
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._readers.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and self._failure is None:
            self._failure = error
            for reader in self._readers:
                reader.cancel()
        self._buffer.notify()

    async def _read_lane(self, lane: _Lane) -> None:
        backoff = Backoff()
        while not self._is_reached(lane.reached):
            try:
                await self._read_stream(lane, backoff)
            except _StreamLost as lost:
                at = lane.reached
                _log.warning("feed.source_lost", lane=at.lane, position=at.position, reason=lost.error.reason)
            if not self._is_reached(lane.reached):
                await self._clock.sleep(backoff.next_s())

    async def _read_stream(self, lane: _Lane, backoff: Backoff) -> None:
        """Read one stream to its end; on an error that may pass, raise _StreamLost."""
        segments = self._source.read(lane.reached)
        try:
            async for segment in segments:
                check_payload(segment)
                cursor = follow(lane.reached, segment)
                self._check_end(cursor)
                backoff.reset()
                self._progress.arrived(segment)
                await self._buffer.put(segment)
                lane.reached = cursor
                if self._is_reached(cursor):
                    break
        except MeterlineError as error:
            if not may_pass(error):
                raise
            raise _StreamLost(error) from error
        finally:
            # A generator that is abandoned half-way keeps its call open until it is garbage-collected.
            aclose = getattr(segments, "aclose", None)
            if aclose is not None:
                await aclose()

    def _is_reached(self, cursor: Cursor) -> bool:
        # Another instance with a later end may have gone beyond ours.
        return self._until is not None and cursor.position >= self._until.get(cursor.lane, 0)

    def _check_end(self, cursor: Cursor) -> None:
        end = cursor.position if self._until is None else self._until.get(cursor.lane, 0)
        if cursor.position > end:
            raise ValueError(f"position {end} of lane {cursor.lane} lies inside a segment; pass the end of one")

    async def _watch_stop(self) -> None:
        await self._stop.wait()
        self._buffer.notify()

    async def _watch_heads(self) -> None:
        while True:
            try:
                asked_at = self._clock.now()
                self._check_heads(await self._source.heads(), asked_at)
            except MeterlineError as error:
                if not may_pass(error):
                    raise
                self._progress.failed(error)
            await self._clock.sleep(HEADS_INTERVAL_S)

    def _check_heads(self, heads: FeedHeads, asked_at: datetime) -> None:
        self._progress.see_heads(heads, asked_at)
        if any(cursor.epoch != heads.epoch for cursor in self._cursors.values()):
            raise LogRenewed
        if self._until is None and heads.positions.keys() - self._known:
            raise LanesChanged
        for lane in self._lanes.values():
            self._look_at(lane, heads)

    def _look_at(self, lane: _Lane, heads: FeedHeads) -> None:
        """Read a lane anew whose stream is silent: a connection may seem to live and bring nothing any more."""
        reached = lane.reached
        if reached != lane.seen_at:
            lane.seen_at, lane.silent_looks, lane.patience = reached, 0, SILENT_LOOKS_FIRST
        has_more = heads.positions.get(reached.lane, 0) > reached.position and not self._is_reached(reached)
        lane.silent_looks = lane.silent_looks + 1 if has_more and not self._buffer.blocked else 0
        if lane.silent_looks > lane.patience and lane.reader is not None and not lane.reader.done():
            _log.warning("feed.stream_silent", lane=reached.lane, position=reached.position)
            # It may have been slow only: the next one gets more time.
            lane.silent_looks, lane.patience = 0, 2 * lane.patience
            # This one hands over nothing from here on, and the new one begins where it ended.
            lane.reader.cancel()
            self._start(lane)


@dataclass(eq=False, slots=True)
class _Lane:
    """A lane that is read: up to where all is handed over, and how long nothing came although there is more."""

    reached: Cursor
    reader: asyncio.Task[None] | None = None
    seen_at: Cursor | None = None
    silent_looks: int = 0
    patience: int = SILENT_LOOKS_FIRST


class _StreamLost(Exception):
    """A stream ended with an error that may pass."""

    def __init__(self, error: MeterlineError) -> None:
        super().__init__(str(error))
        self.error = error
