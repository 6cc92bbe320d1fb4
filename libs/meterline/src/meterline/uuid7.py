"""UUIDv7 event ids (RFC 9562): unique without coordination, and time-ordered, which keeps the log's key index cheap."""

from __future__ import annotations

import os
import threading
import time
from typing import Final

_COUNTER_BITS: Final = 12
_COUNTER_MASK: Final = (1 << _COUNTER_BITS) - 1
_TAIL_HEX: Final = 16
_TAILS_AT_ONCE: Final = 256
# The two highest bits of the last part say which kind of UUID it is: 10.
_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class _Sequence:
    """The ids of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_tick = 0
        self._tails: list[str] = []

    def next_id(self) -> str:
        # A tick is 1/4096 of a millisecond: RFC 9562 §6.2 method 3, sub-millisecond time in the 12 bits after the
        # version. When the clock stands still or steps back, the next free tick is taken instead.
        milliseconds, rest_ns = divmod(time.time_ns(), 1_000_000)
        tick = (milliseconds << _COUNTER_BITS) | (rest_ns << _COUNTER_BITS) // 1_000_000
        with self._lock:
            if tick <= self._last_tick:
                tick = self._last_tick + 1
            self._last_tick = tick
            if not self._tails:
                self._tails = _random_tails()
            tail = self._tails.pop()
        head = f"{tick >> _COUNTER_BITS:012x}"
        return f"{head[:8]}-{head[8:]}-7{tick & _COUNTER_MASK:03x}-{tail}"


def _random_tails() -> list[str]:
    """Make the random last 8 bytes of many ids at once: asking the system each time would take longer than the rest."""
    digits = os.urandom(_TAILS_AT_ONCE * _TAIL_HEX // 2).hex()
    return [
        f"{_VARIANT[digits[at]]}{digits[at + 1 : at + 4]}-{digits[at + 4 : at + _TAIL_HEX]}"
        for at in range(0, len(digits), _TAIL_HEX)
    ]


_sequence = _Sequence()


def _start_anew() -> None:
    # A forked child must not go on with its parent's random bytes, nor wait for a lock that no thread of its holds.
    global _sequence  # noqa: PLW0603 - one sequence a process is the point
    _sequence = _Sequence()


os.register_at_fork(after_in_child=_start_anew)


def uuid7() -> str:
    """Make a UUIDv7 as text; ids of one process ascend, also within a millisecond and when the clock steps back."""
    return _sequence.next_id()
