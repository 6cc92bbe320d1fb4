"""The one way to wait in a loop that can be told to stop."""

from __future__ import annotations

import asyncio


async def wait_or_stop(seconds: float, stop: asyncio.Event) -> bool:
    """Wait for `seconds`, or less if `stop` is set meanwhile; return whether it is set."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def first_of(stop: asyncio.Event, *events: asyncio.Event, timeout_s: float | None = None) -> bool:
    """Wait until one of `events` or `stop` is set, or `timeout_s` is over; return whether `stop` is set."""
    if stop.is_set() or any(event.is_set() for event in events):
        return stop.is_set()
    waits = [asyncio.ensure_future(event.wait()) for event in (stop, *events)]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return stop.is_set()
