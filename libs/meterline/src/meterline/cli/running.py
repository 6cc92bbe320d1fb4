"""How a command's own work is run: to its end, or until Ctrl-C or SIGTERM, when it can still clean up."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, TypeVar

from meterline.cli.exits import TerminatedError

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


def run(work: Coroutine[None, None, T]) -> T:
    """Do the work and return its result. Raises TerminatedError after SIGTERM, once it has cleaned up."""

    async def cancellable() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is not None:
            loop.add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        raise TerminatedError from None
