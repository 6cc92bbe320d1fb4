"""`meterline explain`: an invoice line, back to the events that it bills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from metering.aggregator.v1 import meter_pb2
from metering.common.v1 import feed_pb2
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from meterline.cli.calls import call_services
from meterline.cli.documents import charge_document, line_document, message_document, time_text
from meterline.cli.exits import ExitCode, fail
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, say
from meterline.cli.unbilled_notes import parked_command, parked_count_text
from money import DERIVED, ZERO, exact_arithmetic, format_decimal, parse_decimal

if TYPE_CHECKING:
    from metering.aggregator.v1 import usage_pb2
    from metering.rating.v1 import charge_pb2
    from metering.rating.v1 import rating_service_pb2 as rating_pb
    from meterline.cli.terminal import Branch
    from meterline.client import AsyncClient

_WINDOWS_SHOWN: Final = 10
_EVENTS_SHOWN: Final = 20
_RUNBOOK: Final = "something was changed: follow the runbook data-corrupted"


def explain(
    line: Annotated[str, typer.Argument(help='Line id, such as "INV-000017.3".')],
    events: Annotated[bool, typer.Option("--events", help="List the individual events, with their traces.")] = False,  # noqa: FBT002 - an option
    limit: Annotated[
        int | None, typer.Option(min=0, help="Most events; 0 = all. Default: 20 in a table, all in JSON and YAML.")
    ] = None,
    meter: Annotated[str, typer.Option(help="Of a price formula: list the events of this meter that it reads.")] = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Explain an invoice line: line, charge, price, snapshot, windows and, if asked for, events and traces."""
    shown = (_EVENTS_SHOWN if output is Output.TABLE else 0) if limit is None else limit

    async def ask(client: AsyncClient) -> tuple[pb.ExplainLineResponse, list[usage_pb2.MeteredEvent]]:
        if output is Output.TABLE:
            request = pb.ExplainLineRequest(line_id=line, page_size=_WINDOWS_SHOWN)
            response = await client.invoicing.ExplainLine(request)
        else:
            response = await client.explain_line(line)
        found: list[usage_pb2.MeteredEvent] = []
        if events:
            asked = pb.ListLineEventsRequest(line_id=line, limit=shown, meter=meter)
            call = client.invoicing.ListLineEvents(asked, timeout=600.0)
            async for page in call:
                found.extend(page.events)
        return response, found

    response, found = call_services(ask, context)
    if output is not Output.TABLE:
        print_document(_explain_document(response, found, events=events), output)
    else:
        from meterline.cli.terminal import draw_tree  # noqa: PLC0415 - as in `output`

        draw_tree(_tree(response))
        _say_parked(response)
        if found:
            _print_events(found, billed_of(response, meter).event_count)
        elif events:
            say(why_no_events(response.line))
    contradiction = contradiction_of(response, found, shown, meter) if events else ""
    if contradiction:
        fail(contradiction, ExitCode.REFUSED)


def why_no_events(line: invoice_pb2.InvoiceLine) -> str:
    """Say why a line has no events behind it."""
    if not line.meter:
        return "no events: the line does not look at usage"
    if line.kind == invoice_pb2.LINE_KIND_ADJUSTMENT:
        first = line.adjusts_line_id
        return (
            f"no event came since {first} was billed: what is counted of the same events has changed, by another "
            f"version of meter {line.meter} or of one that it reads; `meterline explain {first} --events` lists them"
        )
    return "no events: nothing was used"


def billed_of(response: pb.ExplainLineResponse, meter: str) -> invoice_pb2.InvoiceLine | charge_pb2.ChargeRead:
    """Return what the line bills of a meter that its formula reads; of its own, or none that is named, the line."""
    reads = (read for read in response.charge.charge.reads if read.meter == meter)
    return next(reads, response.line)


def contradiction_of(
    response: pb.ExplainLineResponse, found: list[usage_pb2.MeteredEvent], limit: int, meter: str = ""
) -> str:
    """Say how the events listed, at most `limit` (0: all), contradict their line; empty if they don't.

    Of an adjustment only the services can tell: another version of the meter may have counted earlier events anew.
    """
    line, snapshot = response.line, response.charge.snapshot
    if line.kind == invoice_pb2.LINE_KIND_ADJUSTMENT:
        return ""
    billed = billed_of(response, meter)
    expected = min(limit, billed.event_count) if limit else billed.event_count
    if len(found) != expected:
        return f"the line bills {billed.event_count:,} events, but {len(found):,} were listed; {_RUNBOOK}"
    sums = {usage.meter for usage in snapshot.usage if usage.aggregation == meter_pb2.AGGREGATION_SUM}
    if billed.meter in sums and len(found) == billed.event_count:
        with exact_arithmetic():
            total = sum((parse_decimal(metered.value, DERIVED) for metered in found), ZERO)
        if total != parse_decimal(billed.quantity, DERIVED):
            return f"the line bills {billed.quantity}, but its events add up to {format_decimal(total)}; {_RUNBOOK}"
    return ""


