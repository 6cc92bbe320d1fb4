"""Background reporting: events are collected, sent in batches of columns, retried, and never dropped in silence.

`add()` only puts an event into a bounded buffer. Full buffer: it waits, or raises if told so. `flush()` returns when
everything added before it is durable or refused; `close()` flushes and hands back what could not be sent.

An event carries the trace context in which it was made. The `Report` calls belong to no request: each has a trace of
its own, and Meterline links the two.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import logging
import random
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from chassis.errors import DeadlineExceeded, Internal, MeterlineError, Overloaded, Unavailable
from meterline.client import BATCH_EVENTS_MAX, Client, report_in_parts
from meterline.results import ReportResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metering.ingest.v1 import ingest_service_pb2 as pb
    from meterline.client import AsyncClient
    from meterline.event import UsageEvent

_RETRIED: Final = (Unavailable, Overloaded, DeadlineExceeded, Internal)
_CLOSED: Final = "the reporter is closed; make a new one"
_DETAILS_MAX: Final = 10_000
"""Most refusals, and most conflicts, that are kept one by one; a program that runs for months has bounded memory."""

_log: Final = logging.getLogger("meterline")


class BufferFullError(Exception):
    """The buffer holds as many events as it may; this one was not taken."""


class UnsentEventsError(Exception):
    """Events that could not be delivered; they are in `events`, the last failure is the cause.

    Each event is handed back once. Some may have been accepted without our knowing: report them again as they are.
    """

    def __init__(self, events: Sequence[UsageEvent], cause: BaseException | None) -> None:
        """Keep the events for the caller."""
        why = cause or "the reporter was stopped"
        super().__init__(f"{len(events)} events could not be delivered: {why}; keep them and report them again")
        self.events = tuple(events)
        self.__cause__ = cause


@dataclass(frozen=True, slots=True)
class ReporterOptions:
    """How events are collected and sent."""

    batch_events_max: int = 2_000
    """A batch is sent when it has so many events. At most 10,000."""
    linger_s: float = 0.2
    """A batch is sent at the latest so long after its first event."""
    buffer_events_max: int = 100_000
    """Most events that are added and not yet durable."""
    raise_when_full: bool = False
    """A full buffer: raise BufferFullError at once (True), or wait for room (False)."""
    batches_in_flight_max: int = 4
    """Batches that are under way at the same time."""
    retry_first_s: float = 0.1
    """Pause before the first retry of a batch; it doubles, with jitter."""
    retry_pause_max_s: float = 5.0
    """Longest pause between two retries."""
    close_timeout_s: float = 30.0
    """How long `close()` waits for what is still under way."""
    backfill_id: str = ""
    """Open backfill to which all events belong."""

    def __post_init__(self) -> None:
        """Refuse options that contradict the contract."""
        if not 1 <= self.batch_events_max <= BATCH_EVENTS_MAX:
            message = f"batch_events_max must lie between 1 and {BATCH_EVENTS_MAX}"
            raise ValueError(message)
        if self.buffer_events_max < self.batch_events_max:
            message = "buffer_events_max must be at least batch_events_max"
            raise ValueError(message)
        if self.batches_in_flight_max < 1:
            message = "batches_in_flight_max must be at least 1"
            raise ValueError(message)


@dataclass(slots=True)
class _Batch:
    """Events under way that are not yet answered, and the number of the first of them."""

    first: int
    events: Sequence[UsageEvent]


class _Buffer:
    """Events that wait, and batches under way. Any thread may add; one event loop does all else.

    Events are numbered in the order in which they are added. Batches are taken from the front but end in any order;
    that all before number n have ended is known from the lowest number under way.
    """

    __slots__ = ("_taken", "_under_way", "batches", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[UsageEvent] = deque()
        self.batches: list[_Batch] = []
        self._taken = 0
        self._under_way = 0

    @property
    def added(self) -> int:
        """How many events were added so far."""
        return self._taken + len(self.waiting)

    @property
    def pending(self) -> int:
        """How many have not ended."""
        return self._under_way + len(self.waiting)

    @property
    def ended_before(self) -> int:
        """Every event with a lower number has ended."""
        return min((batch.first for batch in self.batches), default=self._taken)

    def take(self, count_max: int) -> _Batch:
        """Begin a batch."""
        count = min(len(self.waiting), count_max)
        # Counted first: another thread may look at `pending` meanwhile, and must never find it too low.
        self._under_way += count
        batch = _Batch(self._taken, [self.waiting.popleft() for _ in range(count)])
        self._taken += count
        self.batches.append(batch)
        return batch

    def answered(self, batch: _Batch, count: int) -> None:
        """Take the first events out of a batch."""
        batch.events = batch.events[count:]
        batch.first += count
        self._under_way -= count
        if not batch.events:
            self.batches.remove(batch)


class AsyncReporter:
    """Background reporting for an asyncio program. Use it as `async with AsyncReporter(client) as reporter:`.

    All methods belong to the event loop on which it was made.
    """

    def __init__(
        self,
        client: AsyncClient,
        options: ReporterOptions | None = None,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare; sending begins with the first event. `on_progress` is called whenever a batch has ended."""
        self._client = client
        self._options = options or ReporterOptions()
        self._buffer = _Buffer()
        self._result = ReportResult()
        self._unsent: list[UsageEvent] = []
        self._failure: BaseException | None = None
        self._changed = asyncio.Event()
        self._flushing = 0
        self._closed = False
        self._stopped = False
        self._closing = asyncio.Lock()
        self._sender: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._on_progress = on_progress

    async def __aenter__(self) -> Self:
        """Return the reporter."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Flush and close."""
        await self.close()

    @property
    def pending(self) -> int:
        """Events that were added and are not yet durable, refused or handed back."""
        return self._buffer.pending

    @property
    def result(self) -> ReportResult:
        """What became of the events so far; `index` counts the events in the order in which they were added."""
        return self._result

    @property
    def must_raise(self) -> bool:
        """Whether `raise_if_stopped` would raise. May be asked from any thread."""
        return self._closed or bool(self._unsent)

    async def add(self, event: UsageEvent) -> None:
        """Take an event; wait for room if there is none.

        Raises BufferFullError if told so, RuntimeError after `close()`, and UnsentEventsError, with this event among
        its events, once events can't be delivered for a reason that no retry mends (a token that is not allowed).
        """
        while True:
            if self.must_raise:
                await self.raise_if_stopped(event)
            if self.pending < self._options.buffer_events_max:
                break
            if self._options.raise_when_full:
                raise buffer_full(self.pending)
            await self._changed.wait()
        if self.put(event):
            self.wake()

    def put(self, event: UsageEvent) -> bool:
        """Put an event into the buffer, from any thread, and say whether `wake()` must be called."""
        waiting = self._buffer.waiting
        waiting.append(event)
        # The sender looks again by itself after its linger time; only a first event and a full batch can't wait.
        return len(waiting) in {1, self._options.batch_events_max}

    async def raise_if_stopped(self, event: UsageEvent) -> None:
        """Raise UnsentEventsError, with `event`, if events could not be delivered; RuntimeError after `close()`."""
        if self._unsent:
            self._unsent.append(event)
            self._raise_unsent()
        if self._closed:
            raise RuntimeError(_CLOSED)

    def wake(self) -> None:
        """Let the sender look at the buffer."""
        if self._sender is None and not self._stopped:
            # An empty context: the calls of the background belong to no request, whichever added the first event.
            sending = self._send_batches()
            self._sender = asyncio.create_task(sending, name="meterline-reporter", context=contextvars.Context())
        self._tell()

    async def flush(self) -> ReportResult:
        """Wait until everything added before is durable or refused, whatever is added meanwhile.

        Raises UnsentEventsError for what can't be delivered.
        """
        await self._flush()
        self._raise_unsent()
        return self._result

    async def close(self) -> ReportResult:
        """Flush within `close_timeout_s` and stop. Raises UnsentEventsError with what is not known to be durable.

        Closing again does nothing; but if closing was cancelled, the next `close()` hands back what was left.
        """
        async with self._closing:
            if not self._closed:
                self._closed = True
                try:
                    await asyncio.wait_for(self._flush(), self._options.close_timeout_s)
                except TimeoutError as error:
                    self._failure = self._failure or error
                finally:
                    await self._stop()
        self._raise_unsent()
        return self._result

    async def _flush(self) -> None:
        target = self._buffer.added
        self._flushing += 1
        try:
            if self._buffer.waiting:
                self.wake()
            while self._buffer.ended_before < target:
                await self._changed.wait()
        finally:
            self._flushing -= 1

    async def _stop(self) -> None:
        self._stopped = True
        tasks = [task for task in (self._sender, *self._sending) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._buffer.take(len(self._buffer.waiting))
        for batch in list(self._buffer.batches):
            self._hand_back(batch)
        self._tell()
        self._on_progress()

    def _hand_back(self, batch: _Batch) -> None:
        self._unsent.extend(batch.events)
        self._buffer.answered(batch, len(batch.events))

    def _raise_unsent(self) -> None:
        if self._unsent:
            unsent, self._unsent = self._unsent, []
            raise UnsentEventsError(unsent, self._failure)

    def _tell(self) -> None:
        # Whoever waits has the old event and looks again; whoever looks from now on waits for the new one.
        self._changed.set()
        self._changed = asyncio.Event()

    async def _send_batches(self) -> None:
        while True:
            await self._wait_for_batch()
            batch = self._buffer.take(self._options.batch_events_max)
            task = asyncio.create_task(self._send(batch))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _wait_for_batch(self) -> None:
        waiting = self._buffer.waiting
        while not waiting or len(self._buffer.batches) >= self._options.batches_in_flight_max:
            await self._changed.wait()
        try:
            async with asyncio.timeout(self._options.linger_s):
                while len(waiting) < self._options.batch_events_max and not self._flushing:
                    await self._changed.wait()
        except TimeoutError:
            # Lingered long enough: a partial batch goes out.
            return

    async def _send(self, batch: _Batch) -> None:
        """Send a batch to its end; if this is cancelled, what is not answered stays in the batch."""
        backfill_id = self._options.backfill_id
        try:
            async for count, response in report_in_parts(self._report_until_answered, batch.events, backfill_id):
                self._result.add(response, batch.first, details_max=_DETAILS_MAX)
                self._buffer.answered(batch, count)
                _log_refused(response)
        except Exception as error:  # noqa: BLE001 - given to whoever adds, flushes or closes next
            self._failure = error
            self._hand_back(batch)
        self._tell()
        self._on_progress()

    async def _report_until_answered(self, request: pb.ReportRequest) -> pb.ReportResponse:
        pause_s = self._options.retry_first_s
        while True:
            try:
                return await self._client.ingest.Report(request)
            except _RETRIED as error:
                wait_s = max(error.retry_after_s or 0, pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
                pause_s = min(pause_s * 2, self._options.retry_pause_max_s)
                await asyncio.sleep(wait_s)


def _log_refused(response: pb.ReportResponse) -> None:
    """Log that events were not accepted: a program that never asks for the result must not lose them in silence."""
    if response.refusals:
        first = response.refusals[0]
        _log.warning(
            "ingest refused %d events permanently; the first, %r, at %r: %s [%s]",
            *(len(response.refusals), first.id, first.field, first.message, first.reason),
        )
    if response.conflicts:
        conflict = response.conflicts[0]
        _log.warning("%d events have the id of another one; the first is %r", len(response.conflicts), conflict.id)


def buffer_full(pending: int) -> BufferFullError:
    """Make the error of a buffer without room."""
    return BufferFullError(f"{pending} events wait to be sent; slow down or raise buffer_events_max")


class Reporter:
    """Background reporting for a program without asyncio. Use it as `with Reporter(client) as reporter:`.

    `add()`, `flush()` and `close()` may be called from any thread. A reporter that was not closed is closed when its
    client is, or when the interpreter exits. After `os.fork()` it belongs to the parent: the child makes its own.
    """

    def __init__(self, client: Client, options: ReporterOptions | None = None) -> None:
        """Prepare; sending begins with the first event."""
        self._client = client
        self._options = options or ReporterOptions()
        self._room = threading.Condition()
        self._closed = False
        self._ended = False
        self._reporter = client.call(_make(client.aio, self._options, self._tell_room))
        client.on_close(self.close)
        atexit.register(self._close_at_exit)

    def __enter__(self) -> Self:
        """Return the reporter."""
        return self

    def __exit__(self, *_: object) -> None:
        """Flush and close."""
        self.close()

    @property
    def pending(self) -> int:
        """Events that were added and are not yet durable, refused or handed back."""
        return self._reporter.pending

    @property
    def result(self) -> ReportResult:
        """What became of the events so far; `index` counts the events in the order in which they were added."""
        return self._reporter.result

    def add(self, event: UsageEvent) -> None:
        """Take an event; wait for room if there is none. Raises what `AsyncReporter.add` raises."""
        while not self._put(event):
            self._client.call(self._reporter.raise_if_stopped(event))

    def _put(self, event: UsageEvent) -> bool:
        """Put the event into the buffer; False if there is something to raise."""
        self._client.check_process()
        reporter, events_max = self._reporter, self._options.buffer_events_max
        with self._room:
            while not (self._closed or reporter.must_raise) and reporter.pending >= events_max:
                if self._options.raise_when_full:
                    raise buffer_full(reporter.pending)
                self._room.wait()
            if self._closed and not reporter.must_raise:
                raise RuntimeError(_CLOSED)
            if reporter.must_raise:
                return False
            must_wake = reporter.put(event)
        if must_wake:
            self._client.loop.call_soon_threadsafe(reporter.wake)
        return True

    def flush(self) -> ReportResult:
        """Wait until everything added before is durable or refused. Raises UnsentEventsError."""
        return self._client.call(self._reporter.flush())

    def close(self) -> ReportResult:
        """Flush and stop. Raises UnsentEventsError with every event that is not known to be durable.

        Closing again does nothing; but if closing was interrupted, the next `close()` hands back what was left.
        """
        if not self._ended:
            with self._room:
                # From here on no other thread is between its look at the buffer and its event in it.
                self._closed = True
                self._room.notify_all()
            try:
                self._client.call(self._reporter.close())
            except UnsentEventsError:
                self._end()
                raise
            self._end()
        return self._reporter.result

    def _end(self) -> None:
        self._ended = True
        atexit.unregister(self._close_at_exit)

    def _close_at_exit(self) -> None:
        if self._client.is_own_process:
            self.close()

    def _tell_room(self) -> None:
        with self._room:
            self._room.notify_all()


async def _make(client: AsyncClient, options: ReporterOptions, on_progress: Callable[[], None]) -> AsyncReporter:
    # Made on the loop to which it belongs.
    return AsyncReporter(client, options, on_progress)


__all__ = ["AsyncReporter", "BufferFullError", "MeterlineError", "Reporter", "ReporterOptions", "UnsentEventsError"]
