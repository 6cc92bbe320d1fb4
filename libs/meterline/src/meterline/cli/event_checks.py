"""What `--check` finds out before anything is reported: refused, given twice, not counted, without a contract."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from eventlog.fields import FIELDS
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.cli.calls import call_services, pages, until_reachable
from meterline.cli.event_batches import (
    Notice,
    Reported,
    for_all,
    given_backfill,
    no_backfill,
    on_line,
    open_backfill,
    print_faults,
    print_result,
    print_result_table,
    refusal_document,
    result_document,
    say_too_old,
    send_all,
)
from meterline.cli.exits import ExitCode
from meterline.cli.options import Output
from meterline.cli.output import print_document, print_table, write
from meterline.cli.unbilled_notes import tell_unbilled
from meterline.results import Conflict, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
    from metering.ingest.v1 import usage_event_pb2
    from meterline.cli.event_batches import Batch
    from meterline.client import AsyncClient

_LISTED_MAX: Final = 1_000
_CUSTOMERS_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class _Seen:
    """An event of the file: its line and its body, by their hashes, since a file may hold many millions."""

    line: int
    body: int


@dataclass(slots=True)
class Checked:
    """What would become of the whole input; `uncounted` are the first events that a meter, or all, would leave out."""

    reported: Reported
    uncounted: list[Refusal] = field(default_factory=list)
    uncounted_by_reason: Counter[str] = field(default_factory=Counter)
    customers: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    without_contract: list[str] = field(default_factory=list)
    repairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many events schemas would mend, by type and property."""
    tried: Sequence[aggregator_pb.TriedSchema] = ()
    """Schemas that are tried instead of those that are applied."""
    tried_meters: Sequence[aggregator_pb.TriedMeter] = ()
    """Meters, likewise."""
    backfill_id: str = ""
    """The open backfill through which they would be reported."""
    _seen: dict[int, _Seen] = field(default_factory=dict)

    def look_for_twins(self, batch: Batch) -> dict[int, Conflict | None]:
        """Find the events of a batch, by place, whose identity came before; None where the body is the same."""
        twins: dict[int, Conflict | None] = {}
        for place, (identity, event_id, body) in enumerate(_bodies(batch.request)):
            first = self._seen.setdefault(identity, _Seen(batch.lines[place], body))
            if first.line == batch.lines[place]:
                continue
            told = f"line {first.line} has another event with this source and id; the first one would stand"
            conflict = Conflict(batch.places[place], event_id, on_line(batch.lines[place], told))
            twins[place] = None if first.body == body else conflict
        return twins

    def add(
        self,
        batch: Batch,
        judged: ingest_pb.ReportResponse,
        uncounted: Sequence[aggregator_pb.UncountedEvent],
        twins: Mapping[int, Conflict | None],
    ) -> None:
        """Add what the services, and `look_for_twins`, say of a batch; what is refused is nothing else besides."""
        result = self.reported.result
        refused = {entry.index for entry in judged.refusals}
        for entry in judged.refusals:
            refusal = Refusal(batch.places[entry.index], entry.id, entry.field, entry.reason, entry.message)
            self.reported.refuse(refusal, batch.lines[entry.index])
        others = [conflict for place, conflict in twins.items() if place not in refused]
        result.conflicts += filter(None, others)
        result.duplicates += others.count(None)
        left_out = refused | twins.keys()
        result.accepted += len(batch.places) - len(left_out)
        found = [event for event in uncounted if event.index not in left_out]
        self.uncounted_by_reason.update(reason for _, reason in {(event.index, event.reason) for event in found})
        ids = _ids(batch.request)
        for event in found[: _LISTED_MAX - len(self.uncounted)]:
            message = on_line(batch.lines[event.index], event.message)
            place = batch.places[event.index]
            self.uncounted.append(Refusal(place, ids[event.index], event.meter, event.reason, message))
        customers = enumerate(_texts(batch.request, "customer"))
        self.customers.update(customer for place, customer in customers if place not in left_out)


@dataclass(frozen=True, slots=True)
class Way:
    """How events are reported: in a backfill, and in which one if not in one of their own; or only looked at."""

    backfill: bool
    backfill_id: str
    check: bool


