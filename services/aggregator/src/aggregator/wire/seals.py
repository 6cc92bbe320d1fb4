"""Frozen usage as messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from uuid import UUID

from aggregator.domain.seals import SealOrder, Snapshot, SnapshotWindow, WindowPage
from aggregator.wire.usage import meter_usage_to_proto, optional_decimal
from chassis.rpc.pages import fitting, name_in, page_token, page_token_invalid, place_in
from eventlog.period import Period
from eventlog.wire import as_of_to_proto, instant_in, period_in, period_to_proto, timestamp
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import usage_pb2
from money import format_decimal

_PAGE_WINDOWS: Final = 20_000
"""Windows looked at for a page whose size is left open; what of them fits into a message is sent."""


def seal_order_from_proto(message: pb.SealUsageRequest) -> SealOrder:
    """Return what to freeze."""
    return SealOrder(
        customer=message.customer,
        period=period_in(message.period, "period"),
        not_before=instant_in(message.not_before, "not_before"),
        time_zone=message.time_zone,
        amends_snapshot_id=message.amends_snapshot_id or None,
        bounds={
            one.meter: tuple(instant_in(bound, f"bounds[{place}].bounds[{at}]") for at, bound in enumerate(one.bounds))
            for place, one in enumerate(message.bounds)
        },
        spans=tuple(period_in(span, f"spans[{place}]") for place, span in enumerate(message.spans)),
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


def snapshot_head_to_proto(snapshot: Snapshot) -> usage_pb2.UsageSnapshot:
    """Return a snapshot without its usage as a message."""
    return snapshot_to_proto(replace(snapshot, usage=()))


def snapshot_after(token: str) -> UUID:
    """Return the id after which a page of snapshots begins. Raises InvalidRequest PAGE_TOKEN_INVALID."""
    try:
        return UUID(name_in(token)) if token else UUID(int=0)
    except ValueError:
        raise page_token_invalid() from None


def windows_in_from_proto(request: pb.GetSnapshotRequest) -> Period | None:
    """Return the time whose windows are asked for; None: all."""
    return period_in(request.windows_in, "windows_in") if request.HasField("windows_in") else None


def window_place_from_proto(request: pb.GetSnapshotRequest) -> tuple[int, int]:
    """Return after how many windows the page begins, and how many it may have. Raises InvalidRequest."""
    snapshot_id, meter, offset = place_in(request.page_token, [str, str, int]) or (*_list_of(request), 0)
    if (snapshot_id, meter) != _list_of(request) or offset < 0:
        raise page_token_invalid()
    return offset, request.page_size or _PAGE_WINDOWS


def snapshot_page_to_proto(
    request: pb.GetSnapshotRequest, snapshot: Snapshot, page: WindowPage, offset: int
) -> pb.GetSnapshotResponse:
    """Return a snapshot with as many of the windows as fit into one message."""
    windows = fitting(list(map(window_to_proto, page.windows)), lambda window: window.ByteSize())
    next_offset = page.next_offset if len(windows) == len(page.windows) else offset + len(windows)
    return pb.GetSnapshotResponse(
        snapshot=snapshot_to_proto(snapshot),
        windows=windows,
        next_page_token="" if next_offset is None else page_token(*_list_of(request), next_offset),
        window_count=page.total_count,
    )


def _list_of(request: pb.GetSnapshotRequest) -> tuple[str, str]:
    within = windows_in_from_proto(request)
    of_time = "" if within is None else f" {within.start.isoformat()}/{within.end.isoformat()}"
    return request.snapshot_id, request.windows_of_meter + of_time


def window_to_proto(window: SnapshotWindow) -> usage_pb2.SnapshotWindow:
    """Return a window of a snapshot as a message."""
    return usage_pb2.SnapshotWindow(
        meter=window.meter,
        window=period_to_proto(window.window),
        group=window.group,
        quantity=format_decimal(window.quantity),
        event_count=window.event_count,
        billable_quantity=optional_decimal(window.billable),
        is_other_group=window.is_other_group,
    )
