"""Background reporting: events are collected, sent in batches of columns, retried, and never dropped in silence.

`add()` only puts an event into a bounded buffer. Full buffer: it waits, or raises if told so. `flush()` returns when
everything added so far is durable or refused; `close()` flushes and says what could not be sent.
"""

from __future__ import annotations

import asyncio
import atexit
import random
import threading
import weakref
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from chassis.errors import DeadlineExceeded, Internal, MeterlineError, Overloaded, Unavailable
from metering.ingest.v1 import ingest_service_pb2 as pb
from meterline.client import BATCH_EVENTS_MAX, Client, ReportResult
from meterline.event import UsageEvent, to_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meterline.client import AsyncClient

_RETRIED: Final = (Unavailable, Overloaded, DeadlineExceeded, Internal)


class BufferFullError(Exception):
    """The buffer holds as many events as it may; this one was not taken."""


class UnsentEventsError(Exception):
    """Events that could not be delivered; they are in `events`, the last failure is the cause."""

    def __init__(self, events: Sequence[UsageEvent], cause: BaseException) -> None:
        """Keep the events for the caller."""
        super().__init__(f"{len(events)} events could not be delivered: {cause}; keep them and report them again")
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


class AsyncReporter:
    """Background reporting for an asyncio program. Use it as `async with AsyncReporter(client) as reporter:`."""

    def __init__(
        self,
        client: AsyncClient,
        options: ReporterOptions | None = None,
        on_room: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare; sending begins with the first event. `on_room` is called whenever a batch has left the buffer."""
        self._client = client
        self._options = options or ReporterOptions()
        self._waiting: deque[UsageEvent] = deque()
        self._under_way = 0
        self._result = ReportResult()
        self._reported = 0
        self._unsent: list[UsageEvent] = []
        self._failure: BaseException | None = None
        self._changed = asyncio.Condition()
        self._flushing = 0
        self._closed = False
        self._sender: asyncio.Task[None] | None = None
        self._batches: set[asyncio.Task[None] | None] = set()
        self._notifying: asyncio.Task[None] | None = None
        self._on_room = on_room

    async def __aenter__(self) -> Self:
        """Give the reporter."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Flush and close."""
        await self.close()

    @property
    def pending(self) -> int:
        """Events that were added and are not yet durable or refused."""
        return len(self._waiting) + self._under_way

    @property
    def result(self) -> ReportResult:
        """What became of the events so far; indexes count from the first batch that was answered."""
        return self._result

    async def add(self, event: UsageEvent) -> None:
        """Take an event. Raises BufferFullError (if told so) or RuntimeError after `close()`."""
        if self.pending >= self._options.buffer_events_max:
            await self._wait_for_room()
        if self.take(event):
            await self.wake()

    def take(self, event: UsageEvent) -> bool:
        """Put an event into the buffer, from any thread, without looking whether it is full.

        Returns whether `wake()` must be called now. Raises RuntimeError after `close()`.
        """
        if self._closed:
            message = "the reporter is closed; make a new one"
            raise RuntimeError(message)
        self._waiting.append(event)
        return len(self._waiting) in (1, self._options.batch_events_max)

    async def wake(self) -> None:
        """Let the sender look at the buffer."""
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_batches(), name="meterline-reporter")
        await self._notify()

    async def flush(self) -> ReportResult:
        """Wait until everything added so far is durable or refused. Raises UnsentEventsError for what can't be sent."""
        self._flushing += 1
        try:
            if self.pending:
                await self.wake()
            async with self._changed:
                await self._changed.wait_for(lambda: self.pending == 0)
        finally:
            self._flushing -= 1
        self._raise_unsent()
        return self._result

    async def close(self) -> ReportResult:
        """Flush within `close_timeout_s` and stop. Raises UnsentEventsError with what is not known durable."""
        if self._closed:
            return self._result
        self._closed = True
        try:
            await asyncio.wait_for(self.flush(), self._options.close_timeout_s)
        except TimeoutError as error:
            self._failure = self._failure or error
        finally:
            await self._stop()
        self._raise_unsent()
        return self._result

    async def _wait_for_room(self) -> None:
        if self._options.raise_when_full:
            message = f"{self.pending} events wait to be sent; slow down or raise buffer_events_max"
            raise BufferFullError(message)
        async with self._changed:
            await self._changed.wait_for(lambda: self.pending < self._options.buffer_events_max)

    async def _stop(self) -> None:
        tasks = [task for task in (*self._batches, self._sender) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._unsent.extend(self._waiting)
        self._waiting.clear()

    def _raise_unsent(self) -> None:
        if self._unsent and self._failure is not None:
            unsent, self._unsent = self._unsent, []
            raise UnsentEventsError(unsent, self._failure)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _send_batches(self) -> None:
        while True:
            await self._wait_for_batch()
            size = min(len(self._waiting), self._options.batch_events_max)
            # Counted first: `pending` may be read by another thread and must never be too low.
            self._under_way += size
            events = [self._waiting.popleft() for _ in range(size)]
            task = asyncio.create_task(self._send(events))
            self._batches.add(task)

    async def _wait_for_batch(self) -> None:
        async with self._changed:
            await self._changed.wait_for(
                lambda: bool(self._waiting) and len(self._batches) < self._options.batches_in_flight_max
            )
            try:
                await asyncio.wait_for(
                    self._changed.wait_for(
                        lambda: len(self._waiting) >= self._options.batch_events_max or self._flushing > 0
                    ),
                    self._options.linger_s,
                )
            except TimeoutError:
                # Lingered long enough: a partial batch goes out.
                return

    async def _send(self, events: list[UsageEvent]) -> None:
        request = pb.ReportRequest(columns=to_columns(events), backfill_id=self._options.backfill_id)
        try:
            response = await self._report_until_answered(request)
        except BaseException as error:
            self._failure = error
            self._unsent.extend(events)
            if not isinstance(error, Exception):
                raise
        else:
            self._result.add(response, self._reported)
            self._reported += len(events)
        finally:
            self._under_way -= len(events)
            self._on_room()
            self._batches.discard(asyncio.current_task())
            # Its own task: also a cancelled batch must free its place.
            self._notifying = asyncio.create_task(self._notify())

    async def _report_until_answered(self, request: pb.ReportRequest) -> pb.ReportResponse:
        pause_s = self._options.retry_first_s
        while True:
            try:
                return await self._client.ingest.Report(request)
            except _RETRIED as error:
                wait_s = max(error.retry_after_s or 0, pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
                pause_s = min(pause_s * 2, self._options.retry_pause_max_s)
                await asyncio.sleep(wait_s)


class Reporter:
    """Background reporting for a program without asyncio. Use it as `with Reporter(client) as reporter:`.

    `add()` may be called from any thread. Whatever is not flushed when the interpreter exits is flushed then.
    """

    def __init__(self, client: Client, options: ReporterOptions | None = None) -> None:
        """Prepare; sending begins with the first event."""
        self._client = client
        self._options = options or ReporterOptions()
        self._room = threading.Condition()
        self._reporter = client.call(_make(client.aio, self._options, self._tell_room))
        # Weak: a reporter that is collected must not be kept alive until exit by its own flush.
        self._at_exit = weakref.WeakMethod(self.close)
        atexit.register(_close_at_exit, self._at_exit)

    def __enter__(self) -> Self:
        """Give the reporter."""
        return self

    def __exit__(self, *_: object) -> None:
        """Flush and close."""
        self.close()

    @property
    def pending(self) -> int:
        """Events that were added and are not yet durable or refused."""
        return self._reporter.pending

    def add(self, event: UsageEvent) -> None:
        """Take an event; waits for room, or raises BufferFullError if told so."""
        with self._room:
            while self.pending >= self._options.buffer_events_max:
                if self._options.raise_when_full:
                    message = f"{self.pending} events wait to be sent; slow down or raise buffer_events_max"
                    raise BufferFullError(message)
                self._room.wait()
            must_wake = self._reporter.take(event)
        if must_wake:
            asyncio.run_coroutine_threadsafe(self._reporter.wake(), self._client.loop)

    def flush(self) -> ReportResult:
        """Wait until everything added so far is durable or refused. Raises UnsentEventsError."""
        return self._client.call(self._reporter.flush())

    def _tell_room(self) -> None:
        with self._room:
            self._room.notify_all()

    def close(self) -> ReportResult:
        """Flush and stop. Raises UnsentEventsError with every event that is not known durable."""
        return self._client.call(self._reporter.close())


async def _make(client: AsyncClient, options: ReporterOptions, on_room: Callable[[], None]) -> AsyncReporter:
    # asyncio.Condition binds to the loop that makes it.
    return AsyncReporter(client, options, on_room)


def _close_at_exit(close: weakref.WeakMethod[Callable[[], ReportResult]]) -> None:
    method = close()
    if method is not None:
        method()


__all__ = ["AsyncReporter", "BufferFullError", "MeterlineError", "Reporter", "ReporterOptions", "UnsentEventsError"]
