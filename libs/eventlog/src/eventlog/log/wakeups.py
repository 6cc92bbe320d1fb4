"""Tells the streams of a process that a lane has grown: one LISTEN connection for all of them, one poll behind it.

Notifications are hints that may be lost (a reconnect, a full queue), so the heads are also read once a second. What is
served always comes from the tables.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from chassis.logs import get_logger
from chassis.postgres import transaction, translate
from chassis.tasks import wait_or_stop
from eventlog.log.writer import CHANNEL

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from chassis.clock import Clock

POLL_S: Final = 1.0
RECONNECT_MAX_S: Final = 5.0

_log = get_logger(__name__)


class FeedWakeups:
    """Knows, by hearsay, where each lane ends. Starts with the first waiter, ends with `draining` or `aclose`."""

    def __init__(self, engine: AsyncEngine, clock: Clock, draining: asyncio.Event) -> None:
        """Watch the feed of `engine`'s database; every waiter returns when `draining` is set."""
        self._engine = engine
        self._clock = clock
        self._draining = draining
        self._heads: dict[int, int] = {}
        self._waiters: dict[int, set[asyncio.Future[None]]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def wait_beyond(self, lane: int, position: int) -> None:
        """Return when `lane` is said to reach beyond `position`, or on drain. At once if that is known already."""
        self._start()
        if self.hint(lane) > position or self._draining.is_set():
            return
        waiter = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(lane, set())
        waiters.add(waiter)
        try:
            await waiter
        finally:
            waiters.discard(waiter)

    def hint(self, lane: int) -> int:
        """Return where `lane` is said to end; take it before reading the tables, for `correct`."""
        return self._heads.get(lane, 0)

    def correct(self, lane: int, hint: int, position: int) -> None:
        """Say that the tables, read after `hint`, held nothing beyond `position`, so that it is not believed again.

        A hint that came in the meantime stands: it tells of a commit that the reading was too early for.
        """
        if self.hint(lane) == hint:
            self._heads[lane] = position

    async def aclose(self) -> None:
        """Stop listening and polling."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    def _start(self) -> None:
        if not self._tasks:
            loop = asyncio.get_running_loop()
            runs = (self._listen_for_ever(), self._poll_for_ever(), self._wake_on_drain())
            self._tasks = [loop.create_task(run, name="feed-wakeups") for run in runs]

    def _learn(self, lane: int, position: int) -> None:
        if position != self._heads.get(lane):
            self._heads[lane] = position
            self._wake(lane)

    def _wake(self, lane: int) -> None:
        for waiter in self._waiters.get(lane, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def _wake_on_drain(self) -> None:
        await self._draining.wait()
        for lane in self._waiters:
            self._wake(lane)
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()

    async def _poll_for_ever(self) -> None:
        while True:
            try:
                async with transaction(self._engine) as conn:
                    rows = (await conn.execute(text("SELECT lane, position FROM lane_head"))).all()
            except Exception as error:  # noqa: BLE001 - streams meet the same error and answer it; hints must not end
                _log.warning("feed.poll_failed", error=str(error))
            else:
                for lane, position in rows:
                    self._learn(lane, position)
            await self._clock.sleep(POLL_S)

    async def _listen_for_ever(self) -> None:
        delay_s = 0.1
        while True:
            try:
                await self._listen()
                delay_s = 0.1
            except Exception as error:  # noqa: BLE001 - the poll stands in until the connection is back
                _log.warning("feed.listen_failed", error=str(translate(error) or error))
            await self._clock.sleep(delay_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            delay_s = min(RECONNECT_MAX_S, delay_s * 2)

    async def _listen(self) -> None:
        """Listen on a connection of its own, taken out of the pool, until it is lost."""
        lost = asyncio.Event()
        async with self._engine.connect() as conn:
            await conn.execution_options(isolation_level="AUTOCOMMIT")
            driver: Any = (await conn.get_raw_connection()).driver_connection
            await conn.run_sync(lambda sync_conn: sync_conn.detach())
            driver.add_termination_listener(lambda _: lost.set())
            await driver.add_listener(CHANNEL, self._on_notify)
            while not lost.is_set():
                await self._heartbeat(driver, lost)

    async def _heartbeat(self, driver: Any, lost: asyncio.Event) -> None:
        if not await wait_or_stop(30.0, lost):
            # A network that died without a word is noticed by asking.
            await driver.execute("SELECT 1")

    def _on_notify(self, _driver: object, _pid: int, _channel: str, payload: str) -> None:
        lane, _, position = payload.partition(":")
        if lane.isdecimal() and position.isdecimal():
            self._learn(int(lane), int(position))
