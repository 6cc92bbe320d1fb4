"""UUIDv7 event ids (RFC 9562): unique without coordination, and time-ordered, which keeps the log's key index cheap."""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from typing import Final

_COUNTER_BITS: Final = 12
_RANDOM_BITS: Final = 62
_lock = threading.Lock()
_last_tick = 0


def uuid7() -> str:
    """Make a UUIDv7 as text; ids of one process ascend, also within a millisecond."""
    return str(uuid.UUID(int=_as_integer(_next_tick(time.time_ns()))))


def _next_tick(now_ns: int) -> int:
    # A tick is 1/4096 of a millisecond: RFC 9562 §6.2 method 3, sub-millisecond time in the 12 bits after the version.
    # When the clock stands still or steps back, the next free tick is taken instead.
    global _last_tick  # noqa: PLW0603 - one sequence a process is the point
    milliseconds, rest_ns = divmod(now_ns, 1_000_000)
    tick = (milliseconds << _COUNTER_BITS) | (rest_ns << _COUNTER_BITS) // 1_000_000
    with _lock:
        _last_tick = max(tick, _last_tick + 1)
        return _last_tick


def _as_integer(tick: int) -> int:
    milliseconds, fraction = divmod(tick, 1 << _COUNTER_BITS)
    return (
        (milliseconds & ((1 << 48) - 1)) << 80
        | 0x7 << 76
        | fraction << 64
        | 0b10 << 62
        | secrets.randbits(_RANDOM_BITS)
    )
