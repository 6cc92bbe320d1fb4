"""The only ways to wait in a loop that can be told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any


async def wait_or_stop(
    seconds: float, stop: asyncio.Event, sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep
) -> bool:
    """Wait for `seconds`, or less if `stop` is set meanwhile; return whether it is set. `sleep` does the waiting."""
    return await _first(stop, sleep(seconds))


async def first_of(stop: asyncio.Event, wanted: asyncio.Event, limit_s: float | None = None) -> bool:
    """Wait until `wanted` or `stop` is set, or until `limit_s` has passed; return whether `stop` is set."""
    return await _first(stop, wanted.wait(), limit_s)


@asynccontextmanager
async def set_when_any(*events: asyncio.Event) -> AsyncGenerator[asyncio.Event, None]:
    """Yield an event that is set as soon as one of `events` is."""
    over = asyncio.Event()
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    for wait in waits:
        wait.add_done_callback(lambda done: None if done.cancelled() else over.set())
    try:
        yield over
    finally:
        for wait in waits:
            wait.cancel()


async def _first(stop: asyncio.Event, other: Coroutine[Any, Any, Any], limit_s: float | None = None) -> bool:
    waits = (asyncio.ensure_future(other), asyncio.ensure_future(stop.wait()))
    try:
        await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return stop.is_set()
