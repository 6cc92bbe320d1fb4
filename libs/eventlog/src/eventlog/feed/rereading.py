"""Reading a part of a log once more, from any place on, with the same proofs as whoever follows it."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from chassis.errors import MeterlineError
from eventlog.feed.cursor import Cursor, check_payload, follow
from eventlog.feed.source import Backoff, may_pass

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from chassis.clock import Clock
    from eventlog.feed.cursor import Segment
    from eventlog.feed.source import FeedSource

_ATTEMPTS: Final = 6
"""So often in a row a log that is away is asked, which takes a few seconds."""


async def reread(
    source: FeedSource, cursors: dict[int, Cursor], until: Mapping[int, int], clock: Clock
) -> AsyncGenerator[Segment, None]:
    """Yield the segments from `cursors` to the positions `until`, lane after lane, and move the cursors along.

    The ends must be ends of segments, as checkpoints are. Raises Diverged, and other MeterlineErrors where a log stays
    away.
    """
    for lane, end in sorted(until.items()):
        backoff, attempts = Backoff(), 0
        while cursors[lane].position < end:
            before = cursors[lane]
            try:
                stream: Any = source.read(before)
                async with aclosing(stream):
                    async for segment in stream:
                        check_payload(segment)
                        cursors[lane] = follow(cursors[lane], segment)
                        yield segment
                        if cursors[lane].position >= end:
                            break
            except MeterlineError as error:
                attempts = 0 if cursors[lane] != before else attempts + 1
                if not may_pass(error) or attempts >= _ATTEMPTS:
                    raise
                await clock.sleep(backoff.next_s())


def starts_of(until: Mapping[int, int], epoch: str) -> dict[int, Cursor]:
    """Return the start of each lane."""
    return {lane: Cursor.start(lane, epoch) for lane in until}
