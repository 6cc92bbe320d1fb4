"""`meterline parked`: events that a meter or a schema left out: listed, and looked at again once that is mended."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from metering.aggregator.v1 import aggregator_service_pb2 as pb
from meterline.cli import tables
from meterline.cli.calls import call_services, pages, until_reachable
from meterline.cli.documents import message_document, short_time
from meterline.cli.options import ContextOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, say
from meterline.cli.usage import period_of, zone_of
from meterline.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metering.aggregator.v1 import usage_pb2
    from metering.common.v1 import values_pb2
    from meterline.client import AsyncClient

app = plain_app("Events that did not count: why, and counting them once their meter is mended.")
_TABLE_ROWS: Final = 100
_PAGE_EVENTS: Final = 1000

ReasonOption = Annotated[str, typer.Option(help="Only for this reason, such as VALUE_MISSING.")]
CustomerOption = Annotated[str, typer.Option(help="Only of this customer.")]
TypeOption = Annotated[str, typer.Option("--type", help="Only of this event type.")]
FromOption = Annotated[str, typer.Option("--from", help="Happened from this instant on, RFC 3339, or a date.")]
ToOption = Annotated[str, typer.Option("--to", help="Happened before this instant, RFC 3339, or a date.")]
ZoneOption = Annotated[str, typer.Option(help="IANA zone of dates in --from and --to.")]


@app.command("list")
def list_parked(  # noqa: PLR0913, PLR0917 - options of a command
    meter: Annotated[str, typer.Argument(help="Only of this meter.")] = "",
    reason: ReasonOption = "",
    customer: CustomerOption = "",
    event_type: TypeOption = "",
    start: FromOption = "",
    end: ToOption = "",
    tz: ZoneOption = "UTC",
    limit: Annotated[
        int | None, typer.Option(min=0, help="Most rows; 0 = all. Default: 100 in a table, all in JSON and YAML.")
    ] = None,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List events that did not count, how many of each meter, reason and type, and since when."""
    request = pb.ListParkedEventsRequest(
        meter=meter,
        reason=reason.upper(),
        customer=customer,
        type=event_type,
        period=period_of(start, end, zone_of(tz)),
    )
    rows = (_TABLE_ROWS if output is Output.TABLE else 0) if limit is None else limit
    found = call_services(lambda client: _listed(client, request, rows), context)
    if output is Output.TABLE:
        print_table(("meter", "reason", "type", ">events", "since"), map(_count_row, found.counts))
        print_table(tables.PARKED_COLUMNS, map(tables.parked_row, found.events))
    else:
        print_document(
            {
                "totalCount": str(found.total_count),
                "counts": [message_document(count) for count in found.counts],
                "events": [message_document(event) for event in found.events],
            },
            output,
        )
    shown = sum(event.event_count for event in found.events)
    if any(event.meter for event in found.events):
        say(
            "each says why the version of its time can't read it; `meterline parked requeue METER --dry-run` says what "
            "the newest version makes of them"
        )
    if shown < found.total_count:
        say(f"these are the first {shown:,} of {found.total_count:,} events; --limit 0 shows all")


async def _listed(client: AsyncClient, request: pb.ListParkedEventsRequest, limit: int) -> pb.ListParkedEventsResponse:
    found = pb.ListParkedEventsResponse()
    request.page_size = min(limit, _PAGE_EVENTS)
    async for page in pages(client.aggregator.ListParkedEvents, request):
        if not found.events:
            found.counts.extend(page.counts)
            found.total_count = page.total_count
        found.events.extend(page.events)
        if limit and len(found.events) >= limit:
            del found.events[limit:]
            break
    if request.meter and not found.events:
        # An empty list would pass for good news of a meter that there is not.
        await client.aggregator.GetMeter(pb.GetMeterRequest(name=request.meter))
    return found


def _count_row(count: usage_pb2.ParkedCount) -> Sequence[str]:
    return count.meter or "-", count.reason, count.type, f"{count.event_count:,}", short_time(count.first_time)


@app.command("requeue")
def requeue(  # noqa: PLR0913, PLR0917 - options of a command
    meter: Annotated[
        str, typer.Argument(help="The meter that was mended; without one, --type is the type whose schema was mended.")
    ] = "",
    reason: ReasonOption = "",
    customer: CustomerOption = "",
    event_type: TypeOption = "",
    start: FromOption = "",
    end: ToOption = "",
    tz: ZoneOption = "UTC",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many would count.")] = False,  # noqa: FBT002
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Count the parked events of a meter, or held ones of a type, that can be read by now, each once; others stay."""
    if not meter and not event_type:
        raise InputError("name the meter that was mended, or with --type the event type whose schema was mended")
    conditions = {
        "meter": meter,
        "reason": reason.upper(),
        "customer": customer,
        "type": event_type,
        "period": period_of(start, end, zone_of(tz)),
    }
    counted, left = call_services(lambda client: _requeued(client, conditions, dry_run=dry_run), context)
    if output is Output.TABLE:
        what = "would count" if dry_run else "counted"
        rows = [(what, "-", f"{counted:,}"), *(("parked", word, f"{count:,}") for word, count in left.most_common())]
        print_table(("", "reason", ">events"), rows)
    else:
        document = {
            "meter": meter,
            "type": event_type,
            "dryRun": dry_run,
            "counted": counted,
            "stillParked": left.total(),
        }
        print_document(document | {"reasons": dict(left.most_common())}, output)
    if left and not meter:
        say(
            f"`meterline parked list --type {event_type}` says what its schema holds; apply a version that takes it, "
            "then requeue"
        )
    elif left:
        say(f"`meterline parked list {meter}` says what the meter can't read; apply a version that can, then requeue")


async def _requeued(
    client: AsyncClient, conditions: dict[str, str | values_pb2.Period | None], *, dry_run: bool
) -> tuple[int, Counter[str]]:
    counted, left = 0, Counter[str]()
    token = ""
    while True:
        fields: dict[str, Any] = {**conditions, "page_size": _PAGE_EVENTS, "page_token": token}
        request = pb.RequeueParkedRequest(request_id=str(uuid.uuid4()), validate_only=dry_run, **fields)
        page = await until_reachable(client.aggregator.RequeueParked, request)
        counted += page.counted
        left.update({one.reason: one.event_count for one in page.reasons})
        token = page.next_page_token
        if not token:
            return counted, left