def take_events(
    batches: Iterator[tuple[Batch, int]],
    reported: Reported,
    context: Path | None,
    output: Output,
    way: Way,
    *,
    size: int | None,
    wait_s: float,
) -> None:
    """Report the events of an input, or only check them, and print what becomes of them.

    Waits up to `wait_s` to say what no invoice will have of what was reported.
    """
    if not way.check:
        backfill = open_backfill if way.backfill else no_backfill
        if way.backfill_id:
            backfill = partial(given_backfill, way.backfill_id)
        call_services(lambda client: send_all(client, batches, reported, backfill, size=size), context)
        tell = partial(tell_unbilled, reported.sent, wait_s, context)
        print_result(reported.result, output, backfill=way.backfill, then=tell)
        return
    checked = Checked(reported, backfill_id=way.backfill_id)
    call_services(lambda client: check_all(client, batches, checked, backfill=way.backfill, size=size), context)
    print_checked(checked, output, backfill=way.backfill)


async def check_all(
    client: AsyncClient, batches: Iterator[tuple[Batch, int]], checked: Checked, *, backfill: bool, size: int | None
) -> None:
    """Have all events looked at by the services that would take and count them; none of them keeps anything."""
    notice = Notice()

    async def check(batch: Batch) -> None:
        twins = checked.look_for_twins(batch)
        request = batch.request
        request.validate_only, request.whole_past, request.backfill_id = True, backfill, checked.backfill_id
        judged = await until_reachable(client.ingest.Report, request, on_wait=notice.waiting)
        left_out = {entry.index for entry in judged.refusals} | twins.keys()
        kept = [place for place in range(len(batch.places)) if place not in left_out]
        answer = aggregator_pb.CheckEventsResponse()
        if kept:
            asked = _asked_of_meters(request, kept)
            asked.schemas.extend(checked.tried)
            asked.meters.extend(checked.tried_meters)
            answer = await until_reachable(client.aggregator.CheckEvents, asked, on_wait=notice.waiting)
        for event in answer.uncounted:
            event.index = kept[event.index]
        checked.add(batch, judged, answer.uncounted, twins)
        checked.counted.update({one.meter: one.event_count for one in answer.counted})
        checked.repairs.update({(one.type, one.property): one.event_count for one in answer.repairs})

    await for_all(batches, check, size)
    checked.reported.sort()
    checked.uncounted.sort(key=lambda event: event.index)
    checked.without_contract = sorted(checked.customers.keys() - await _customers_with_contract(client))


def _asked_of_meters(request: ingest_pb.ReportRequest, kept: Sequence[int]) -> aggregator_pb.CheckEventsRequest:
    """Return what meters are asked of the events at `kept`: what the log would not take counts for none of them."""
    if not request.HasField("columns"):
        return aggregator_pb.CheckEventsRequest(events=[request.events[place] for place in kept])
    asked = aggregator_pb.CheckEventsRequest(columns=request.columns)
    columns = asked.columns
    if len(kept) == len(columns.ids):
        return asked
    texts = [getattr(columns, field.column) for field in FIELDS]
    indexes = [column.indexes for column in (*texts, *(entry.column for entry in columns.properties))]
    for numbers in (columns.ids, columns.times_us, columns.trace_context_indexes, *indexes):
        # Without numbers, a column has one value for all.
        if numbers:
            numbers[:] = [numbers[place] for place in kept]
    return asked


async def _customers_with_contract(client: AsyncClient) -> set[str]:
    return {
        contract.spec.customer
        async for page in pages(client.rating.ListContracts, rating_pb.ListContractsRequest())
        for contract in page.contracts
    }


def print_checked(checked: Checked, output: Output, *, backfill: bool, is_told: bool = False) -> None:
    """Print what would become of the events; ends with its own exit code unless all would be accepted and counted.

    `is_told`: the document was printed already.
    """
    result = checked.reported.result
    if output is Output.TABLE:
        print_result_table(result)
        rows = [(str(e.index), e.id, e.field, e.reason, e.message) for e in checked.uncounted]
        print_faults(rows, checked.uncounted_by_reason, field="meter")
        _print_customers(checked)
    elif not is_told:
        print_document(checked_document(checked), output)
    say_too_old(result, backfill=backfill)
    if result.conflicts or result.refused or checked.uncounted:
        raise SystemExit(int(ExitCode.EVENTS_REFUSED))


