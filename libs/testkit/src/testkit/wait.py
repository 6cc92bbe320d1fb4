"""Waiting for a condition, never for a length of time: `eventually` on the event loop, `wait_until` without one."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar, overload

ResultType = TypeVar("ResultType")

LIMIT_S = 10.0
"""How long to wait for a condition by default."""

_FIRST_INTERVAL_S = 0.005
_LONGEST_INTERVAL_S = 0.2


@overload
async def eventually(
    condition: Callable[[], Awaitable[ResultType]], limit_s: float = LIMIT_S, *, what: str | None = None
) -> ResultType: ...


@overload
async def eventually(
    condition: Callable[[], ResultType], limit_s: float = LIMIT_S, *, what: str | None = None
) -> ResultType: ...


async def eventually(
    condition: Callable[[], ResultType | Awaitable[ResultType]],
    limit_s: float = LIMIT_S,
    *,
    what: str | None = None,
) -> ResultType:
    """Return the first true value of `condition`, evaluated again and again for up to `limit_s` seconds.

    A condition that raises AssertionError counts as not yet true, so it may itself assert. Raises AssertionError that
    names `what` was waited for (by default the condition's name) and the last value or failure.
    """
    last = "it was never asked"
    for interval_s in _intervals(limit_s):
        await asyncio.sleep(interval_s)
        try:
            answer = condition()
            value = await answer if inspect.isawaitable(answer) else answer
        except AssertionError as error:
            last = f"last failure: {error}"
        else:
            if value:
                return value
            last = f"last value: {value!r}"
    raise _in_vain(condition, limit_s, what, last)


def wait_until(condition: Callable[[], ResultType], limit_s: float = LIMIT_S, *, what: str | None = None) -> ResultType:
    """Return the first true value of `condition`, as `eventually` does, for tests and scripts without a loop."""
    pause = threading.Event()
    last = "it was never asked"
    for interval_s in _intervals(limit_s):
        pause.wait(interval_s)
        try:
            value = condition()
        except AssertionError as error:
            last = f"last failure: {error}"
        else:
            if value:
                return value
            last = f"last value: {value!r}"
    raise _in_vain(condition, limit_s, what, last)


def _intervals(limit_s: float) -> Iterator[float]:
    """Yield how long to pause before each check: at first not at all, then ever longer, until the time is over."""
    deadline_s = time.monotonic() + limit_s
    yield 0.0
    interval_s = _FIRST_INTERVAL_S
    while time.monotonic() < deadline_s:
        yield interval_s
        interval_s = min(interval_s * 2, _LONGEST_INTERVAL_S)


def _in_vain(condition: object, limit_s: float, what: str | None, last: str) -> AssertionError:
    name = what or getattr(condition, "__qualname__", repr(condition))
    return AssertionError(f"not true within {limit_s} s: {name}; {last}")
