"""Usage as the aggregator tells it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from eventlog.wire import as_of_from_answer, as_of_from_proto
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from money import DERIVED, parse_decimal
from rating.domain.charges import CurrentQuantity, MeterUsage, Usage
from rating.domain.meters import KnownMeter

_ADD_UP: Final = {meter_pb2.AGGREGATION_SUM, meter_pb2.AGGREGATION_COUNT}
"""Of these, the quantities of windows and groups add up to that of the whole."""
_WHOLE: Final = {
    meter_pb2.AGGREGATION_COUNT,
    meter_pb2.AGGREGATION_COUNT_UNIQUE,
    meter_pb2.AGGREGATION_LIVE_COUNT,
}
"""These count in whole numbers."""
_GO_ON: Final = {
    meter_pb2.AGGREGATION_DURATION,
    meter_pb2.AGGREGATION_WEIGHTED_SUM,
    meter_pb2.AGGREGATION_PERCENTILE,
    meter_pb2.AGGREGATION_LIVE_COUNT,
    meter_pb2.AGGREGATION_RUNNING_TOTAL,
    meter_pb2.AGGREGATION_FORMULA,
}
"""These are quantities of time that passes, or may be computed from such ones."""


def usage_from_totals(response: aggregator_pb.QueryTotalsResponse) -> Usage:
    """Return usage as it is now."""
    return Usage(_meters(response.usage), as_of_from_answer(response.as_of))


def current_from_proto(response: aggregator_pb.CurrentUsageResponse) -> CurrentQuantity:
    """Return a whole quantity from memory."""
    quantity = parse_decimal(response.quantity or "0", DERIVED)
    staleness_s = response.staleness_ms / 1000
    return CurrentQuantity(quantity, response.unit, as_of_from_answer(response.as_of), staleness_s)


def usage_from_snapshot(snapshot: usage_pb2.UsageSnapshot) -> Usage:
    """Return frozen usage."""
    return Usage(
        meters=_meters(snapshot.usage),
        as_of=as_of_from_proto(snapshot.as_of),
        snapshot_id=snapshot.id,
        amends_snapshot_id=snapshot.amends_snapshot_id,
        traceparent=snapshot.traceparent,
    )


def known_meters(meters: Iterable[meter_pb2.Meter]) -> dict[str, KnownMeter]:
    """Return what is known of meters, by name."""
    return {
        meter.name: KnownMeter(
            unit=meter.spec.unit,
            is_whole=meter.spec.aggregation in _WHOLE,
            computed_from=tuple(component.meter for component in meter.spec.formula.components),
        )
        for meter in meters
    }


def _meters(usage: Iterable[usage_pb2.MeterUsage]) -> dict[str, MeterUsage]:
    return {
        entry.meter: MeterUsage(
            quantity=parse_decimal(entry.quantity or "0", DERIVED),
            unit=entry.unit,
            event_count=entry.event_count,
            adds_up=entry.aggregation in _ADD_UP,
            goes_on=entry.aggregation in _GO_ON,
            rounded=parse_decimal(entry.billable_quantity, DERIVED) if entry.billable_quantity else None,
        )
        for entry in usage
    }