def checked_document(checked: Checked) -> dict[str, Any]:
    """Return what would become of the events in the published shape."""
    return result_document(checked.reported.result) | {
        "countedByMeter": dict(sorted(checked.counted.items())),
        "repairs": [
            {"type": event_type, "property": key, "events": count}
            for (event_type, key), count in sorted(checked.repairs.items())
        ],
        "uncountedByReason": dict(checked.uncounted_by_reason.most_common()),
        "uncounted": [_uncounted_document(event) for event in checked.uncounted],
        "customersWithoutContract": [
            {"customer": customer, "events": checked.customers[customer]} for customer in checked.without_contract
        ],
    }


def _uncounted_document(event: Refusal) -> dict[str, Any]:
    document = refusal_document(event)
    return {("meter" if key == "field" else key): value for key, value in document.items()}


def _print_customers(checked: Checked) -> None:
    without = checked.without_contract
    if not without:
        return
    write("")
    shown = [(customer, f"{checked.customers[customer]:,}") for customer in without[:_CUSTOMERS_SHOWN]]
    print_table(("customer without a contract", ">events"), shown)
    if len(without) > _CUSTOMERS_SHOWN:
        write(f"… and {len(without) - _CUSTOMERS_SHOWN:,} more customers; -o json lists all")


def _bodies(request: ingest_pb.ReportRequest) -> Iterator[tuple[int, str, int]]:
    """Return identity, id and body of each event; what is compared of a body is all but its trace context."""
    ids, sources = _ids(request), _texts(request, "source")
    others = [_texts(request, field.name) for field in FIELDS if not field.is_identity]
    for event_id, source, properties, *body in zip(ids, sources, _properties(request), *others, strict=True):
        yield hash((source, event_id)), event_id, hash((properties, *body))


def missing_properties(
    request: ingest_pb.ReportRequest, wanted: Sequence[tuple[str, frozenset[str], Sequence[str]]]
) -> Counter[tuple[str, str]]:
    """Count by meter and property the events that lack it; `wanted` has of each meter name, event types, properties."""
    missing: Counter[tuple[str, str]] = Counter()
    for event_type, body in zip(_texts(request, "type"), _properties(request), strict=True):
        # Its first parts are the time.
        given = {part[0] for part in body if isinstance(part, tuple) and part[1]}
        for meter, types, keys in wanted:
            if event_type in types:
                missing.update((meter, key) for key in keys if key not in given)
    return missing


def _ids(request: ingest_pb.ReportRequest) -> Sequence[str]:
    return request.columns.ids if request.HasField("columns") else [event.id for event in request.events]


def _texts(request: ingest_pb.ReportRequest, name: str) -> Sequence[str]:
    if not request.HasField("columns"):
        return [getattr(event, name) for event in request.events]
    column = next(field.column for field in FIELDS if field.name == name)
    return [text or "" for text in _cells(getattr(request.columns, column), len(request.columns.ids))]


def _properties(request: ingest_pb.ReportRequest) -> Iterator[tuple[object, ...]]:
    """Return the time and the properties of each event."""
    if not request.HasField("columns"):
        for event in request.events:
            yield event.time.seconds, event.time.nanos, *sorted(event.properties.items())
        return
    columns = request.columns
    count = len(columns.ids)
    # Whether a property has a column depends on the other events of the batch.
    keys = sorted((entry.key, _cells(entry.column, count)) for entry in columns.properties)
    for row, time_us in enumerate(columns.times_us):
        yield time_us, *((key, cells[row]) for key, cells in keys if cells[row] is not None)


def _cells(column: usage_event_pb2.DictionaryColumn, count: int) -> list[str | None]:
    values = (None, *column.values)
    return [values[index] for index in column.indexes] if column.indexes else [values[-1]] * count
