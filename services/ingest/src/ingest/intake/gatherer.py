"""Gathers small calls: those that come at about the same time are checked and written as one batch.

Reading, checking and writing one event costs nearly as much as doing it for a hundred; so a call with few events waits
for those beside it. Where calls come one by one none waits, and nobody is answered before COMMIT.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np

from chassis.errors import DeadlineExceeded, InvalidRequest, Overloaded, Unavailable
from chassis.telemetry import LINKS_MAX
from eventlog.columns import EventColumns, EventRows
from eventlog.join import join_columns
from eventlog.rows import columns_of, join_rows
from ingest.domain.reports import Reported
from ingest.intake.queue import Rules, WorkQueue
from ingest.intake.submission import Callers, Origin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from chassis.clock import Clock
    from ingest.domain.reports import ReportResult, Verdicts

    TakeIn = Callable[[str, Reported, Callers], Awaitable[Verdicts]]

TOGETHER_MAX: Final = LINKS_MAX + 1
"""Calls in one batch: its segment's span is a child of the first and links to the rest, so none is out of reach."""
_LINGER_A_CALL_S: Final = 0.000_1
_LINGER_MOMENT_MAX_S: Final = 0.003
_LINGER_MOMENTS_MAX: Final = 5
_MEMORY: Final = 0.9
"""What is left, a round later, of the number of calls that came together before."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that waits to be taken in with others of its tenant and backfill."""

    tenant: str
    reported: Reported
    origin: Origin


class Gatherer:
    """The calls that wait, and the loop that takes them in. Its bound is that of the server: calls in work at once."""

    def __init__(self, clock: Clock, take_in: TakeIn) -> None:
        """Hand what comes together on to `take_in`, as one batch per tenant and backfill."""
        self._clock = clock
        self._take_in = take_in
        self._expected = 1.0
        self._queue: WorkQueue[Call, ReportResult] = WorkQueue(
            self._take_in_together,
            Rules(
                enough=TOGETHER_MAX,
                together_max=TOGETHER_MAX,
                owner=lambda call: call.tenant,
                kin=lambda call: (call.tenant, call.reported.backfill_id),
                shared=(Unavailable, Overloaded, DeadlineExceeded, InvalidRequest),
                alone_at_once=True,
            ),
        )

    async def report(self, call: Call) -> ReportResult:
        """Wait until the call's events are committed or refused. Raises what taking them in raises."""
        return await self._queue.put(call)

    async def run(self, stop: asyncio.Event) -> None:
        """Take calls in until `stop` is set and none waits any more."""
        try:
            async with asyncio.TaskGroup() as rounds:
                with self._queue.until(stop):
                    while await self._queue.due(stop):
                        await self._linger()
                        taken = self._queue.take()
                        self._expected = max(len(taken.taken), self._expected * _MEMORY)
                        rounds.create_task(self._queue.work_on(taken))
        finally:
            self._queue.close()

    async def _linger(self) -> None:
        """Wait a moment while calls keep coming: one batch then serves many."""
        arrived = 0
        enough = min(self._expected, TOGETHER_MAX)
        moment_s = min(_LINGER_MOMENT_MAX_S, _LINGER_A_CALL_S * self._expected)
        for _moment in range(_LINGER_MOMENTS_MAX):
            if len(self._queue) >= enough or len(self._queue) == arrived:
                return
            arrived = len(self._queue)
            await self._clock.sleep(moment_s)

    async def _take_in_together(self, calls: Sequence[Call]) -> list[ReportResult]:
        parts = [call.reported for call in calls]
        counts = [len(part) for part in parts]
        message_bytes = sum(part.message_bytes for part in parts)
        together = Reported(joined([part.events for part in parts]), parts[0].backfill_id, message_bytes)
        rows = None if len(calls) == 1 else np.repeat(np.arange(len(calls)), counts)
        callers = Callers([call.origin for call in calls], rows)
        return (await self._take_in(calls[0].tenant, together, callers)).of_calls(counts)


def joined(parts: Sequence[EventRows | EventColumns]) -> EventRows | EventColumns:
    """Return the events of all parts in order. Raises TooBig for too many different property keys."""
    # Rows are joined as rows, however many calls they are from: columns of few events are dear to make and to join.
    runs: list[EventRows | EventColumns] = []
    for kind, run in groupby(parts, key=type):
        if kind is EventRows:
            runs.append(join_rows([part for part in run if isinstance(part, EventRows)]))
        else:
            runs.extend(run)
    if len(runs) == 1:
        return runs[0]
    return join_columns([columns_of(run) if isinstance(run, EventRows) else run for run in runs])
