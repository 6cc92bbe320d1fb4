"""`meterline events …`: single events as the log has them, and their corrections."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2
from meterline.cli.calls import call_services, until_reachable
from meterline.cli.documents import as_of_document, message_document, short_time
from meterline.cli.ndjson import LINE_BYTES_MAX, LineError, event_of_line
from meterline.cli.options import ContextOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, say, write
from meterline.cli.usage import UTC, period_of
from meterline.errors import InputError
from meterline.uuid7 import uuid7

if TYPE_CHECKING:
    from meterline.client import AsyncClient

app = plain_app("Single events as the log has them: list them, void them, replace them.")

_TABLE_ROWS: Final = 100
_COLUMNS: Final = ("time", "customer", "type", "source", "id", "log", "state")
_HISTORY_COLUMNS: Final = ("what", "accepted", "time", "customer", "type", "properties", "log", "by", "reason")
_WORDS: Final = {0: "reported", 1: "voided", 2: "replaced by"}

SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="Source of the event.", show_default=False)]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the event.", show_default=False)]


def _said(reason: str) -> str:
    if not reason.strip():
        raise InputError("--reason is empty; say in a few words why, since they are kept with the correction")
    return reason


ReasonOption = Annotated[
    str,
    typer.Option(
        "--reason", help="Why, for people; kept with the correction in the log.", show_default=False, callback=_said
    ),
]


@app.command("list")
def list_events(
    customer: Annotated[list[str] | None, typer.Option(help="Only of this customer; repeat for several.")] = None,
    event_type: Annotated[
        list[str] | None, typer.Option("--type", help="Only of this type; repeat for several.")
    ] = None,
    start: Annotated[str, typer.Option("--from", help="First instant of events, RFC 3339, or a date.")] = "",
    end: Annotated[str, typer.Option("--to", help="First instant after them, RFC 3339, or a date.")] = "",
    limit: Annotated[
        int | None, typer.Option(min=0, help="Most rows; 0 = all. Default: 100 in a table, all in JSON and YAML.")
    ] = None,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List events in the order of the log, each with whether it holds, was voided or was replaced."""
    most = (_TABLE_ROWS if output is Output.TABLE else 0) if limit is None else limit
    request = pb.ListEventsRequest(
        customers=customer or [],
        types=event_type or [],
        period=period_of(start, end, UTC),
        # One more, to know whether there are more.
        limit=most + 1 if most else 0,
    )

    async def ask(client: AsyncClient) -> list[usage_event_pb2.StoredEvent]:
        return [event async for page in client.ingest.ListEvents(request) for event in page.events]

    found = call_services(ask, context)
    shown = found[:most] if most else found
    if output is Output.TABLE:
        print_table(_COLUMNS, map(_row, shown))
    else:
        print_document({"events": [message_document(event) for event in shown]}, output)
    if len(found) > len(shown):
        say(f"these are the first {len(shown):,}, there are more; --limit 0 shows all")


