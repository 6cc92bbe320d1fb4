"""A clock that moves only when a test says so."""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)
"""The time that a fake clock shows at first."""


class FakeClock:
    """Implements `chassis.clock.Clock`: `sleep` returns once a test has advanced the clock far enough."""

    def __init__(self, start: datetime = START) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware time")
        self._start = start.astimezone(UTC)
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._sleeps = 0

    def now(self) -> datetime:
        """Return the time that the clock shows, aware and in UTC."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic_s(self) -> float:
        """Return the seconds since the clock was created."""
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been advanced by `seconds`; for 0, only let other tasks run."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleeps += 1
        heapq.heappush(self._sleepers, (self._elapsed_s + seconds, self._sleeps, woken))
        await woken

    @property
    def sleepers(self) -> int:
        """How many tasks wait on this clock. Wait for them before `advance`, or their sleep starts too late."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    def advance(self, seconds: float) -> None:
        """Move the clock forward and wake every sleeper whose time has come."""
        if seconds < 0:
            raise ValueError("a clock does not run backwards")
        self._elapsed_s += seconds
        while self._sleepers and self._sleepers[0][0] <= self._elapsed_s:
            _, _, woken = heapq.heappop(self._sleepers)
            # A cancelled sleeper has left its future behind.
            if not woken.done():
                woken.set_result(None)

    def move_to(self, moment: datetime) -> None:
        """Move the clock forward to `moment`."""
        self.advance((moment - self.now()).total_seconds())
