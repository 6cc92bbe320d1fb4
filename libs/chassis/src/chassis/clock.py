"""Time as a dependency: whatever needs now, a timer or a pause is given a Clock, so that a test can be the clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """Return the present instant, aware and in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds on a clock that never jumps; only differences have a meaning."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Pause the calling task for `seconds`."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present instant, aware and in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds on a clock that never jumps; only differences have a meaning."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Pause the calling task for `seconds`."""
        await asyncio.sleep(seconds)
