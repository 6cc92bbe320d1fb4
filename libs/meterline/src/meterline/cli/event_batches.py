"""What `report` and `import` share: batches on their way, repeated while ingest is away, and what became of them."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar

from chassis.errors import Reason
from metering.ingest.v1 import ingest_service_pb2 as pb
from meterline.cli.calls import RETRY_S, until_reachable
from meterline.cli.exits import ExitCode
from meterline.cli.options import Output
from meterline.cli.output import print_document, print_table, say, write
from meterline.cli.unbilled_notes import Sent
from meterline.results import Conflict, Refusal, ReportResult
from meterline.uuid7 import uuid7

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from chassis.errors import MeterlineError
    from meterline.client import AsyncClient

T = TypeVar("T")

_BATCHES_AT_ONCE: Final = 4
_BATCHES_READ_AHEAD: Final = 2
_CLOSE_S: Final = 15.0
_REFUSALS_SHOWN: Final = 20


@dataclass(slots=True)
class Batch:
    """A request, and where in the input each of its events stands: its place among the events, and its line."""

    request: pb.ReportRequest
    places: list[int]
    lines: list[int]


@dataclass(slots=True)
class Reported:
    """What became of the whole input; indexes are places in it, from 0."""

    result: ReportResult = field(default_factory=ReportResult)
    sent: Sent = field(default_factory=Sent)

    def add(self, batch: Batch, response: pb.ReportResponse) -> None:
        """Add the reply to a batch."""
        self.sent.add(batch.request, response.as_of)
        self.result.accepted += response.accepted
        self.result.duplicates += response.duplicates
        self.result.duplicates_voided += response.duplicates_voided
        for conflict in response.conflicts:
            message = on_line(batch.lines[conflict.index], conflict.message)
            self.result.conflicts.append(Conflict(batch.places[conflict.index], conflict.id, message))
        for entry in response.refusals:
            index, line = batch.places[entry.index], batch.lines[entry.index]
            self.refuse(Refusal(index, entry.id, entry.field, entry.reason, entry.message), line)

    def refuse(self, refusal: Refusal, line: int) -> None:
        """Add an event that can't be accepted, with the line of the input where it stands."""
        self.result.refused.append(replace(refusal, message=on_line(line, refusal.message)))

    def sort(self) -> None:
        """Bring what was found batch by batch into the order of the input."""
        self.result.refused.sort(key=lambda refusal: refusal.index)
        self.result.conflicts.sort(key=lambda conflict: conflict.index)


def on_line(line: int, message: str) -> str:
    """Say with a message where in the input it belongs."""
    return f"line {line}: {message}"


async def send_all(
    client: AsyncClient,
    batches: Iterator[tuple[Batch, int]],
    reported: Reported,
    backfill: Callable[[AsyncClient], AbstractAsyncContextManager[str]],
    *,
    size: int | None,
) -> None:
    """Send batches, a few at a time, with a progress bar. `size`: bytes of the input, as `batches` counts them."""
    notice = Notice()
    async with backfill(client) as backfill_id:

        async def send(batch: Batch) -> None:
            batch.request.backfill_id = backfill_id
            reported.add(batch, await until_reachable(client.ingest.Report, batch.request, on_wait=notice.waiting))

        await for_all(batches, send, size)
    reported.sort()


async def for_all(
    batches: Iterator[tuple[Batch, int]], handle: Callable[[Batch], Awaitable[None]], size: int | None
) -> None:
    """Begin to handle batches in order, a few at a time, with a progress bar; the first that fails ends all."""
    from rich.progress import TaskProgressColumn, TimeRemainingColumn  # noqa: PLC0415 - as in `output`

    from meterline.cli.terminal import progress_bar  # noqa: PLC0415

    left = () if size is None else (TimeRemainingColumn(),)
    with progress_bar("{task.fields[events]:,} events", TaskProgressColumn(), *left) as progress:
        task = progress.add_task("report", total=size, events=0)
        events = 0

        async def handle_one(batch: Batch, read: int) -> None:
            nonlocal events
            await handle(batch)
            events += len(batch.places)
            progress.update(task, events=events, completed=max(read, progress.tasks[0].completed))

        free = asyncio.Semaphore(_BATCHES_AT_ONCE)
        try:
            async with ReadAhead(batches) as read_ahead, asyncio.TaskGroup() as under_way:
                async for batch, read in read_ahead:
                    await free.acquire()
                    under_way.create_task(handle_one(batch, read)).add_done_callback(lambda _: free.release())
        except BaseExceptionGroup as group:
            # One failure ends all; what the others say then is of no use.
            raise group.exceptions[0] from None


class Notice:
    """Says once that a service is waited for: a silent program looks as if it hung."""

    def __init__(self) -> None:
        """Say nothing yet."""
        self._said = False

    def waiting(self, error: MeterlineError) -> None:
        """Say it, the first time."""
        if not self._said:
            self._said = True
            say(f"trying again for {RETRY_S:.0f} s: {error.message}")


