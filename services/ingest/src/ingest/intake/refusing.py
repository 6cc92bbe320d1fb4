"""Keeps note of refused events beside the hot path: in memory at once, in the database a second later.

A killed process loses the notes of its last second, of which every caller was told. While the database is away, counts
are kept, under fewer keys when they become many, and of samples the newest.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from chassis.errors import MeterlineError, Reason
from chassis.logs import get_logger
from chassis.postgres import driver_transaction
from chassis.tasks import wait_or_stop
from eventlog.rows import messages_of
from ingest.domain.refusals import (
    SAMPLE_BYTES_MAX,
    SAMPLES_MAX,
    RefusalKey,
    RefusalTally,
    RefusedEvent,
    add_tally,
    within_counts,
)
from ingest.domain.text import shown
from ingest.store import refusals as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncEngine

    from chassis.clock import Clock
    from eventlog.columns import EventColumns, EventRows
    from ingest.domain.reports import Verdicts
    from ingest.intake.submission import Callers

_log = get_logger(__name__)

_WRITE_EVERY_S: Final = 1.0
_FORGET_EVERY_S: Final = 3600.0
_WAITING_COUNTS_MAX: Final = 20_000
"""Keys that wait in memory; with more, they are counted as the database would count them."""


class RefusalNotes:
    """Counts and samples that are not in the database yet, and the loop that writes them."""

    def __init__(self, engine: AsyncEngine, clock: Clock, kept_days: int) -> None:
        """Keep what was refused for `kept_days`."""
        self._engine = engine
        self._clock = clock
        self._kept_days = kept_days
        self._turn = asyncio.Lock()
        self._tallies: dict[RefusalKey, RefusalTally] = {}
        self._samples: dict[tuple[str, str], deque[RefusedEvent]] = {}

    def note(
        self, tenant: str, sent: EventRows | EventColumns, columns: EventColumns, verdicts: Verdicts, callers: Callers
    ) -> None:
        """Note what of a batch was refused or in conflict; `columns` are the events of `sent`, read."""
        conflicts = [(item.index, Reason.ID_CONFLICT, "id", item.id, item.message) for item in verdicts.conflicts]
        refused = [(item.index, item.reason, item.field, item.id, item.message) for item in verdicts.refusals]
        if not (refused or conflicts):
            return
        found = refused + conflicts
        now = self._clock.now()
        rows = np.array([index for index, *_ in found], dtype=np.int64)
        sources, types = columns.sources.texts(rows), columns.types.texts(rows)
        fields = zip(sources, types, [(reason, field) for _, reason, field, *_ in found], strict=True)
        for (source, event_type, (reason, field)), count in Counter(fields).items():
            day = now.astimezone(UTC).date()
            key = RefusalKey(tenant, day, shown(source or ""), shown(event_type or ""), reason.value, field)
            add_tally(self._tallies, key, RefusalTally(count, now, now))
        if len(self._tallies) > _WAITING_COUNTS_MAX:
            self._tallies = within_counts(self._tallies, ())
        self._sample(tenant, sent, columns, found, callers, now)

    def _sample(
        self,
        tenant: str,
        sent: EventRows | EventColumns,
        columns: EventColumns,
        found: Sequence[tuple[int, Reason, str, str, str]],
        callers: Callers,
        now: datetime,
    ) -> None:
        by_reason: dict[Reason, list[tuple[int, Reason, str, str, str]]] = {}
        for item in reversed(found):
            taken = by_reason.setdefault(item[1], [])
            if len(taken) < SAMPLES_MAX:
                taken.append(item)
        for reason, newest in by_reason.items():
            kept = self._samples.setdefault((tenant, reason.value), deque(maxlen=SAMPLES_MAX))
            for index, _, field, event_id, message in reversed(newest):
                (body,) = messages_of(sent, np.array([index], dtype=np.int64))
                row, origin = callers.place_of(index)
                texts = {name: shown(columns.text(name).text(index) or "") for name in ("source", "type", "customer")}
                kept.append(
                    RefusedEvent(
                        tenant=tenant,
                        refused_at=now,
                        index=row,
                        id=event_id,
                        field=field,
                        reason=reason.value,
                        message=message,
                        body=body if len(body) <= SAMPLE_BYTES_MAX else b"",
                        body_bytes=len(body),
                        reported_by="" if origin.reporter is None else origin.reporter.subject,
                        **texts,
                    )
                )

    async def write(self) -> None:
        """Write all that was noted before the call. What can't be written waits on. Raises what the database raises."""
        async with self._turn:
            tallies, self._tallies = self._tallies, {}
            samples, self._samples = self._samples, {}
            if not tallies:
                return
            try:
                async with driver_transaction(self._engine) as driver:
                    await store.wait_for_turn(driver)
                    await store.add_counts(driver, within_counts(tallies, await store.stored_keys(driver, tallies)))
                    await store.add_samples(driver, [sample for kept in samples.values() for sample in kept])
            except BaseException:
                self._take_back(tallies, samples)
                raise

    async def run(self, stop: asyncio.Event) -> None:
        """Write what waits every second and at the end, and forget what is old every hour."""
        forget_at_s = self._clock.monotonic_s()
        failing = False
        while True:
            stopped = await wait_or_stop(_WRITE_EVERY_S, stop, self._clock.sleep)
            try:
                await self.write()
                if self._clock.monotonic_s() >= forget_at_s:
                    await self._forget()
                    forget_at_s = self._clock.monotonic_s() + _FORGET_EVERY_S
                failing = False
            except MeterlineError as error:
                if not failing or stopped:
                    _log.warning("refusals.not_written", lost=stopped, error=error.message)
                failing = True
            if stopped:
                return

    async def _forget(self) -> None:
        oldest = self._clock.now().astimezone(UTC).date() - timedelta(days=self._kept_days)
        async with driver_transaction(self._engine) as driver:
            await store.forget_before(driver, oldest)

    def _take_back(
        self, tallies: dict[RefusalKey, RefusalTally], samples: dict[tuple[str, str], deque[RefusedEvent]]
    ) -> None:
        newer_tallies, self._tallies = self._tallies, tallies
        for key, tally in newer_tallies.items():
            add_tally(self._tallies, key, tally)
        newer_samples, self._samples = self._samples, samples
        for place, kept in newer_samples.items():
            self._samples.setdefault(place, deque(maxlen=SAMPLES_MAX)).extend(kept)
