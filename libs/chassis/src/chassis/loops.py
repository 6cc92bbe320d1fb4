"""Background loops under supervision: a loop that dies is logged, makes the service not ready, and is restarted."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chassis.logs import get_logger
from chassis.tasks import wait_or_stop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

_log = get_logger(__name__)
BACKOFF_MIN_S: Final = 0.5
BACKOFF_MAX_S: Final = 30.0
CANCEL_S: Final = 2.0
"""How long a cancelled loop is waited for."""
STEADY_AFTER_S: Final = 5.0
"""A restarted loop counts as healthy after running this long, so that readiness does not flap with each attempt."""


@dataclass(frozen=True)
class Loop:
    """A loop that runs until its event is set. While it runs, `problem` returns what is wrong, or None."""

    name: str
    run: Callable[[asyncio.Event], Awaitable[None]]
    problem: Callable[[], str | None] = lambda: None


class Supervisor:
    """Runs loops side by side, and restarts each one that ends, with growing delays."""

    def __init__(
        self,
        loops: Sequence[Loop],
        *,
        backoff_min_s: float = BACKOFF_MIN_S,
        steady_after_s: float = STEADY_AFTER_S,
    ) -> None:
        """Supervise `loops`, whose names must differ."""
        self._workers = tuple(loops)
        self._backoff_min_s = backoff_min_s
        self._steady_after_s = steady_after_s
        self._died: dict[str, str] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()

    def start(self) -> None:
        """Start every loop. Needs a running event loop."""
        self._tasks = [asyncio.create_task(self._supervise(loop), name=f"loop {loop.name}") for loop in self._workers]

    def problems(self) -> str | None:
        """Return in one line what is wrong with the loops, or None."""
        found = [f"{name}: {text}" for name, text in self._died.items()]
        for loop in self._workers:
            problem = loop.problem()
            if problem is not None and loop.name not in self._died:
                found.append(f"{loop.name}: {problem}")
        return "; ".join(found) or None

    async def stop(self, grace_s: float) -> None:
        """Tell the loops to end, wait for them up to `grace_s`, and cancel the rest."""
        self._stop.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=grace_s)
        for task in late:
            _log.warning("loop did not end in time and is cancelled", loop=task.get_name())
            task.cancel()
        if late:
            _, stuck = await asyncio.wait(late, timeout=CANCEL_S)
            for task in stuck:
                _log.error("loop does not end although it is cancelled", loop=task.get_name())

    async def _supervise(self, loop: Loop) -> None:
        backoff_s = self._backoff_min_s
        while not self._stop.is_set():
            started_s = time.monotonic()
            steady = asyncio.get_running_loop().call_later(self._steady_after_s, self._died.pop, loop.name, None)
            try:
                await loop.run(self._stop)
                if self._stop.is_set():
                    return
                self._died[loop.name] = "ended by itself"
                _log.error("loop ended by itself; starting it again", loop=loop.name, retry_in_s=backoff_s)
            except Exception as error:  # noqa: BLE001 - whatever ends a loop must be reported, and the loop restarted
                self._died[loop.name] = f"died of {type(error).__name__}"
                _log.exception("loop died; starting it again", loop=loop.name, retry_in_s=backoff_s)
            finally:
                steady.cancel()
            if time.monotonic() - started_s > self._steady_after_s:
                backoff_s = self._backoff_min_s
            if not await wait_or_stop(backoff_s, self._stop):
                backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
