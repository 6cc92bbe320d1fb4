"""`meterline report`: usage events from NDJSON, one JSON UsageEvent a line."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TextIO

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from chassis.errors import DeadlineExceeded, Overloaded, Reason, Unavailable
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2
from meterline.cli.output import print_document
from meterline.cli.running import ContextOption, ExitCode, InputError, Output, OutputOption, errors, run
from meterline.client import Conflict, Refusal, ReportResult
from meterline.uuid7 import uuid7

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from meterline.client import AsyncClient

_BATCH_EVENTS: Final = 2_000
_BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
_BATCHES_AT_ONCE: Final = 4
_RETRY_S: Final = 120.0
_RETRY_PAUSE_MAX_S: Final = 2.0
_TEXT_FIELDS: Final = ("id", "source", "type", "customer", "subject", "traceparent")
_RETRIED: Final = (Unavailable, Overloaded, DeadlineExceeded)


@dataclass(slots=True)
class Batch:
    """A request, and the place in the input of each of its events."""

    request: pb.ReportRequest
    places: list[int]


@dataclass(slots=True)
class Reported:
    """What became of the whole input; indexes are places in it, from 0."""

    result: ReportResult = field(default_factory=ReportResult)

    def add(self, batch: Batch, response: pb.ReportResponse) -> None:
        """Add the reply to a batch."""
        self.result.accepted += response.accepted
        self.result.duplicates += response.duplicates
        for conflict in response.conflicts:
            self.result.conflicts.append(Conflict(batch.places[conflict.index], conflict.id, conflict.message))
        for refusal in response.refusals:
            self.refuse(batch.places[refusal.index], refusal.id, refusal.field, refusal.reason, refusal.message)

    def refuse(self, index: int, event_id: str, field_name: str, reason: str, message: str) -> None:
        """Add an event that can't be accepted."""
        self.result.refused.append(Refusal(index, event_id, field_name, reason, message))


class LineError(Exception):
    """A line of the input that is no event."""

    def __init__(self, field_name: str, message: str, event_id: str = "") -> None:
        """Keep what the reply will say."""
        super().__init__(message)
        self.field = field_name
        self.message = message
        self.event_id = event_id


def report(
    file: Annotated[Path, typer.Option("-f", "--file", help="NDJSON file, or - for standard input.")],
    backfill: Annotated[bool, typer.Option("--backfill", help="The events may be older than the late limit.")] = False,  # noqa: FBT002
    context: ContextOption = None,
    output: OutputOption = Output.JSON,
) -> None:
    """Report usage events. Doing it again is safe: what was accepted counts as a duplicate."""
    reported = Reported()
    if str(file) == "-":
        batches = event_batches(typer.get_text_stream("stdin"), reported)
        run(lambda client: send_all(client, batches, reported, backfill=backfill, size=None), context)
    else:
        try:
            with file.open(encoding="utf-8", errors="surrogateescape") as stream:
                batches = event_batches(stream, reported)
                size = file.stat().st_size
                run(lambda client: send_all(client, batches, reported, backfill=backfill, size=size), context)
        except OSError as error:
            raise InputError(f"{file} can't be read: {error.strerror}") from None
    print_result(reported.result, output)


def event_batches(stream: TextIO, reported: Reported) -> Iterator[tuple[Batch, int]]:
    """Read batches of events, each with the input read so far (characters); lines that are no event are refused."""
    batch = Batch(pb.ReportRequest(), [])
    read = batch_bytes = 0
    for index, line in enumerate(_lines(stream)):
        read += len(line)
        try:
            event = event_of_line(line)
        except LineError as error:
            reported.refuse(
                index, error.event_id, error.field, Reason.FIELD_INVALID, f"line {index + 1}: {error.message}"
            )
            continue
        size = event.ByteSize()
        if batch.places and (len(batch.places) >= _BATCH_EVENTS or batch_bytes + size > _BATCH_BYTES_MAX):
            yield batch, read
            batch, batch_bytes = Batch(pb.ReportRequest(), []), 0
        batch.request.events.append(event)
        batch.places.append(index)
        batch_bytes += size
    if batch.places:
        yield batch, read


def _lines(stream: TextIO) -> Iterable[str]:
    return (line for line in stream if line.strip())