@app.command("get")
def get(
    source: SourceArgument, event_id: IdArgument, context: ContextOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Show one event as it was reported, its corrections with who made them and why, and what holds now."""
    request = pb.GetEventRequest(source=source, id=event_id)
    found, read = call_services(lambda client: _get(client, request), context)
    if output is not Output.TABLE:
        print_document(_history_document(found) | {"readAs": _reading_document(read)}, output)
        return
    print_table(_HISTORY_COLUMNS, map(_history_row, (found.event, *found.corrections)))
    for one in (one for event in read.repaired for one in event.properties):
        say(f"its schema mends {one.property}: {_shown(one.before)} in the log, {_shown(one.after)} to meters")
    for held in _holds(read):
        say(f"its schema holds it: {held.message}")
    say(f"the event {_standing(found)}")


async def _get(
    client: AsyncClient, request: pb.GetEventRequest
) -> tuple[pb.GetEventResponse, aggregator_pb.CheckEventsResponse]:
    """Return an event with its corrections, and how the schema of its type reads what holds of it now."""
    found = await client.ingest.GetEvent(request)
    if not found.HasField("holds"):
        return found, aggregator_pb.CheckEventsResponse()
    read = await client.aggregator.CheckEvents(aggregator_pb.CheckEventsRequest(events=[found.holds.event]))
    return found, read


def _holds(read: aggregator_pb.CheckEventsResponse) -> list[aggregator_pb.UncountedEvent]:
    return [one for one in read.uncounted if one.reason.startswith("SCHEMA_")]


def _reading_document(read: aggregator_pb.CheckEventsResponse) -> dict[str, Any]:
    repaired = [message_document(one) for event in read.repaired for one in event.properties]
    return {"repaired": repaired, "heldBy": [{"reason": one.reason, "message": one.message} for one in _holds(read)]}


def _shown(text: str) -> str:
    return repr(text) if text else "absent"


@app.command("void")
def void(
    source: SourceArgument,
    event_id: IdArgument,
    reason: ReasonOption,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Void an event: it counts no more, also where it is billed; then the next invoice has the difference."""
    identity = usage_event_pb2.EventIdentity(source=source, id=event_id)
    request = pb.VoidEventsRequest(request_id=uuid7(), events=[identity], reason=reason)
    answer = call_services(lambda client: until_reachable(client.ingest.VoidEvents, request), context)
    if output is not Output.TABLE:
        document = {"voided": answer.voided, "alreadyVoided": answer.already_voided}
        print_document({**document, "asOf": as_of_document(answer.as_of)}, output)
    elif answer.voided:
        write(f"voided event {event_id} of source {source}")
    else:
        write(f"event {event_id} of source {source} was voided before; nothing was changed")


@app.command("replace")
def replace(
    source: SourceArgument,
    event_id: IdArgument,
    file: Annotated[
        Path,
        typer.Option(
            "-f",
            "--file",
            help="The event as it should have been, one JSON object as for `report`, or - for standard input. "
            "Its source and id may be left out.",
            show_default=False,
        ),
    ],
    reason: ReasonOption,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Replace an event: from now on the one of the file counts, and not what was reported before."""
    request = pb.ReplaceEventRequest(request_id=uuid7(), event=_read_event(file, source, event_id), reason=reason)
    answer = call_services(lambda client: until_reachable(client.ingest.ReplaceEvent, request), context)
    if output is not Output.TABLE:
        document = {"replaced": answer.replaced, "event": message_document(answer.event)}
        print_document({**document, "asOf": as_of_document(answer.as_of)}, output)
    elif answer.replaced:
        write(f"replaced event {event_id} of source {source}")
    else:
        write(f"event {event_id} of source {source} already is as in {file}; nothing was changed")


def _read_event(file: Path, source: str, event_id: str) -> usage_event_pb2.UsageEvent:
    """Read the event of a file and give it the identity it has to have. Raises InputError."""
    try:
        text = sys.stdin.buffer.read(LINE_BYTES_MAX + 1) if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} can't be read: {error.strerror}") from None
    try:
        event = event_of_line(text)
    except LineError as error:
        raise InputError(f"{file}: {error.message}") from None
    for name, wanted in (("source", source), ("id", event_id)):
        if getattr(event, name) not in {"", wanted}:
            raise InputError(
                f"{file} has another {name} than the event to replace; leave it out, or void this event and report that"
            )
        setattr(event, name, wanted)
    return event


def _row(stored: usage_event_pb2.StoredEvent) -> tuple[str, ...]:
    event = stored.event
    state = "replacement" if stored.kind else "reported"
    if stored.taken_back_at:
        state = f"{state}, taken back at {stored.lane}:{stored.taken_back_at}"
    place = f"{stored.lane}:{stored.position}"
    return short_time(event.time), event.customer, event.type, event.source, event.id, place, state


def _history_row(stored: usage_event_pb2.StoredEvent) -> tuple[str, ...]:
    event = stored.event
    properties = ", ".join(f"{key}={value}" for key, value in sorted(event.properties.items()))
    return (
        _WORDS.get(stored.kind, str(stored.kind)),
        short_time(stored.accepted_at),
        short_time(event.time),
        event.customer,
        event.type,
        properties or "-",
        f"{stored.lane}:{stored.position}",
        ", ".join(sorted({reporter.subject for reporter in stored.reported_by})) or "-",
        stored.reason or "-",
    )


def _history_document(found: pb.GetEventResponse) -> dict[str, Any]:
    return {
        "event": message_document(found.event),
        "corrections": [message_document(correction) for correction in found.corrections],
        "holds": message_document(found.holds) if found.HasField("holds") else None,
    }


def _standing(found: pb.GetEventResponse) -> str:
    if not found.HasField("holds"):
        return "is voided: it counts for nothing"
    return "holds as it was replaced last" if found.corrections else "holds as it was reported"
