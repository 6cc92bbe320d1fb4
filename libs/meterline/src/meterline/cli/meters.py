"""`meterline meter`: how far new meters are filled, and what a draft of a meter would count."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from metering.aggregator.v1 import aggregator_service_pb2 as pb
from meterline.catalog.files import read_catalog
from meterline.cli.calls import call_services, pages
from meterline.cli.documents import local_time_text, message_document, short_time
from meterline.cli.options import ContextOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, say, write
from meterline.cli.usage import WINDOW_SIZES, Window, period_between, zone_of
from meterline.errors import InputError, InputErrors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from metering.aggregator.v1 import meter_pb2, reconciliation_pb2
    from meterline.client import AsyncClient

app = plain_app("Meters over time: how far a new one is filled, and what a draft would count.")
_PREVIEW_LIMIT_S: Final = 3600.0
_TELL_EVERY: Final = 1_000_000
_STATUS_COLUMNS: Final = (
    "name",
    ">version",
    "state",
    ">done",
    ">positions",
    ">per second",
    "filled at about",
    ">groups",
    "others as one since",
)


@app.command("status")
def status(
    name: Annotated[str, typer.Argument(help="Only this meter. Default: all.")] = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show how far the past of new and changed meters is counted, and which ones count some of their groups as one."""
    found = call_services(lambda client: _meters(client, name), context)
    if output is Output.TABLE:
        print_table(_STATUS_COLUMNS, map(_status_row, found))
    else:
        print_document([_status_document(meter) for meter in found], output)


async def _meters(client: AsyncClient, name: str) -> list[meter_pb2.Meter]:
    if name:
        return [(await client.aggregator.GetMeter(pb.GetMeterRequest(name=name))).meter]
    listed = pages(client.aggregator.ListMeters, pb.ListMetersRequest())
    return [meter async for page in listed for meter in page.meters]


def _status_row(meter: meter_pb2.Meter) -> Sequence[str]:
    fill, version, groups = meter.fill, str(meter.version), _groups_cells(meter)
    if meter.filled:
        return meter.name, version, "counted", "-", "-", "-", "-", *groups
    share = f"{100 * fill.positions_done // max(fill.positions_total, 1)}%"
    end = short_time(fill.estimated_end) if fill.HasField("estimated_end") else "not known yet"
    state = "pending" if meter.pending else "filling"
    return meter.name, version, state, share, f"{fill.positions_total:,}", f"{fill.positions_per_s:,}", end, *groups


def _groups_cells(meter: meter_pb2.Meter) -> tuple[str, str]:
    if not meter.HasField("groups"):
        return "-", "-"
    is_full = meter.groups.HasField("full_since")
    return f"{meter.groups.told_apart:,}", short_time(meter.groups.full_since) if is_full else "-"


def _status_document(meter: meter_pb2.Meter) -> dict[str, object]:
    fill = message_document(meter.fill) if meter.HasField("fill") else None
    groups = {"groups": message_document(meter.groups)} if meter.HasField("groups") else {}
    state = {"filled": meter.filled, "pending": meter.pending}
    return {"name": meter.name, "version": meter.version, **state, "fill": fill, **groups}


@app.command("preview")
def preview(  # noqa: PLR0913, PLR0917 - options of a command
    file: Annotated[Path, typer.Option("-f", "--file", help="Catalog file with the draft, or - for standard input.")],
    start: Annotated[str, typer.Option("--from", help="First instant, RFC 3339, or a date: its midnight in --tz.")],
    end: Annotated[str, typer.Option("--until", "--to", help="First instant after, RFC 3339, or a date.")],
    customer: Annotated[str, typer.Option("--customer", help="Only this customer. Default: all.")] = "",
    window: Annotated[Window | None, typer.Option(help="Break down by time. Default: the whole period.")] = None,
    tz: Annotated[str, typer.Option(help="IANA zone of days, weeks and months.")] = "UTC",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Count real events by a draft of a meter, beside the meter as it is. Nothing is written."""
    zone = zone_of(tz)
    request = _draft(file)
    request.period.CopyFrom(period_between(start, end, zone))
    request.customer, request.window_size, request.time_zone = customer, WINDOW_SIZES[window], tz
    found = call_services(lambda client: _previewed(client, request), context)
    if output is Output.TABLE:
        _print_preview(request.name, found, zone)
    else:
        print_document({"meter": request.name, **message_document(found)}, output)


def _draft(file: Path) -> pb.PreviewMeterRequest:
    """Read the one meter of a file. Raises InputError."""
    read = read_catalog([file])
    if read.mistakes:
        raise InputErrors(read.mistakes)
    drafts = [entry for entry in read.entries if entry.kind.name == "Meter"]
    if len(drafts) != 1:
        raise InputError(f"{file} has {len(drafts)} meters; a preview is of one")
    return pb.PreviewMeterRequest(name=drafts[0].name, spec=drafts[0].request.spec)


async def _previewed(client: AsyncClient, request: pb.PreviewMeterRequest) -> reconciliation_pb2.MeterPreview:
    told = 0
    found = pb.PreviewMeterResponse()
    async for found in client.aggregator.PreviewMeter(request, timeout=_PREVIEW_LIMIT_S):
        if found.progress.positions_done >= told + _TELL_EVERY:
            told = found.progress.positions_done
            say(f"read {told:,} of {found.progress.positions_total:,} positions")
    return found.result


def _print_preview(name: str, found: reconciliation_pb2.MeterPreview, zone: ZoneInfo) -> None:
    has_billed = any(row.billable_quantity or row.draft_billable_quantity for row in found.rows)
    rows = [
        (
            row.customer,
            local_time_text(row.window.start, zone),
            local_time_text(row.window.end, zone),
            row.quantity,
            row.draft_quantity,
            row.difference,
            *([row.billable_quantity or "-", row.draft_billable_quantity or "-"] if has_billed else []),
            f"{row.event_count:,}",
            f"{row.draft_event_count:,}",
        )
        for row in found.rows
    ]
    unit = f" {found.unit}" if found.unit else ""
    billed = (">billed now", ">billed by the draft") if has_billed else ()
    quantities = (f">now{unit}", f">draft{unit}", ">difference")
    print_table(("customer", "from", "to", *quantities, *billed, ">events now", ">by the draft"), rows)
    write(f"{found.differing_count:,} of {found.row_count:,} rows differ; nothing was written")
    if not found.is_known:
        say(f"there is no meter {name} yet, so everything is new")
    if found.row_count > len(found.rows):
        say(f"these are {len(found.rows):,} rows with the largest differences; name a customer to see all of one")
    for reason, count in sorted(found.parked.items()):
        say(f"the draft could not count {count:,} events: {reason}")
