"""Several pieces of work at once, and their common end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence


async def all_of(works: Iterable[Coroutine[None, None, None]]) -> None:
    """Do all at once; the first failure ends the others and is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        await cancel(tasks)


async def cancel(tasks: Sequence[asyncio.Task[object]]) -> None:
    """Cancel the tasks and wait until all have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
