"""What tells that charges are out of date, and how far they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import zstandard
from google.protobuf.message import DecodeError

from chassis.errors import Diverged, Reason, invalid_field
from eventlog.wire import instant_from_proto, lanes_to_proto, timestamp
from metering.aggregator.v1 import usage_pb2
from metering.common.v1 import feed_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from rating.domain.contracts import AskedPeriod
from rating.domain.live import Change

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eventlog.feed.cursor import Segment
    from rating.operations.live import Progress

# Largest unpacked payload; a frame that does not say its size needs a limit, and no flush names that many customers.
_CHANGES_BYTES_MAX: Final = 256 * 1024 * 1024


def changes_from_segment(segment: Segment) -> list[Change]:
    """Return a segment of the change feed. Raises Diverged FEED_CORRUPT for what the aggregator can't have written."""
    try:
        raw = zstandard.ZstdDecompressor().decompress(segment.payload, max_output_size=_CHANGES_BYTES_MAX)
        return [
            Change(
                segment.tenant,
                change.customer,
                instant_from_proto(change.period.start),
                instant_from_proto(change.period.end),
            )
            for change in usage_pb2.UsageChanges.FromString(raw).changes
        ]
    except (zstandard.ZstdError, DecodeError, ValueError, OverflowError) as error:
        name = f"segment {segment.first_position}+{segment.count} of lane {segment.lane} in log {segment.epoch}"
        message = f"{name} can't be read: {error}; stop and compare both databases, never skip"
        raise Diverged(Reason.FEED_CORRUPT, message) from error


def asked_period(
    request: pb.ListChargesRequest
    | pb.WatchChargesRequest
    | pb.QueryCostRequest
    | pb.ExplainVarianceRequest
    | pb.GetPriceListRequest
    | pb.QuotePriceRequest,
) -> AskedPeriod:
    """Return which period is asked for. Raises InvalidRequest unless either the contract or the customer is named."""
    if bool(request.contract) == bool(request.customer):
        raise invalid_field("contract", Reason.FIELD_REQUIRED, "name either the contract or the customer")
    return AskedPeriod(request.contract, request.customer, request.billing_period)


def progress_to_proto(progress: Progress, feeds: Iterable[feed_pb2.FeedState]) -> pb.GetProgressResponse:
    """Return how far live charges are."""
    applied = progress.applied
    heads = feed_pb2.FeedHeads(epoch=applied.epoch, lanes=lanes_to_proto(applied.positions.items()))
    return pb.GetProgressResponse(
        applied=heads,
        dirty_periods=progress.dirty_periods,
        feeds=feeds,
        put_off=(
            pb.PutOffPeriod(
                contract=one.contract,
                billing_period=one.billing_period,
                attempts=one.attempts,
                due_at=timestamp(one.due_at),
                reason="" if setback is None else setback.reason,
                message="" if setback is None else setback.message,
            )
            for one, setback in progress.put_off
        ),
    )
