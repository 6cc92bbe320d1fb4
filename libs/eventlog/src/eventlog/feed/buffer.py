"""Segments on their way from the lanes' readers to the consumer: bounded by bytes, handed over in batches."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eventlog.feed.cursor import Segment


class SegmentBuffer:
    """A queue with back-pressure: `put` waits while the queue holds `bytes_max`; one segment always fits."""

    def __init__(self, bytes_max: int) -> None:
        """Hold at most `bytes_max` of payload, except that one segment always fits."""
        self._bytes_max = bytes_max
        self._segments: deque[Segment] = deque()
        self._changed = asyncio.Event()
        self.bytes_held = 0
        self.events_held = 0
        self.blocked = 0
        """How many `put` calls are waiting for room."""

    def __len__(self) -> int:
        return len(self._segments)

    async def put(self, segment: Segment) -> None:
        """Add `segment` behind the others, once there is room."""
        while self._segments and self.bytes_held + len(segment.payload) > self._bytes_max:
            self.blocked += 1
            try:
                self.notify()
                await self.changed()
            finally:
                self.blocked -= 1
        self._segments.append(segment)
        self._count(segment, 1)

    def take(self, *, events_max: int, bytes_max: int) -> list[Segment]:
        """Remove and return the oldest segments: one if there is any, and then as many as fit within both limits."""
        taken: list[Segment] = []
        events, size = 0, 0
        while self._segments:
            segment = self._segments[0]
            events += segment.count
            size += len(segment.payload)
            if taken and (events > events_max or size > bytes_max):
                break
            taken.append(self._segments.popleft())
            self._count(segment, -1)
        return taken

    async def changed(self) -> None:
        """Wait until something is put, taken or announced."""
        event = self._changed
        await event.wait()

    def notify(self) -> None:
        """Wake everybody who waits for a change."""
        event, self._changed = self._changed, asyncio.Event()
        event.set()

    def _count(self, segment: Segment, sign: int) -> None:
        self.bytes_held += sign * len(segment.payload)
        self.events_held += sign * segment.count
        self.notify()
