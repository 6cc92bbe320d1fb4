"""The ways to wait in a loop that can be told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


async def wait_or_stop(
    seconds: float, stop: asyncio.Event, sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep
) -> bool:
    """Wait for `seconds` of `sleep`, or less if `stop` is set meanwhile; return whether it is set."""
    return await _first(stop, sleep(seconds))


async def first_of(stop: asyncio.Event, wanted: asyncio.Event, limit_s: float | None = None) -> bool:
    """Wait until `wanted` or `stop` is set, or `limit_s` is over; return whether `stop` is set."""
    return await _first(stop, wanted.wait(), limit_s)


async def _first(stop: asyncio.Event, other: Coroutine[Any, Any, Any], limit_s: float | None = None) -> bool:
    waits = (asyncio.ensure_future(other), asyncio.ensure_future(stop.wait()))
    try:
        await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return stop.is_set()
