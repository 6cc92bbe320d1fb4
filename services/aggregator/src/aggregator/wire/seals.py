"""Frozen usage as messages."""

from __future__ import annotations

from aggregator.domain.seals import SealOrder, Snapshot, SnapshotWindow
from aggregator.wire.usage import meter_usage_to_proto
from eventlog.wire import as_of_to_proto, instant_in, period_in, period_to_proto, timestamp
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import usage_pb2
from money import format_decimal


def seal_order_from_proto(message: pb.SealUsageRequest) -> SealOrder:
    """Return what to freeze."""
    return SealOrder(
        customer=message.customer,
        period=period_in(message.period, "period"),
        not_before=instant_in(message.not_before, "not_before"),
        time_zone=message.time_zone,
        amends_snapshot_id=message.amends_snapshot_id or None,
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


def window_to_proto(window: SnapshotWindow) -> usage_pb2.SnapshotWindow:
    """Return a window of a snapshot as a message."""
    return usage_pb2.SnapshotWindow(
        meter=window.meter,
        window=period_to_proto(window.window),
        group=window.group,
        quantity=format_decimal(window.quantity),
        event_count=window.event_count,
    )
