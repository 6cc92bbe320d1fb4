"""Waiting for a condition, never for a length of time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

ResultType = TypeVar("ResultType")

LIMIT_S = 10.0
"""How long a condition is waited for when the caller does not say."""

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
    """Return the first true value of `condition`, asked again and again up to `limit_s` seconds.

    A condition that raises AssertionError counts as not yet true, so it may itself assert. Raises AssertionError that
    names `what` was waited for (by default the condition's name) and the last value or failure.
    """
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + limit_s
    interval_s = _FIRST_INTERVAL_S
    while True:
        failure: AssertionError | None = None
        try:
            answer = condition()
            value = await answer if inspect.isawaitable(answer) else answer
        except AssertionError as error:
            failure = error
        else:
            if value:
                return value
        if loop.time() >= deadline_s:
            last = f"last failure: {failure}" if failure else f"last value: {value!r}"
            name = what or getattr(condition, "__qualname__", repr(condition))
            raise AssertionError(f"not true within {limit_s} s: {name}; {last}") from failure
        await asyncio.sleep(interval_s)
        interval_s = min(interval_s * 2, _LONGEST_INTERVAL_S)
