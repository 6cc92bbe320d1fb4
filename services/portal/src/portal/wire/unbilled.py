"""Usage that no invoice will have, as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventlog.wire import instant_from_proto
from metering.rating.v1 import unbilled_pb2
from portal.domain.unbilled import UnbilledPage, UnbilledRow, command_for, meaning_of
from portal.wire.values import freshness_from_proto, optional_decimal

if TYPE_CHECKING:
    from metering.rating.v1 import rating_service_pb2 as pb

_PREFIX: Final = "UNBILLED_REASON_"


def unbilled_from_proto(message: pb.ListUnbilledUsageResponse) -> UnbilledPage:
    """Return a page."""
    freshness = freshness_from_proto(message.as_of)
    return UnbilledPage(
        rows=tuple(map(_row, message.rows)),
        filled=message.filled,
        next=message.next_page_token or None,
        as_of=freshness.as_of,
        complete_until=freshness.complete_until,
    )


def _row(message: unbilled_pb2.UnbilledUsage) -> UnbilledRow:
    reason = unbilled_pb2.UnbilledReason.Name(message.reason).removeprefix(_PREFIX)
    return UnbilledRow(
        customer=message.customer or None,
        meter=message.meter or None,
        reason=reason,
        detail=message.park_reason or message.event_type or None,
        meaning=meaning_of(reason),
        command=command_for(reason, message.customer, message.meter),
        contract=message.contract or None,
        billing_period=message.billing_period or None,
        event_count=message.event_count,
        quantity=optional_decimal(message.quantity),
        unit=message.unit,
        first_time=instant_from_proto(message.first_time),
        last_time=instant_from_proto(message.last_time) if message.HasField("last_time") else None,
    )
