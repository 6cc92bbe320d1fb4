"""What is ahead of its left neighbor: frozen facts that rest on something which a restore has lost."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.common.v1 import feed_service_pb2, feed_service_pb2_grpc
from metering.invoicing.v1 import invoicing_service_pb2 as invoicing_pb
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.cli.calls import pages
from meterline.cli.documents import time_text
from meterline.cli.output import print_table, say, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from metering.aggregator.v1 import usage_pb2
    from metering.common.v1 import feed_pb2, values_pb2
    from metering.common.v1 import feed_service_pb2_grpc as feed_grpc
    from metering.invoicing.v1 import invoice_pb2
    from meterline.client import AsyncClient

_LINES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Ahead:
    """A fact whose left neighbor has lost what it rests on; `lines` are the invoice lines that rest on it."""

    kind: str
    name: str
    lost: str
    lost_by: str
    lines: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "kind": self.kind,
            "name": self.name,
            "lost": self.lost,
            "lostBy": self.lost_by,
            "invoiceLines": list(self.lines),
        }


async def walk_left(client: AsyncClient) -> list[Ahead]:
    """Return what is ahead of its left neighbor: lines of invoices, charges, and snapshots.

    Read from right to left, so that what is made in the meantime rests on something that is read later.
    """
    listed = pages(client.invoicing.ListInvoices, invoicing_pb.ListInvoicesRequest())
    lines = [line async for page in listed for invoice in page.invoices for line in invoice.lines]
    rated = pages(client.rating.ListRatedPeriods, rating_pb.ListRatedPeriodsRequest())
    periods = [period async for page in rated for period in page.periods]
    sealed = pages(client.aggregator.ListSnapshots, aggregator_pb.ListSnapshotsRequest())
    snapshots = [snapshot async for page in sealed for snapshot in page.snapshots]
    feed: feed_grpc.FeedServiceAsyncStub = feed_service_pb2_grpc.FeedServiceStub(client.channel("ingest"))
    heads = (await feed.Heads(feed_service_pb2.HeadsRequest())).heads
    return [
        *lines_ahead(lines, periods),
        *charges_ahead(lines, periods, snapshots),
        *snapshots_ahead(lines, snapshots, heads),
    ]


def lines_ahead(lines: Iterable[invoice_pb2.InvoiceLine], periods: Iterable[rating_pb.RatedPeriod]) -> Iterator[Ahead]:
    """Yield the lines whose charge rating has lost."""
    charges = {charge_id for period in periods for charge_id in period.charge_ids}
    for line in lines:
        if line.charge_id not in charges:
            yield Ahead("line", line.id, f"charge {line.charge_id}", "rating", (line.id,))


def charges_ahead(
    lines: Iterable[invoice_pb2.InvoiceLine],
    periods: Iterable[rating_pb.RatedPeriod],
    snapshots: Iterable[usage_pb2.UsageSnapshot],
) -> Iterator[Ahead]:
    """Yield the charges of periods whose snapshot the aggregator has lost."""
    known = {snapshot.id for snapshot in snapshots}
    by_charge = _lines_by(lines, "charge_id")
    for period in periods:
        if period.snapshot_id not in known:
            billed = tuple(line for charge_id in period.charge_ids for line in by_charge.get(charge_id, ()))
            name = f"{period.contract} {period.billing_period}"
            yield Ahead("charges", name, f"snapshot {period.snapshot_id}", "aggregator", billed)


def snapshots_ahead(
    lines: Iterable[invoice_pb2.InvoiceLine], snapshots: Iterable[usage_pb2.UsageSnapshot], heads: feed_pb2.FeedHeads
) -> Iterator[Ahead]:
    """Yield the snapshots that count further than the log now is the one they were counted from."""
    by_snapshot = _lines_by(lines, "snapshot_id")
    shared = {earlier.epoch: _positions(earlier.lanes) for earlier in heads.earlier}
    shared[heads.epoch] = _positions(heads.lanes)
    for snapshot in snapshots:
        reach = shared.get(snapshot.as_of.epoch, {})
        beyond = sum(max(0, lane.position - reach.get(lane.lane, 0)) for lane in snapshot.as_of.lanes)
        if beyond:
            start, end = time_text(snapshot.period.start), time_text(snapshot.period.end)
            name = f"{snapshot.id} of {snapshot.customer}, {start} to {end}"
            lost = f"{beyond} positions of the event log"
            yield Ahead("snapshot", name, lost, "ingest", by_snapshot.get(snapshot.id, ()))


def _positions(lanes: Iterable[values_pb2.LanePosition]) -> dict[int, int]:
    return {lane.lane: lane.position for lane in lanes}


def _lines_by(lines: Iterable[invoice_pb2.InvoiceLine], name: str) -> Mapping[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in lines:
        found[getattr(line, name)].append(line.id)
    return {key: tuple(ids) for key, ids in found.items()}


def print_ahead(found: Sequence[Ahead]) -> None:
    """Print what is ahead, and what to do about it."""
    if not found:
        write(
            "nothing is ahead: each line has its charge, each charge its snapshot, each snapshot its place in the log"
        )
        return
    rows = [(one.kind, one.name, f"{one.lost} (by {one.lost_by})", _lines_text(one.lines)) for one in found]
    print_table(("what", "name", "lost", "billed on"), rows)
    say(f"{len(found):,} facts rest on what a restore has lost; they stay as they are: follow the runbook restore")


def _lines_text(lines: Sequence[str]) -> str:
    shown = ", ".join(lines[:_LINES_SHOWN])
    return shown + (f" and {len(lines) - _LINES_SHOWN:,} more" if len(lines) > _LINES_SHOWN else "")
