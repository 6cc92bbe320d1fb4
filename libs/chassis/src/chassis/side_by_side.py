"""Asking many questions at once, a few at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Given = TypeVar("Given")
Result = TypeVar("Result")

# A neighbor answers each from its own store; more at once would only queue there.
AT_ONCE: Final = 8


async def each(
    ask: Callable[[Given], Awaitable[Result]], questions: Sequence[Given], at_once: int = AT_ONCE
) -> list[Result]:
    """Ask side by side, `at_once` at a time, and return the answers in order; the first failure ends all."""
    free = asyncio.Semaphore(at_once)

    async def bounded(question: Given) -> Result:
        async with free:
            return await ask(question)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(bounded(question)) for question in questions]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]
