"""Time as a dependency: code that needs the time or a pause takes a Clock, so that a test can supply its own."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """Return the current time, aware and in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds on a clock that never jumps; only differences between two readings have a meaning."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Pause the calling task for `seconds`."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the current time, aware and in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds on a clock that never jumps; only differences between two readings have a meaning."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Pause the calling task for `seconds`."""
        await asyncio.sleep(seconds)
