"""The caller's deadline: set once per call, read by everything below it, and passed on a little shorter."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

REMAINING_MIN_S: Final = 0.1
"""A unary call with less time left is refused at once: by the time it is done, nobody would be waiting for it."""
RESERVE_S: Final = 0.02
"""Subtracted for each onward call, so that a callee's time-out can still be reported before our own."""

_deadline_at: ContextVar[float | None] = ContextVar("meterline_deadline_at", default=None)


def set_deadline_s(remaining_s: float | None) -> None:
    """Set the time left (None = no limit) for the rest of this task. For the server, where each call is one task."""
    # The monotonic clock of the process, not the injected one: gRPC measures real time, and so must we.
    _deadline_at.set(None if remaining_s is None else time.monotonic() + remaining_s)


def current_deadline_s() -> float | None:
    """Return the seconds left of the current call (negative when over), or None if there is no limit."""
    deadline_at = _deadline_at.get()
    return None if deadline_at is None else deadline_at - time.monotonic()


@contextmanager
def within_deadline_s(limit_s: float | None) -> Iterator[None]:
    """Limit the block to `limit_s` seconds, or to the time already left if that is less; None = no limit at all.

    Only code that checks the deadline stops at it (onward calls, SQL statements); the block itself is not cancelled.
    """
    remaining_s = current_deadline_s()
    if limit_s is not None and remaining_s is not None:
        limit_s = min(limit_s, remaining_s)
    token = _deadline_at.set(None if limit_s is None else time.monotonic() + limit_s)
    try:
        yield
    finally:
        _deadline_at.reset(token)
