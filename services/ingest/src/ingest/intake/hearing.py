"""Keeps note of which sources were heard of and what came of them: in memory at once, written every few seconds.

A killed process loses the notes of its last seconds. Numbers of events are not noted here: they are written before the
batch is acknowledged.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from chassis.errors import MeterlineError
from chassis.logs import get_logger
from chassis.postgres import driver_transaction
from chassis.tasks import wait_or_stop
from ingest.domain.completeness import REST, Heard, HeardKey, SourceTally, tally_sources, within_sources
from ingest.domain.text import shown
from ingest.store import completeness as store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from sqlalchemy.ext.asyncio import AsyncEngine

    from chassis.clock import Clock
    from eventlog.columns import EventColumns
    from ingest.domain.reports import Verdicts

_log = get_logger(__name__)

_WRITE_EVERY_S: Final = 5.0
_FORGET_EVERY_S: Final = 3600.0
_WAITING_MAX: Final = 50_000
"""Sources that wait in memory; what goes beyond is counted as the rest of its tenant."""


class SourceNotes:
    """What came of sources and is not in the database yet, and the loop that writes it."""

    def __init__(self, engine: AsyncEngine, clock: Clock, kept_days: int) -> None:
        """Keep what came for `kept_days`."""
        self._engine = engine
        self._clock = clock
        self._kept_days = kept_days
        self._turn = asyncio.Lock()
        self._heard: dict[HeardKey, Heard] = {}

    def note(self, tenant: str, batch: EventColumns, verdicts: Verdicts) -> None:
        """Note what became of the events of a batch."""
        for source, tally in tally_sources(batch, verdicts).items():
            self._add(tenant, shown(source), tally)

    def note_alive(self, tenant: str, sources: Iterable[str]) -> None:
        """Note that sources said something, without events."""
        for source in sources:
            self._add(tenant, source, SourceTally())

    def today(self) -> date:
        """Return the day in UTC."""
        return self._clock.now().astimezone(UTC).date()

    def _add(self, tenant: str, source: str, tally: SourceTally) -> None:
        now = self._clock.now()
        key = HeardKey(tenant, source, now.astimezone(UTC).date())
        if key not in self._heard and len(self._heard) >= _WAITING_MAX:
            key = HeardKey(tenant, REST, key.day)
        heard = Heard(tally, now)
        known = self._heard.get(key)
        self._heard[key] = heard if known is None else known.plus(heard)

    async def write(self) -> None:
        """Write all that was noted before the call. What can't be written waits on. Raises what the database raises."""
        async with self._turn:
            heard, self._heard = self._heard, {}
            if not heard:
                return
            try:
                async with driver_transaction(self._engine) as driver:
                    await self._write(driver, heard)
            except BaseException:
                newer, self._heard = self._heard, heard
                for key, more in newer.items():
                    self._heard[key] = self._heard[key].plus(more) if key in self._heard else more
                raise

    async def _write(self, driver: object, heard: dict[HeardKey, Heard]) -> None:
        stored = await store.sources_of_days(driver, heard)
        known = {key: heard[key] for key in heard.keys() & stored}
        new = {key: heard[key] for key in heard.keys() - stored}
        kept = within_sources(new, Counter((key.tenant, key.day) for key in stored))
        for key, more in kept.items():
            known[key] = known[key].plus(more) if key in known else more
        await store.add_heard(driver, known)

    async def run(self, stop: asyncio.Event) -> None:
        """Write what waits every few seconds and at the end, and forget what is old every hour."""
        forget_at_s = self._clock.monotonic_s()
        failing = False
        while True:
            stopped = await wait_or_stop(_WRITE_EVERY_S, stop, self._clock.sleep)
            try:
                await self.write()
                if self._clock.monotonic_s() >= forget_at_s:
                    async with driver_transaction(self._engine) as driver:
                        await store.forget_heard_before(driver, self.today() - timedelta(days=self._kept_days))
                    forget_at_s = self._clock.monotonic_s() + _FORGET_EVERY_S
                failing = False
            except MeterlineError as error:
                if not failing or stopped:
                    _log.warning("sources.not_written", lost=stopped, error=error.message)
                failing = True
            if stopped:
                return
