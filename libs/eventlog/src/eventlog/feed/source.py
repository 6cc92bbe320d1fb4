"""Where a consumer reads from, and how it bears with a neighbour that is away for a while."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, Protocol

from chassis.errors import (
    Conflict,
    DeadlineExceeded,
    Internal,
    MeterlineError,
    NotReady,
    Overloaded,
    Unauthenticated,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from eventlog.feed.cursor import Cursor, FeedHeads, Segment

# What may pass without anybody's doing, or with an operator's doing elsewhere (a token renewed, a service upgraded).
_PASSING: Final = (Conflict, DeadlineExceeded, Internal, NotReady, Overloaded, Unauthenticated, Unavailable)


class FeedSource(Protocol):
    """A log that can be followed; `eventlog.feed.wire.GrpcFeedSource` is a neighbour's."""

    async def heads(self) -> FeedHeads:
        """Return the log's epoch and where every lane ends now."""
        ...

    def read(self, cursor: Cursor) -> AsyncIterator[Segment]:
        """Return the segments after `cursor`; the iteration may end at any time and is then begun again.

        Raises Diverged or OutOfRange where the cursor is not on the log, and other MeterlineErrors.
        """
        ...


def may_pass(error: MeterlineError) -> bool:
    """Return whether it makes sense to try again later without anything being changed here."""
    return isinstance(error, _PASSING)


class Backoff:
    """Growing pauses with jitter: many that lost the same neighbour must not come back at the same moment."""

    def __init__(self, first_s: float = 0.1, longest_s: float = 10.0) -> None:
        """Begin at `first_s` and double up to `longest_s`."""
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s

    def next_s(self) -> float:
        """Return the seconds to pause now."""
        pause_s = self._next_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self._next_s = min(self._longest_s, self._next_s * 2)
        return pause_s

    def reset(self) -> None:
        """Begin again with the first pause, after something went well."""
        self._next_s = self._first_s
