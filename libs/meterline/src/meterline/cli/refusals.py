"""`meterline refusals`: events that were refused or in conflict, with the reason and some of them as they were sent."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Final

import typer
from google.protobuf.json_format import MessageToDict

from metering.ingest.v1 import ingest_service_pb2 as pb
from meterline.cli.calls import call_services, pages
from meterline.cli.documents import message_document, short_time
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, say, write
from meterline.cli.usage import period_of, zone_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from metering.ingest.v1 import refusal_pb2
    from meterline.client import AsyncClient

_COUNT_COLUMNS: Final = ("day", "reason", "field", "source", "type", ">events", "last")
_SAMPLE_COLUMNS: Final = ("refused", "reason", "field", "source", "id", "customer", "reported by", "why")
_SAMPLES: Final = 3


def refusals(  # noqa: PLR0913, PLR0917 - options of a command
    source: Annotated[str, typer.Option(help="Only of this source.")] = "",
    event_type: Annotated[str, typer.Option("--type", help="Only of this event type.")] = "",
    reason: Annotated[str, typer.Option(help="Only for this reason, such as TIME_TOO_OLD.")] = "",
    start: Annotated[str, typer.Option("--from", help="Refused from this instant on, RFC 3339, or a date.")] = "",
    end: Annotated[str, typer.Option("--to", help="Refused before this instant, RFC 3339, or a date.")] = "",
    tz: Annotated[str, typer.Option(help="IANA zone of dates in --from and --to.")] = "UTC",
    samples: Annotated[
        int | None,
        typer.Option(min=0, max=20, help="Events shown of each reason, the newest. Default: 3 in a table, else 20."),
    ] = None,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List events that were refused or in conflict: how many, why, and the newest of them as they were sent."""
    shown = (_SAMPLES if output is Output.TABLE else 20) if samples is None else samples
    request = pb.ListRefusalsRequest(
        source=source, type=event_type, reason=reason.upper(), period=period_of(start, end, zone_of(tz)), samples=shown
    )
    found = call_services(lambda client: _all(client, request), context)
    if output is Output.TABLE:
        _print(found)
    else:
        print_document(
            {
                "counts": [message_document(count) for count in found.counts],
                "samples": [_sample_document(sample) for sample in found.samples],
            },
            output,
        )


async def _all(client: AsyncClient, request: pb.ListRefusalsRequest) -> pb.ListRefusalsResponse:
    found = pb.ListRefusalsResponse()
    async for page in pages(client.ingest.ListRefusals, request):
        found.counts.extend(page.counts)
        found.samples.extend(page.samples)
    return found


def _print(found: pb.ListRefusalsResponse) -> None:
    print_table(_COUNT_COLUMNS, map(_count_row, found.counts))
    if found.samples:
        write("")
        print_table(_SAMPLE_COLUMNS, map(_sample_row, found.samples))
    totals: Counter[str] = Counter()
    for count in found.counts:
        totals[count.reason] += count.event_count
    for reason, events in totals.most_common():
        say(f"{reason}, {events:,} in all: {_todo(reason)}")


def _todo(reason: str) -> str:
    if reason == "ID_CONFLICT":
        return "the first event with the id stands; report the other one under a new id if it is another event"
    return "mend the producer and report the events again; their ids are unused"


def _count_row(count: refusal_pb2.RefusalCount) -> Sequence[str]:
    rest = "(others)" if count.rest else "-"
    return (
        count.day,
        count.reason,
        count.field or rest,
        count.source or rest,
        count.type or rest,
        f"{count.event_count:,}",
        short_time(count.last_at),
    )


def _sample_row(sample: refusal_pb2.RefusedEvent) -> Sequence[str]:
    return (
        short_time(sample.refused_at),
        sample.reason,
        sample.field or "-",
        sample.source or "-",
        sample.id or "-",
        sample.customer or "-",
        sample.reported_by or "-",
        sample.message,
    )


def _sample_document(sample: refusal_pb2.RefusedEvent) -> dict[str, Any]:
    event = _event_document(sample) if sample.HasField("event") else None
    # By itself, because a time that can't be written may be what is wrong with it.
    sample.ClearField("event")
    return message_document(sample) | {"event": event}


def _event_document(sample: refusal_pb2.RefusedEvent) -> dict[str, Any]:
    """Return the event as `report -f` takes it; a time that no text can say is told by its parts."""
    event = sample.event
    time = event.time
    try:
        text: Any = time.ToJsonString() if event.HasField("time") else None
    except ValueError:
        text = {"seconds": str(time.seconds), "nanos": time.nanos}
    without_time = type(event)()
    without_time.CopyFrom(event)
    without_time.ClearField("time")
    document: dict[str, Any] = MessageToDict(without_time)
    return document if text is None else document | {"time": text}