class ReadAhead(Generic[T]):
    """Runs an iterator in a thread, a few items ahead: reading and sending overlap, and no read delays Ctrl-C."""

    def __init__(self, items: Iterator[T]) -> None:
        """Prepare; reading begins with the `async with` block."""
        self._items = items
        self._ready: asyncio.Queue[tuple[T | None, BaseException | None]] = asyncio.Queue()
        self._room = threading.Semaphore(_BATCHES_READ_AHEAD)
        self._handover = threading.Lock()
        self._stopped = False

    async def __aenter__(self) -> Self:
        """Start reading."""
        self._loop = asyncio.get_running_loop()
        # A daemon: a read that waits for a terminal or a pipe must not hold up the end of the program.
        threading.Thread(target=self._read, name="read-ahead", daemon=True).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let the thread end after its present item."""
        with self._handover:
            self._stopped = True
        self._room.release()

    def __aiter__(self) -> Self:
        """Iterate once."""
        return self

    async def __anext__(self) -> T:
        """Return the next item, or raise what reading it raised."""
        item, error = await self._ready.get()
        if error is not None:
            raise error
        if item is None:
            raise StopAsyncIteration
        self._room.release()
        return item

    def _read(self) -> None:
        try:
            for item in self._items:
                self._room.acquire()
                if not self._hand_over(item, None):
                    return
        except BaseException as error:  # noqa: BLE001 - raised again where the items are used
            self._hand_over(None, error)
        else:
            self._hand_over(None, None)

    def _hand_over(self, item: T | None, error: BaseException | None) -> bool:
        with self._handover:
            # Once stopped, the loop may be closed at any moment.
            if not self._stopped:
                self._loop.call_soon_threadsafe(self._ready.put_nowait, (item, error))
            return not self._stopped


@asynccontextmanager
async def no_backfill(_client: AsyncClient) -> AsyncIterator[str]:
    """Yield the empty id: events are reported outside of any backfill."""
    yield ""


@asynccontextmanager
async def given_backfill(backfill_id: str, _client: AsyncClient) -> AsyncIterator[str]:
    """Yield the id of a backfill that somebody has opened, and leave it open: they may report more."""
    yield backfill_id
    say(f"backfill {backfill_id} is still open; `meterline backfill close {backfill_id}` ends it")


@asynccontextmanager
async def open_backfill(client: AsyncClient) -> AsyncIterator[str]:
    """Open a backfill for the block and close it again, however it ends."""
    request = pb.OpenBackfillRequest(request_id=uuid7(), description="command line")
    opened = await until_reachable(client.ingest.OpenBackfill, request)
    try:
        yield opened.backfill.id
    finally:
        closing = pb.CloseBackfillRequest(request_id=uuid7(), backfill_id=opened.backfill.id)
        await until_reachable(client.ingest.CloseBackfill, closing, for_s=_CLOSE_S)


def print_result(
    result: ReportResult, output: Output, *, backfill: bool, then: Callable[[], None] = lambda: None
) -> None:
    """Print what became of the events, do `then`, and end with an exit code of its own if some were not taken."""
    if output is Output.TABLE:
        print_result_table(result)
    else:
        print_document(result_document(result), output)
    say_too_old(result, backfill=backfill)
    if result.duplicates_voided:
        say(
            f"{result.duplicates:,} were reported before, of which {result.duplicates_voided:,} are voided: they count "
            "for nothing; `meterline events get SOURCE ID` says why; what shall count again needs ids of its own"
        )
    then()
    if result.conflicts or result.refused:
        raise SystemExit(int(ExitCode.EVENTS_REFUSED))


def result_document(result: ReportResult) -> dict[str, Any]:
    """Return what became of the events in the published shape."""
    return {
        "accepted": result.accepted,
        "duplicates": result.duplicates,
        **({"duplicatesVoided": result.duplicates_voided} if result.duplicates_voided else {}),
        "conflicts": [{"index": c.index, "id": c.id, "message": c.message} for c in result.conflicts],
        "refused": list(map(refusal_document, result.refused)),
    }


def refusal_document(refusal: Refusal) -> dict[str, Any]:
    """Return a refusal in the published shape."""
    # A row that could not be read has no id.
    return {
        "index": refusal.index,
        **({"id": refusal.id} if refusal.id else {}),
        "field": refusal.field,
        "reason": refusal.reason,
        "message": refusal.message,
    }


def say_too_old(result: ReportResult, *, backfill: bool) -> None:
    """Say how events that were refused as too old can be reported."""
    too_old = sum(refusal.reason == Reason.TIME_TOO_OLD for refusal in result.refused)
    if too_old and not backfill:
        say(
            f"{too_old:,} are too old; if their times are right, --backfill reports them, or finds them reported before"
        )


def print_result_table(result: ReportResult) -> None:
    """Print what became of the events for people."""
    counts = (result.accepted, result.duplicates, len(result.conflicts), len(result.refused))
    print_table((">accepted", ">duplicates", ">conflicts", ">refused"), [[f"{count:,}" for count in counts]])
    rows = [(str(c.index), c.id, "", str(Reason.ID_CONFLICT), c.message) for c in result.conflicts]
    rows += [(str(r.index), r.id, r.field, r.reason, r.message) for r in result.refused]
    reasons = Counter([str(Reason.ID_CONFLICT)] * len(result.conflicts) + [r.reason for r in result.refused])
    print_faults(rows, reasons, field="field")


def print_faults(rows: Sequence[Sequence[str]], reasons: Counter[str], *, field: str) -> None:
    """Print the first of what is wrong with which event, the third column being `field`, and how many by reason."""
    if rows:
        write("")
        print_table((">index", "id", field, "reason", "message"), rows[:_REFUSALS_SHOWN])
    more = reasons.total() - min(len(rows), _REFUSALS_SHOWN)
    if more:
        say(f"… and {more:,} more; -o json lists them")
    if rows:
        write("")
        print_table(("reason", ">events"), [(reason, f"{count:,}") for reason, count in reasons.most_common()])
