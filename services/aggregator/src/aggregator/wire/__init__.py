"""Messages of the contract to what the domain speaks, and back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aggregator.domain.civil import WindowSize
from aggregator.domain.freshness import Freshness
from aggregator.domain.matching import ReadableEvent
from aggregator.domain.meter import (
    BUCKET_MINUTES_DEFAULT,
    Aggregation,
    ApplyOutcome,
    MeterSpec,
    MeterVersion,
    PropertyFilter,
    canonical,
)
from aggregator.domain.query import PAGE_ROWS_DEFAULT, UsageQuery
from aggregator.domain.snapshot import SealOrder
from aggregator.domain.uncounted import UncountedKey
from chassis.rpc.pages import page_token, place_in
from eventlog.as_of import AsOf
from eventlog.instants import microseconds_of
from eventlog.period import Period
from eventlog.wire import (
    as_of_from_proto,
    as_of_to_proto,
    instant_in,
    period_in,
    period_to_proto,
    timestamp,
)
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.common.v1 import values_pb2
from metering.ingest.v1 import ingest_service_pb2, usage_event_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aggregator.domain.meter import AppliedMeter
    from aggregator.domain.snapshot import Snapshot
    from aggregator.domain.uncounted import Uncounted, UncountedPage
    from aggregator.domain.usage import MeterUsage, UsageAnswer, UsageRow
    from aggregator.upstream import ListedEvent

_WINDOW_SIZES = {
    usage_pb2.WINDOW_SIZE_UNSPECIFIED: WindowSize.WHOLE,
    usage_pb2.WINDOW_SIZE_HOUR: WindowSize.HOUR,
    usage_pb2.WINDOW_SIZE_DAY: WindowSize.DAY,
    usage_pb2.WINDOW_SIZE_MONTH: WindowSize.MONTH,
}
_AGGREGATIONS = {
    meter_pb2.AGGREGATION_SUM: Aggregation.SUM,
    meter_pb2.AGGREGATION_COUNT: Aggregation.COUNT,
    meter_pb2.AGGREGATION_COUNT_UNIQUE: Aggregation.COUNT_UNIQUE,
    meter_pb2.AGGREGATION_MIN: Aggregation.MIN,
    meter_pb2.AGGREGATION_MAX: Aggregation.MAX,
    meter_pb2.AGGREGATION_LATEST: Aggregation.LATEST,
    meter_pb2.AGGREGATION_AVG: Aggregation.AVG,
}
_OUTCOMES = {
    ApplyOutcome.CREATED: values_pb2.APPLY_OUTCOME_CREATED,
    ApplyOutcome.UNCHANGED: values_pb2.APPLY_OUTCOME_UNCHANGED,
    ApplyOutcome.NEW_VERSION: values_pb2.APPLY_OUTCOME_NEW_VERSION,
}
_AGGREGATION_NUMBERS = {aggregation: number for number, aggregation in _AGGREGATIONS.items()}


def spec_from_proto(message: meter_pb2.MeterSpec) -> MeterSpec:
    """Return the meter asked for, with its sets in order."""
    effective_from = None
    if message.HasField("effective_from"):
        effective_from = instant_in(message.effective_from, "spec.effective_from")
    return canonical(
        MeterSpec(
            event_types=tuple(message.event_types),
            aggregation=_AGGREGATIONS[message.aggregation],
            value_property=message.value_property,
            filters=_filters(message.filters),
            group_by=tuple(message.group_by),
            unit=message.unit,
            bucket_minutes=message.bucket_minutes or BUCKET_MINUTES_DEFAULT,
            effective_from=effective_from,
            description=message.description,
        )
    )


def meter_to_proto(version: MeterVersion) -> meter_pb2.Meter:
    """Return a version as a message; its effective time is the one that holds, also when it was left open."""
    spec = version.spec
    message = meter_pb2.Meter(
        name=version.name,
        version=version.version,
        spec=meter_pb2.MeterSpec(
            event_types=spec.event_types,
            aggregation=_AGGREGATION_NUMBERS[spec.aggregation],
            value_property=spec.value_property,
            filters=[meter_pb2.PropertyFilter(property=item.key, values=item.values) for item in spec.filters],
            group_by=spec.group_by,
            unit=spec.unit,
            bucket_minutes=spec.bucket_minutes,
            description=spec.description,
        ),
        created_at=timestamp(version.created_at),
        filled=version.filled,
    )
    if version.counts_from is not None:
        message.spec.effective_from.FromDatetime(version.counts_from)
    return message


def query_from_proto(message: pb.QueryUsageRequest) -> UsageQuery:
    """Return the question."""
    return UsageQuery(
        meter=message.meter,
        customers=tuple(sorted(set(message.customers))),
        period=period_in(message.period, "period"),
        window_size=_WINDOW_SIZES[message.window_size],
        time_zone=message.time_zone,
        group_by=tuple(message.group_by),
        filters=_filters(message.filters),
        page_rows=message.page_size or PAGE_ROWS_DEFAULT,
        page_token=message.page_token,
    )


def row_to_proto(row: UsageRow) -> usage_pb2.UsageRow:
    """Return a row of an answer as a message."""
    return usage_pb2.UsageRow(
        customer=row.customer,
        window=period_to_proto(row.window),
        group=row.group,
        quantity=row.quantity,
        event_count=row.event_count,
    )


def meter_usage_to_proto(usage: MeterUsage) -> usage_pb2.MeterUsage:
    """Return a meter's quantity as a message."""
    return usage_pb2.MeterUsage(
        meter=usage.meter,
        meter_versions=usage.versions,
        aggregation=_AGGREGATION_NUMBERS[usage.aggregation],
        unit=usage.unit,
        quantity=usage.quantity,
        event_count=usage.event_count,
        parked_count=usage.parked_count,
    )


