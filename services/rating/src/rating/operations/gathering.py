"""Questions that come while one is under way are put together into the next one: the more come, the fewer are asked."""

from __future__ import annotations

import asyncio
from contextvars import Context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Item = TypeVar("Item")
TOGETHER_MAX: Final = 200


@dataclass(slots=True)
class _Waiting(Generic[Item]):
    """What is asked for next, of one tenant."""

    items: list[Item] = field(default_factory=list)
    task: asyncio.Task[None] | None = None


class Gathering(Generic[Item]):
    """One question at a time of each tenant; who comes alone has it asked at once."""

    def __init__(self) -> None:
        """Nothing is asked yet."""
        self._waiting: dict[str, _Waiting[Item]] = {}
        self._newest: dict[str, asyncio.Task[None]] = {}

    async def ask(self, tenant: str, item: Item, ask: Callable[[Sequence[Item]], Awaitable[None]]) -> None:
        """Return once `ask`, begun after this call, was given the item among others. Raises what it raises.

        It runs in a task of nobody's call, so that it ends with nobody's deadline.
        """
        waiting = self._waiting.get(tenant)
        if waiting is None or waiting.task is None or len(waiting.items) >= TOGETHER_MAX:
            waiting = self._waiting[tenant] = _Waiting()
            work = self._run(tenant, waiting, self._newest.get(tenant), ask)
            waiting.task = self._newest[tenant] = asyncio.create_task(work, context=Context())
        waiting.items.append(item)
        await asyncio.shield(waiting.task)

    async def _run(
        self,
        tenant: str,
        waiting: _Waiting[Item],
        before: asyncio.Task[None] | None,
        ask: Callable[[Sequence[Item]], Awaitable[None]],
    ) -> None:
        try:
            if before is not None:
                await asyncio.wait([before])
            if self._waiting.get(tenant) is waiting:
                del self._waiting[tenant]
            await ask(waiting.items)
        finally:
            if self._newest.get(tenant) is waiting.task:
                del self._newest[tenant]
