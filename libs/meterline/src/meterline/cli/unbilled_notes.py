"""Notes on usage that no invoice will have: what `report` and `import` say of events just sent, and of invoices."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final

import typer

from chassis.errors import Forbidden, MeterlineError, Unauthenticated
from eventlog.instants import INSTANT_MAX_US
from eventlog.wire import timestamp_of_us
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.common.v1 import values_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from metering.rating.v1 import unbilled_pb2
from meterline.cli.calls import call_services
from meterline.cli.documents import enum_word, time_text
from meterline.cli.output import say
from meterline.cli.unbilled import CUSTOMERS_MAX, all_unbilled, meaning_of, reason_text
from meterline.suite.context import ContextError

if TYPE_CHECKING:
    from pathlib import Path

    from google.protobuf.timestamp_pb2 import Timestamp

    from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
    from metering.invoicing.v1 import invoice_pb2
    from meterline.client import AsyncClient

_LINES_MAX: Final = 10
_NAMES_MAX: Final = 3
_INVOICES_S: Final = 10.0
_NANOS_PER_US: Final = 1000
_US_PER_S: Final = 1_000_000

WaitOption = Annotated[
    float,
    typer.Option(
        "--wait-s",
        min=0.0,
        help="Seconds to wait at the end to say which of the events no invoice will have; 0 = don't ask.",
    ),
]
WAIT_S: Final = 10.0


# --- what was just sent ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Sent:
    """Whose events were sent, of which types, when they happened, and how far the log has to be counted for them."""

    customers: set[str] = field(default_factory=set)
    types: set[str] = field(default_factory=set)
    first_us: int = INSTANT_MAX_US
    last_us: int | None = None
    positions: dict[int, int] = field(default_factory=dict)
    epoch: str = ""

    def add(self, request: ingest_pb.ReportRequest, as_of: values_pb2.AsOf) -> None:
        """Add a batch that was answered."""
        columns, events = request.columns, request.events
        self.types.update(columns.types.values, (event.type for event in events))
        if self.are_named:
            self.customers.update(columns.customers.values, (event.customer for event in events))
        times_us = [*columns.times_us, *(_microseconds(event.time) for event in events)]
        if times_us:
            first_us, last_us = min(times_us), max(times_us)
            self.first_us = min(self.first_us, first_us)
            self.last_us = last_us if self.last_us is None else max(self.last_us, last_us)
        self.epoch = as_of.epoch or self.epoch
        for lane in as_of.lanes:
            self.positions[lane.lane] = max(self.positions.get(lane.lane, 0), lane.position)

    @property
    def are_named(self) -> bool:
        """Whether the customers are few enough to be named in one question; else all are asked for."""
        return len(self.customers) <= CUSTOMERS_MAX

    @property
    def period(self) -> values_pb2.Period:
        """From the first event to just after the last one."""
        last_us = min((self.last_us or 0) + 1, INSTANT_MAX_US)
        return values_pb2.Period(start=timestamp_of_us(self.first_us), end=timestamp_of_us(last_us))

    @property
    def as_of(self) -> values_pb2.AsOf:
        """The log up to the last event sent."""
        lanes = [values_pb2.LanePosition(lane=lane, position=self.positions[lane]) for lane in sorted(self.positions)]
        return values_pb2.AsOf(epoch=self.epoch, lanes=lanes)


def tell_unbilled(sent: Sent, wait_s: float, context: Path | None) -> None:
    """Say what no invoice will have of the customers and the time of the events sent, waiting for it for a while.

    It is a note and never fails: what was reported is reported. Without leave to read, it is left out.
    """
    if not wait_s or sent.last_us is None:
        return
    span = f"--from {time_text(sent.period.start)} --to {time_text(_whole_second_after(sent))}"
    later = f"`meterline unbilled {span} --wait`"
    try:
        rows = call_services(lambda client: _of_sent(client, sent, wait_s), context)
    except (Forbidden, Unauthenticated, ContextError):
        return
    except (MeterlineError, TimeoutError):
        say(f"not known within {wait_s:g} s whether invoices will have all of it; later, {later} tells")
        return
    if rows:
        whose = "the customers and the time" if sent.are_named else "the time"
        say(f"of {whose} of these events, no invoice will have as things are:")
        _say_lines(lines_of(rows))
        say(f"{later} lists it")


async def _of_sent(client: AsyncClient, sent: Sent, wait_s: float) -> list[unbilled_pb2.UnbilledUsage]:
    named = sorted(sent.customers) if sent.are_named else []
    of_customers = pb.ListUnbilledUsageRequest(
        customers=named, period=sent.period, freshness=aggregator_pb.Freshness(as_of=sent.as_of)
    )
    without_meter = pb.ListUnbilledUsageRequest(reason=unbilled_pb2.UNBILLED_REASON_NO_METER, period=sent.period)
    async with asyncio.timeout(wait_s):
        rows = list((await all_unbilled(client, of_customers, timeout_s=wait_s)).rows)
        if named:
            rows += (await all_unbilled(client, without_meter, timeout_s=wait_s)).rows
    # A meter that no plan prices is often one to look at only: the list has it, a note each time would be in the way.
    rows = [row for row in rows if row.reason != unbilled_pb2.UNBILLED_REASON_UNPRICED]
    return [row for row in rows if not row.event_type or row.event_type in sent.types]


def lines_of(rows: Iterable[unbilled_pb2.UnbilledUsage]) -> list[str]:
    """Return a line for each reason and meter: how many events, of whom, and what to do."""
    by_kind: dict[tuple[str, str, str], list[unbilled_pb2.UnbilledUsage]] = {}
    for row in rows:
        by_kind.setdefault((enum_word(row, "reason"), reason_text(row), row.meter), []).append(row)
    lines = []
    for (word, reason, meter), same in sorted(by_kind.items()):
        count = sum(row.event_count for row in same)
        names = list(dict.fromkeys(repr(row.customer) for row in same if row.customer))
        shown = ", ".join(names[:_NAMES_MAX]) + (f" and {len(names) - _NAMES_MAX:,} more" * (len(names) > _NAMES_MAX))
        whom = f" of {shown}" if names else ""
        counted = f", counted by {meter}" if meter and word != "PARKED" else f", parked by {meter}" if meter else ""
        events = "1 event" if count == 1 else f"{count:,} events"
        lines.append(f"  {events}{whom}{counted}: {reason}: {meaning_of(word, same)}")
    return lines


def _say_lines(lines: Sequence[str]) -> None:
    for line in lines[:_LINES_MAX]:
        say(line)
    if len(lines) > _LINES_MAX:
        say(f"  … and {len(lines) - _LINES_MAX:,} lines more")


def _whole_second_after(sent: Sent) -> Timestamp:
    return timestamp_of_us(((sent.last_us or 0) // _US_PER_S + 1) * _US_PER_S)


def _microseconds(time: Timestamp) -> int:
    return time.seconds * _US_PER_S + time.nanos // _NANOS_PER_US


# --- invoices --------------------------------------------------------------------------------------------------------


def tell_parked(invoices: Sequence[invoice_pb2.Invoice], context: Path | None) -> None:
    """Say which events of the customers and periods of invoices are parked, and the command that lists them.

    It is a note and never fails: an invoice is an invoice also where rating can't be asked.
    """
    if not invoices:
        return
    try:
        rows = call_services(lambda client: _parked_of(client, invoices), context)
    except (MeterlineError, ContextError):
        return
    by_meter: dict[tuple[str, str, str], list[unbilled_pb2.UnbilledUsage]] = {}
    for row in rows:
        by_meter.setdefault((row.customer, row.billing_period, row.meter), []).append(row)
    lines = []
    for (customer, billing_period, meter), same in sorted(by_meter.items()):
        count, reasons = sum(row.event_count for row in same), ", ".join(row.park_reason for row in same)
        parked = f"{parked_count_text(count)} not billed, parked by {meter} ({reasons})"
        lines.append(f"{customer}, {billing_period}: {parked}; {parked_command(meter, customer, same[0].period)}")
    _say_lines(lines)


async def _parked_of(client: AsyncClient, invoices: Sequence[invoice_pb2.Invoice]) -> list[unbilled_pb2.UnbilledUsage]:
    wanted = {(invoice.customer, invoice.contract, invoice.billing_period) for invoice in invoices}
    customers = sorted({invoice.customer for invoice in invoices})
    start = min((invoice.period.start for invoice in invoices), key=_microseconds)
    end = max((invoice.period.end for invoice in invoices), key=_microseconds)
    request = pb.ListUnbilledUsageRequest(
        customers=customers if len(customers) <= CUSTOMERS_MAX else [],
        reason=unbilled_pb2.UNBILLED_REASON_PARKED,
        period=values_pb2.Period(start=start, end=end),
    )
    rows = (await all_unbilled(client, request, timeout_s=_INVOICES_S)).rows
    return [row for row in rows if (row.customer, row.contract, row.billing_period) in wanted]


def parked_count_text(count: int) -> str:
    """Say how many events."""
    return "1 event is" if count == 1 else f"{count:,} events are"


def parked_command(meter: str, customer: str, period: values_pb2.Period) -> str:
    """Return how to list parked events."""
    span = f"--from {time_text(period.start)} --to {time_text(period.end)}"
    return f"`meterline get parked {meter} --customer {shlex.quote(customer)} {span}` lists them"
