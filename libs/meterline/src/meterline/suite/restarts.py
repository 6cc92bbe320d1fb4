"""Keeps one process alive: waits for its end and starts it again, sooner or later according to how it fares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from meterline.suite.child import describe_exit
from meterline.suite.errors import SuiteError

BACKOFF_FIRST_S = 0.2
"""Pause before the first restart."""

BACKOFF_LONGEST_S = 5.0
"""The pause doubles up to this."""

HEALTHY_AFTER_S = 30.0
"""A process that has served this long starts again with the first pause."""


class Program(Protocol):
    """A process that can be started again and again."""

    name: str

    @property
    def pid(self) -> int:
        """Process id of the last start."""

    async def start(self) -> None:
        """Start it and wait until it serves; raises SuiteError if it does not."""

    async def wait(self) -> int:
        """Wait for its end and return the exit code, negative for a signal."""


class Backoff:
    """The pause before the next restart."""

    def __init__(self) -> None:
        self._next_s = BACKOFF_FIRST_S

    def after(self, served_s: float) -> float:
        """Return how long to pause after a process that served `served_s` seconds (0: it never did)."""
        if served_s >= HEALTHY_AFTER_S:
            self._next_s = BACKOFF_FIRST_S
        pause_s = self._next_s
        self._next_s = min(self._next_s * 2, BACKOFF_LONGEST_S)
        return pause_s


async def keep(program: Program, tell: Callable[[str], None], on_restarted: Callable[[], None]) -> None:
    """Restart `program`, which has been started, whenever it ends; runs until cancelled."""
    loop = asyncio.get_running_loop()
    backoff = Backoff()
    while True:
        started_s = loop.time()
        exit_code = await program.wait()
        pause_s = backoff.after(loop.time() - started_s)
        tell(f"{program.name} (process {program.pid}) ended with {describe_exit(exit_code)}; again in {pause_s:g} s")
        while True:
            await asyncio.sleep(pause_s)
            try:
                await program.start()
            except SuiteError as error:
                pause_s = backoff.after(0)
                tell(f"{error}; again in {pause_s:g} s")
            else:
                break
        tell(f"{program.name} is back (process {program.pid})")
        on_restarted()
