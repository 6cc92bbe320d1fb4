"""Events that were not reported yet, and what would not be counted of them, as messages."""

from __future__ import annotations

from typing import Final

from aggregator.domain.checks import CheckedEvents
from aggregator.domain.meters import MeterSpec
from aggregator.domain.schemas import SchemaSpec
from aggregator.wire import meters
from aggregator.wire.schemas import repaired_to_proto, spec_from_proto
from chassis.errors import InvalidRequest, Reason, TooBig
from chassis.errors.refused import refusals
from chassis.rpc.validation import check_request
from eventlog.columns import EventColumns, EventRows
from eventlog.payload import columns_from_proto
from eventlog.rows import columns_of
from metering.aggregator.v1 import aggregator_service_pb2 as pb

EVENTS_MAX: Final = 10_000


def events_from_proto(request: pb.CheckEventsRequest) -> EventColumns:
    """Read a batch in either form. Raises InvalidRequest or TooBig."""
    has_columns = request.HasField("columns")
    if has_columns == bool(request.events):
        raise InvalidRequest(Reason.REQUEST_INVALID, "send events either as rows or as columns")
    count = len(request.columns.ids) if has_columns else len(request.events)
    if count == 0:
        raise InvalidRequest(Reason.BATCH_EMPTY, "the batch holds no event; send 1 or more as events or as columns")
    if count > EVENTS_MAX:
        message = f"the batch holds {count} events; split it into batches of at most {EVENTS_MAX}"
        raise TooBig(Reason.BATCH_TOO_LARGE, message)
    if not has_columns:
        return columns_of(EventRows(request.events))
    with refusals("columns"):
        return columns_from_proto(request.columns)


def checked_to_proto(checked: CheckedEvents) -> pb.CheckEventsResponse:
    """Return what would be counted, and what not."""
    return pb.CheckEventsResponse(
        uncounted=(
            pb.UncountedEvent(index=event.index, meter=event.meter, reason=event.reason, message=event.message)
            for event in checked.uncounted
        ),
        counted=(pb.CountedEvents(meter=name, event_count=count) for name, count in sorted(checked.counted.items())),
        repairs=(
            pb.RepairCount(type=event_type, property=key, event_count=count)
            for (event_type, key), count in sorted(checked.repairs.items())
        ),
        repaired=(
            pb.RepairedEvent(index=index, properties=repaired_to_proto(properties))
            for index, properties in checked.repaired.items()
        ),
    )


def check_tried(request: pb.CheckEventsRequest) -> None:
    """Refuse schemas and meters that break their contract; events are judged one by one. Raises InvalidRequest."""
    check_request(pb.CheckEventsRequest(schemas=request.schemas, meters=request.meters))


def schemas_from_proto(request: pb.CheckEventsRequest) -> dict[str, SchemaSpec]:
    """Return the schemas that are tried, by type. Raises InvalidRequest."""
    return {schema.name: spec_from_proto(schema.spec) for schema in request.schemas}


def meters_from_proto(request: pb.CheckEventsRequest) -> dict[str, MeterSpec]:
    """Return the meters that are tried, by name. Raises InvalidRequest."""
    return {meter.name: meters.spec_from_proto(meter.spec) for meter in request.meters}
