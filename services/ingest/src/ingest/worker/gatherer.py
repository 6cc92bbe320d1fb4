"""Gathers small calls: those that come at about the same time are checked and written as one batch.

Reading, checking and writing one event costs nearly as much as doing it for a hundred; so a call with few events waits
for those beside it. Where calls come one by one none waits, and nobody is answered before COMMIT.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from chassis.errors import DeadlineExceeded, InvalidRequest, Overloaded, Reason, Unavailable
from chassis.telemetry import LINKS_MAX

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from opentelemetry.trace import SpanContext

    from chassis.clock import Clock
    from ingest.domain.log import ReportResult
    from ingest.wire import Reported

    TakeIn = Callable[[str, Sequence["Call"]], Awaitable[Sequence[ReportResult]]]

TOGETHER_MAX: Final = LINKS_MAX + 1
"""Calls in one batch: its segment's span is a child of the first and links to the rest, so none is out of reach."""
_LINGER_A_CALL_S: Final = 0.000_1
_LINGER_MOMENT_MAX_S: Final = 0.003
_LINGER_MOMENTS_MAX: Final = 5
_MEMORY: Final = 0.9
"""What is left, a round later, of the number of calls that came together before."""


@dataclass(eq=False, slots=True)
class Call:
    """A call that waits to be taken in with others of its tenant and backfill."""

    tenant: str
    reported: Reported
    span: SpanContext | None
    result: asyncio.Future[ReportResult] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Gatherer:
    """The calls that wait, and the loop that takes them in. Its bound is that of the server: calls in work at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[Call] = []
        self._in_work = 0
        self._expected = 1.0
        self._arrival = asyncio.Event()

    async def report(self, call: Call) -> ReportResult:
        """Wait until the call's events are committed or refused. Raises what taking them in raises."""
        self._waiting.append(call)
        if self._is_worth_it():
            self._arrival.set()
        return await call.result

    def _is_worth_it(self) -> bool:
        """Whether to take in now: always if nothing is in work, else only a full batch; a few wait for its end."""
        return bool(self._waiting) and (not self._in_work or len(self._waiting) >= TOGETHER_MAX)

    async def run(self, stop: asyncio.Event, take_in: TakeIn) -> None:
        """Take calls in until `stop` is set and none waits any more."""
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _task: self._arrival.set())
        try:
            async with asyncio.TaskGroup() as rounds:
                while self._waiting or not stop.is_set():
                    if not self._is_worth_it():
                        self._arrival.clear()
                        await self._arrival.wait()
                        continue
                    await self._linger()
                    calls = self._take()
                    self._in_work += 1
                    self._expected = max(len(calls), self._expected * _MEMORY)
                    rounds.create_task(self._round(calls, take_in))
        finally:
            stopping.cancel()
            _fail_open(self._take())

    async def _linger(self) -> None:
        """Wait a moment while calls keep coming: one batch then serves many."""
        arrived = 0
        enough = min(self._expected, TOGETHER_MAX)
        moment_s = min(_LINGER_MOMENT_MAX_S, _LINGER_A_CALL_S * self._expected)
        for _moment in range(_LINGER_MOMENTS_MAX):
            if len(self._waiting) >= enough or len(self._waiting) == arrived:
                return
            arrived = len(self._waiting)
            await self._clock.sleep(moment_s)

    def _take(self) -> list[Call]:
        """Take all that wait; a call whose caller has gone is dropped."""
        calls = [call for call in self._waiting if not call.result.done()]
        self._waiting.clear()
        return calls

    async def _round(self, calls: Sequence[Call], take_in: TakeIn) -> None:
        try:
            await asyncio.gather(*(_settle(part, take_in) for part in _parts(calls)))
        finally:
            self._in_work -= 1
            self._arrival.set()
            # Reached with open results only when this task is cancelled: nobody may wait for ever.
            _fail_open(calls)


def _parts(calls: Sequence[Call]) -> Iterator[Sequence[Call]]:
    """Split by tenant and backfill, and into as many as may be together."""
    by_owner: dict[tuple[str, str], list[Call]] = {}
    for call in calls:
        by_owner.setdefault((call.tenant, call.reported.backfill_id), []).append(call)
    for owned in by_owner.values():
        for start in range(0, len(owned), TOGETHER_MAX):
            yield owned[start : start + TOGETHER_MAX]


async def _settle(calls: Sequence[Call], take_in: TakeIn) -> None:
    """Give each call its result or its error; one that fails by itself takes no other with it."""
    try:
        results = await take_in(calls[0].tenant, calls)
    except (Unavailable, Overloaded, DeadlineExceeded, InvalidRequest) as error:
        # The database, the queue or the backfill: it holds for all, and trying each alone would only add to it.
        _fail(calls, error)
    except Exception as error:  # noqa: BLE001 - whatever it was, every caller gets an answer
        await _settle_alone(calls, error, take_in)
    else:
        for call, result in zip(calls, results, strict=True):
            if not call.result.done():
                call.result.set_result(result)


async def _settle_alone(calls: Sequence[Call], error: Exception, take_in: TakeIn) -> None:
    if len(calls) == 1:
        _fail(calls, error)
        return
    await asyncio.gather(*(_settle([call], take_in) for call in calls))


def _fail_open(calls: Sequence[Call]) -> None:
    _fail(calls, Unavailable(Reason.DATABASE_UNAVAILABLE, "the service stops; send the same batch again"))


def _fail(calls: Sequence[Call], error: Exception) -> None:
    for call in calls:
        if not call.result.done():
            call.result.set_exception(error)
