"""Background work: serves the pages, looks at usage that is watched, and forgets sessions that are over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from chassis.loops import Loop
from chassis.tasks import wait_or_stop
from portal.operations.sessions import forget_sessions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from portal.operations.changes import Changes
    from portal.operations.deps import Deps

_FORGET_EVERY_S: Final = 3600.0


class Forgetter:
    """Deletes sessions that ended long ago, again and again."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def run(self, stop: asyncio.Event) -> None:
        """Forget until told to stop."""
        while not stop.is_set():
            await forget_sessions(self._deps)
            await wait_or_stop(_FORGET_EVERY_S, stop, self._deps.clock.sleep)


def loops(deps: Deps, changes: Changes, serve: Callable[[asyncio.Event], Awaitable[None]]) -> tuple[Loop, ...]:
    """Return the background loops of the service; `serve` serves its pages."""
    return (
        Loop("serve pages", serve),
        Loop("look at watched usage", changes.run),
        Loop("forget sessions", Forgetter(deps).run),
    )