def snapshot_to_proto(snapshot: Snapshot) -> usage_pb2.UsageSnapshot:
    """Return a snapshot as a message."""
    return usage_pb2.UsageSnapshot(
        id=snapshot.snapshot_id,
        customer=snapshot.key.customer,
        period=period_to_proto(snapshot.key.period),
        revision=snapshot.revision,
        amends_snapshot_id=snapshot.amends_snapshot_id or "",
        usage=map(meter_usage_to_proto, snapshot.usage),
        as_of=as_of_to_proto(snapshot.as_of),
        sealed_at=timestamp(snapshot.sealed_at),
        digest=snapshot.digest,
        traceparent=snapshot.traceparent,
    )


def snapshot_window_to_proto(document: Mapping[str, Any]) -> usage_pb2.SnapshotWindow:
    """Return a stored window of a snapshot as a message."""
    period = Period(datetime.fromisoformat(document["start"]), datetime.fromisoformat(document["end"]))
    return usage_pb2.SnapshotWindow(
        meter=document["meter"],
        window=period_to_proto(period),
        group=document["group"],
        quantity=document["quantity"],
        event_count=document["event_count"],
    )


def events_request(
    customer: str, types: Sequence[str], period: Period, after: AsOf | None, up_to: AsOf
) -> ingest_service_pb2.ListEventsRequest:
    """Return the request for the events of a customer, of some types and a period, between two points of the log."""
    return ingest_service_pb2.ListEventsRequest(
        customers=[customer],
        types=types,
        period=period_to_proto(period),
        after=None if after is None else as_of_to_proto(after),
        up_to=as_of_to_proto(up_to),
    )


def readable_event(message: usage_event_pb2.StoredEvent) -> ReadableEvent:
    """Return what meters look at of an event."""
    event = message.event
    return ReadableEvent(event.type, microseconds_of(event.time.ToDatetime(tzinfo=UTC)), event.properties)


def applied_to_proto(applied: AppliedMeter) -> pb.ApplyMeterResponse:
    """Return what applying a meter did as a message."""
    return pb.ApplyMeterResponse(outcome=_OUTCOMES[applied.outcome], meter=meter_to_proto(applied.version))


def freshness_from_proto(message: pb.Freshness) -> Freshness:
    """Return how fresh an answer must be."""
    match message.WhichOneof("at_least"):
        case "as_of":
            return Freshness(as_of=as_of_from_proto(message.as_of))
        case "latest":
            return Freshness(latest=message.latest)
        case _:
            return Freshness()


def usage_answer_to_proto(answer: UsageAnswer) -> pb.QueryUsageResponse:
    """Return a page of usage as a message."""
    return pb.QueryUsageResponse(
        rows=map(row_to_proto, answer.rows),
        unit=answer.unit,
        as_of=as_of_to_proto(answer.as_of),
        next_page_token=answer.next_page_token,
        filled=answer.filled,
    )


def seal_order_from_proto(message: pb.SealUsageRequest) -> SealOrder:
    """Return what to freeze."""
    return SealOrder(
        customer=message.customer,
        period=period_in(message.period, "period"),
        not_before=instant_in(message.not_before, "not_before"),
        time_zone=message.time_zone,
        amends_snapshot_id=message.amends_snapshot_id,
    )


def listed_events_to_proto(page: Sequence[ListedEvent]) -> pb.ListUsageEventsResponse:
    """Return a page of counted events as a message."""
    return pb.ListUsageEventsResponse(
        events=(usage_pb2.MeteredEvent(event=listed.logged.stored, value=listed.value) for listed in page)
    )


def uncounted_key_from_token(token: str) -> UncountedKey | None:
    """Return the place after which a page of uncounted events begins. Raises InvalidRequest."""
    place = place_in(token, [str, int, int, int, str])
    return None if place is None else UncountedKey(*place)


def uncounted_page_to_proto(page: UncountedPage) -> pb.ListParkedEventsResponse:
    """Return a page of uncounted events as a message."""
    token = ""
    if page.more:
        key = page.entries[-1].key
        token = page_token(key.meter, key.meter_id, key.lane, key.position, key.event_type)
    return pb.ListParkedEventsResponse(
        events=map(_parked_to_proto, page.entries), total_count=page.total_count, next_page_token=token
    )


def _parked_to_proto(entry: Uncounted) -> usage_pb2.ParkedEvent:
    return usage_pb2.ParkedEvent(
        meter=entry.key.meter,
        reason=entry.reason,
        message=entry.message,
        type=entry.key.event_type,
        customer=entry.customer,
        source=entry.source,
        id=entry.event_id,
        time=timestamp(entry.time),
        lane=entry.key.lane,
        position=entry.key.position,
        event_count=entry.event_count,
        last_position=entry.last_position,
    )


def _filters(messages: Iterable[meter_pb2.PropertyFilter]) -> tuple[PropertyFilter, ...]:
    return tuple(PropertyFilter(message.property, tuple(message.values)) for message in messages)
