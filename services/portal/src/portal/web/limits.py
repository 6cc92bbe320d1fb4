"""How much one session may ask: requests a second, and streams at once."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from chassis.errors import Overloaded, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

_BURST_S: Final = 2.0
"""A page asks several questions at once: what was not asked for so long may be asked in one go."""
_ENTRIES_MAX: Final = 20_000


class Limits:
    """Counts the requests and streams of each session, in this process."""

    def __init__(self, requests_per_s: float, streams_max: int) -> None:
        """Allow each session so many requests a second on the average, and so many streams at once."""
        self._per_s = requests_per_s
        self._streams_max = streams_max
        self._room: dict[str, tuple[float, float]] = {}
        """Session -> requests it may still make, and when that was."""
        self._streams: Counter[str] = Counter()

    def begin(self, session_id: str, now_s: float) -> None:
        """Count one request. Raises Overloaded (RATE_LIMITED) if it is one too many."""
        full = self._per_s * _BURST_S
        room, since_s = self._room.pop(session_id, (full, now_s))
        room = min(full, room + (now_s - since_s) * self._per_s)
        if len(self._room) >= _ENTRIES_MAX:
            # The one that asked longest ago stands first, and has its room again by now.
            del self._room[next(iter(self._room))]
        self._room[session_id] = (max(0.0, room - 1.0), now_s)
        if room < 1.0:
            message = f"a session may make {self._per_s:g} requests a second; wait and ask again"
            raise Overloaded(Reason.RATE_LIMITED, message, retry_after_s=1.0)

    @contextmanager
    def stream(self, session_id: str) -> Iterator[None]:
        """Hold one of the session's streams for the block. Raises Overloaded if it has none left."""
        if self._streams[session_id] >= self._streams_max:
            message = f"a session may have {self._streams_max} streams open; close one, and ask again"
            raise Overloaded(Reason.OVERLOADED, message)
        self._streams[session_id] += 1
        try:
            yield
        finally:
            self._streams[session_id] -= 1
            if not self._streams[session_id]:
                del self._streams[session_id]
