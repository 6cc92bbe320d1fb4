"""Work that would hold up the event loop, done in a thread beside it, in turns.

One thread for each kind of work: several would only take the interpreter from each other, and from the loop. Owners
take turns: what one has much of makes another wait for one piece of it, not for all.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from chassis.garbage import search_rarely

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Hashable

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_SWITCH_S: Final = 0.001


def let_the_loop_go_first() -> None:
    """Let nothing hold up the event loop for long: no thread, and no search for garbage."""
    # Python's own 5 ms are waited for at every answer of the database, each time the loop wakes up.
    sys.setswitchinterval(_SWITCH_S)
    search_rarely()


class Aside:
    """One thread, and those who wait for it."""

    def __init__(self, name: str) -> None:
        """Start the thread, of the given `name`, when there is work."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._is_busy = False
        # By owner; the one whose turn is next comes first.
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    async def run(
        self, owner: Hashable, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Do `work` when it is the turn of `owner`, and return or raise what it does."""
        async with self._turn(owner):
            return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *args, **kwargs))

    @asynccontextmanager
    async def _turn(self, owner: Hashable) -> AsyncIterator[None]:
        if self._is_busy:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(owner, deque()).append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if not turn.cancelled():
                    self._pass_on()
                raise
        self._is_busy = True
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        """Give the thread to the next who still wants it; it stays busy meanwhile."""
        while self._waiting:
            owner = next(iter(self._waiting))
            turns = self._waiting.pop(owner)
            turn = turns.popleft()
            if turns:
                self._waiting[owner] = turns
            if not turn.done():
                turn.set_result(None)
                return
        self._is_busy = False