def event_of_line(line: str) -> usage_event_pb2.UsageEvent:
    """Read one JSON UsageEvent. Unknown fields are refused, and so are numbers: only a text is exact."""
    try:
        document = json.loads(line, parse_float=_refuse_number, parse_constant=_refuse_number)
    except (ValueError, RecursionError) as error:
        raise LineError("", f"not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise LineError("", "not a JSON object")
    event_id = str(document.get("id", ""))
    event = usage_event_pb2.UsageEvent()
    for name, value in document.items():
        try:
            _set_field(event, name, value)
        except UnicodeEncodeError:
            raise LineError(name, f"{name} is not valid Unicode", event_id) from None
        except LineError as error:
            raise LineError(error.field, error.message, event_id) from None
    return event


def _set_field(event: usage_event_pb2.UsageEvent, name: str, value: Any) -> None:
    if name in _TEXT_FIELDS:
        setattr(event, name, _text(name, value))
    elif name == "time":
        event.time.CopyFrom(_time(value))
    elif name == "properties":
        if not isinstance(value, dict):
            raise LineError(name, "properties must be an object of texts")
        for key, text in value.items():
            event.properties[_text(name, key)] = _text(f"properties.{key}", text)
    else:
        known = ", ".join((*_TEXT_FIELDS, "time", "properties"))
        raise LineError(name, f"unknown field {name!r}; known are {known}")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise LineError(name, f'{name} must be a text in quotes, such as "12.5"')
    value.encode()
    return value


def _time(value: Any) -> Timestamp:
    message = Timestamp()
    try:
        message.FromJsonString(value)
    except (ValueError, TypeError, AttributeError):
        raise LineError("time", 'time must be RFC 3339 with an offset, such as "2026-01-31T12:00:00Z"') from None
    return message


def _refuse_number(text: str) -> Any:
    raise ValueError(f"the number {text} must be a text in quotes")


async def send_all(
    client: AsyncClient,
    batches: Iterator[tuple[Batch, int]],
    reported: Reported,
    *,
    backfill: bool,
    size: int | None,
) -> None:
    """Send batches, a few at a time, with a progress bar; a batch is repeated while ingest can't be reached."""
    columns = (
        TextColumn("reporting {task.fields[events]:,} events"),
        BarColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    in_flight: set[asyncio.Task[None]] = set()
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("report", total=size, events=0)
        events = 0

        async def send(batch: Batch, backfill_id: str) -> None:
            nonlocal events
            batch.request.backfill_id = backfill_id
            reported.add(batch, await send_batch(client, batch.request))
            events += len(batch.places)
            progress.update(task, events=events)

        async with open_backfill(client, wanted=backfill) as backfill_id:
            try:
                for batch, read in batches:
                    if len(in_flight) >= _BATCHES_AT_ONCE:
                        done, in_flight = await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
                        _raise_failures(done)
                    in_flight.add(asyncio.create_task(send(batch, backfill_id)))
                    progress.update(task, completed=read)
                if in_flight:
                    done, in_flight = await asyncio.wait(in_flight)
                    _raise_failures(done)
            finally:
                for left in in_flight:
                    left.cancel()
    reported.result.refused.sort(key=lambda refusal: refusal.index)
    reported.result.conflicts.sort(key=lambda conflict: conflict.index)


def _raise_failures(done: set[asyncio.Task[None]]) -> None:
    for task in done:
        task.result()


async def send_batch(client: AsyncClient, request: pb.ReportRequest) -> pb.ReportResponse:
    """Send one batch; repeat it while ingest is unreachable or overloaded. Ids make that safe."""
    loop = asyncio.get_running_loop()
    give_up_at_s, pause_s = loop.time() + _RETRY_S, 0.1
    while True:
        try:
            return await client.ingest.Report(request, timeout=30.0)
        except _RETRIED as error:
            if loop.time() > give_up_at_s:
                raise
            await asyncio.sleep(error.retry_after_s or pause_s)
            pause_s = min(pause_s * 2, _RETRY_PAUSE_MAX_S)


@asynccontextmanager
async def open_backfill(client: AsyncClient, *, wanted: bool) -> AsyncIterator[str]:
    """Open a backfill for the block and close it again; without `wanted`, give the empty id."""
    if not wanted:
        yield ""
        return
    opened = await client.ingest.OpenBackfill(
        pb.OpenBackfillRequest(request_id=uuid7(), description="command line"), timeout=30.0
    )
    try:
        yield opened.backfill.id
    finally:
        await client.ingest.CloseBackfill(
            pb.CloseBackfillRequest(request_id=uuid7(), backfill_id=opened.backfill.id), timeout=30.0
        )


def print_result(result: ReportResult, output: Output) -> None:
    """Print what became of the events; ends with its own exit code if some were refused or in conflict."""
    document = {
        "accepted": result.accepted,
        "duplicates": result.duplicates,
        "conflicts": [{"index": c.index, "id": c.id, "message": c.message} for c in result.conflicts],
        "refused": [
            {"index": r.index, "id": r.id, "field": r.field, "reason": str(r.reason), "message": r.message}
            for r in result.refused
        ],
    }
    print_document(document, Output.JSON if output is Output.TABLE else output)
    if result.conflicts or result.refused:
        raise SystemExit(int(ExitCode.EVENTS_REFUSED))