def _tree(response: pb.ExplainLineResponse) -> Branch:
    line, charge = response.line, response.charge
    stages = {
        "line": line.traceparent,
        "charge": charge.charge.traceparent,
        # A fee has none.
        "snapshot": charge.snapshot.traceparent,
    }
    traces = f"traces: {', '.join(f'{stage} {trace}' for stage, trace in stages.items() if trace)}"
    below: list[Branch] = [(step, ()) for step in response.steps]
    derivation = [(f"{step.text} = {step.value}", ()) for step in charge.charge.steps]
    below.append((f"charge {charge.charge.id}: plan {line.plan} version {line.plan_version}", derivation))
    if charge.HasField("snapshot"):
        below.append(_snapshot_branch(charge))
    below.append((traces, ()))
    adjusted = f", adjusts {line.adjusts_line_id} of contract {charge.charge.contract}" if line.adjusts_line_id else ""
    return f"{line.id} {line.item}: {line.amount} {charge.charge.currency}{adjusted}", below


def _say_parked(response: pb.ExplainLineResponse) -> None:
    """Say how many events of the line's meter were parked when its usage was sealed: the line does not bill them."""
    snapshot = response.charge.snapshot
    for usage in snapshot.usage:
        if usage.meter == response.charge.charge.meter and usage.parked_count:
            parked = f"{parked_count_text(usage.parked_count)} not in this line, parked when its usage was sealed"
            say(f"{parked}; {parked_command(usage.meter, snapshot.customer, snapshot.period)}")


def _snapshot_branch(charge: rating_pb.ExplainChargeResponse) -> Branch:
    snapshot = charge.snapshot
    reached = ", ".join(f"lane {entry.lane} to {entry.position}" for entry in snapshot.as_of.lanes)
    windows: list[Branch] = []
    for window in charge.windows:
        group = ", ".join(f"{key}={value}" for key, value in sorted(window.group.items()))
        group = "(other groups)" if window.is_other_group else group
        billed = f", billed {window.billable_quantity}" if window.billable_quantity else ""
        counted = f"{window.quantity}{billed} ({window.event_count} events)"
        windows.append((f"{time_text(window.window.start)} {group} {counted}", ()))
    if charge.window_count > len(charge.windows):
        windows.append((f"… and {charge.window_count - len(charge.windows)} more; -o json lists all", ()))
    sealed = f"sealed {time_text(snapshot.sealed_at)}, digest {snapshot.digest.hex()[:16]}…"
    return (
        f"snapshot {snapshot.id} revision {snapshot.revision}, {sealed}",
        [(f"log {snapshot.as_of.epoch}: {reached}", ()), (f"{charge.window_count} windows", windows)],
    )


def _print_events(found: list[usage_pb2.MeteredEvent], event_count: int) -> None:
    by_meter = any(metered.meter for metered in found)
    rows = [
        (
            *((metered.meter,) if by_meter else ()),
            time_text(metered.event.event.time),
            metered.event.event.id,
            _counted(metered),
            f"{metered.event.lane}:{metered.event.position}",
            _trace_id(metered.event.event.traceparent),
            _trace_id(metered.event.accepted_traceparent),
        )
        for metered in found
    ]
    titles = ("time", "event", ">value", "log", "trace of the producer", "trace of the report")
    print_table((*(("meter",) if by_meter else ()), *titles), rows)
    if len(found) < event_count:
        say(f"these are the first {len(found):,} of {event_count:,} events; --limit 0 lists all")


def _counted(metered: usage_pb2.MeteredEvent) -> str:
    # What was billed before and was voided since: the adjustment takes it off.
    return f"void of {metered.value}" if metered.event.kind == feed_pb2.ENTRY_KIND_VOID else metered.value


def _trace_id(traceparent: str) -> str:
    return traceparent.split("-")[1] if traceparent else "-"


def _explain_document(
    response: pb.ExplainLineResponse, found: list[usage_pb2.MeteredEvent], *, events: bool
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "invoice": response.invoice_number,
        "line": line_document(response.line),
        "steps": list(response.steps),
        "charge": charge_document(response.charge.charge),
        "price": message_document(response.charge.item),
        "snapshot": _snapshot_document(response.charge),
        "traceparents": {
            "line": response.line.traceparent,
            "charge": response.charge.charge.traceparent,
            "snapshot": response.charge.snapshot.traceparent,
        },
    }
    return document | ({"events": [event_document(metered) for metered in found]} if events else {})


def _snapshot_document(charge: rating_pb.ExplainChargeResponse) -> dict[str, Any] | None:
    if not charge.HasField("snapshot"):
        return None
    document = message_document(charge.snapshot)
    document["digest"] = charge.snapshot.digest.hex()
    document["windows"] = [message_document(window) for window in charge.windows]
    return document


def event_document(metered: usage_pb2.MeteredEvent) -> dict[str, Any]:
    """Write an event that counted: as it was reported, where it stands in the log, and the traces it happened in."""
    stored = metered.event
    return {
        "event": message_document(stored.event),
        **({"meter": metered.meter} if metered.meter else {}),
        "value": metered.value,
        "isVoid": metered.event.kind == feed_pb2.ENTRY_KIND_VOID,
        "lane": stored.lane,
        "position": str(stored.position),
        "acceptedAt": time_text(stored.accepted_at),
        "traceId": _trace_id(stored.event.traceparent),
        "acceptedTraceparent": stored.accepted_traceparent,
    }
