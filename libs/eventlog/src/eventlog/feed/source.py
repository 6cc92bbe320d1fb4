"""Where a consumer reads from, and how it copes with a neighbor that is unavailable for a while."""

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

# Errors that may pass by themselves, or after an operator acts elsewhere (renews a token, upgrades a service).
_PASSING: Final = (Conflict, DeadlineExceeded, Internal, NotReady, Overloaded, Unauthenticated, Unavailable)


class FeedSource(Protocol):
    """A log that can be followed; `eventlog.feed.wire.GrpcFeedSource` follows that of a neighbor."""

    async def heads(self) -> FeedHeads:
        """Return the log's epoch and where every lane ends now."""
        ...

    def read(self, cursor: Cursor) -> AsyncIterator[Segment]:
        """Return the segments after `cursor`. The iteration may end at any time and is then started again.

        Raises Diverged or OutOfRange if the cursor is not on the log, and other MeterlineErrors.
        """
        ...


def may_pass(error: MeterlineError) -> bool:
    """Return whether it makes sense to try again later without changing anything here."""
    return isinstance(error, _PASSING)


class Backoff:
    """Growing pauses with jitter, so that many who lost the same neighbor don't all come back at the same moment."""

    def __init__(self, first_s: float = 0.1, longest_s: float = 10.0) -> None:
        """Start at `first_s`, and double each time up to `longest_s`."""
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s

    def next_s(self) -> float:
        """Return the seconds to pause now."""
        pause_s = self._next_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self._next_s = min(self._longest_s, self._next_s * 2)
        return pause_s

    def reset(self) -> None:
        """Return to the first pause, after a success."""
        self._next_s = self._first_s
