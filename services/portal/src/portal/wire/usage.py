"""Usage as messages."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from eventlog.period import Period
from eventlog.wire import instant_from_proto, period_to_proto
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from portal.domain.usage import MeterCounts, UsageQuestion, UsageRow
from portal.wire.values import freshness_from_proto, optional_decimal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portal.domain.exploring import Window

WINDOWS: Final[Mapping[Window | None, usage_pb2.WindowSize.ValueType]] = {
    None: usage_pb2.WINDOW_SIZE_UNSPECIFIED,
    "hour": usage_pb2.WINDOW_SIZE_HOUR,
    "day": usage_pb2.WINDOW_SIZE_DAY,
    "week": usage_pb2.WINDOW_SIZE_WEEK,
    "month": usage_pb2.WINDOW_SIZE_MONTH,
}
ROWS_PER_PAGE: Final = 10_000
SCAN_EVENTS_MAX: Final = 2_000_000
"""Most events of the log that are read for one question of a page."""


def question_to_proto(customer: str, question: UsageQuestion) -> pb.QueryUsageRequest:
    """Return the question for the first page of usage."""
    return pb.QueryUsageRequest(
        meter=question.meter,
        customers=[customer],
        period=period_to_proto(Period(question.start, question.end)),
        window_size=WINDOWS[question.window],
        time_zone=question.time_zone,
        group_by=[question.group_by] if question.group_by else [],
        filters=filters_to_proto(question.filters),
        page_size=ROWS_PER_PAGE,
        top=question.top,
        scan_events_max=SCAN_EVENTS_MAX if question.reads_log else 0,
    )


def filters_to_proto(filters: Mapping[str, Sequence[str]]) -> list[meter_pb2.PropertyFilter]:
    """Return conditions on properties."""
    return [meter_pb2.PropertyFilter(property=name, values=values) for name, values in filters.items()]


def row_from_proto(message: usage_pb2.UsageRow) -> UsageRow:
    """Return one row of usage."""
    return UsageRow(
        start=instant_from_proto(message.window.start),
        group=message.group[0] if message.group else "",
        quantity=Decimal(message.quantity),
        event_count=message.event_count,
        # Both are what is not told by itself.
        is_other=message.is_other or message.is_other_group,
        billable=optional_decimal(message.billable_quantity),
    )


def counts_from_proto(message: pb.QueryTotalsResponse) -> MeterCounts:
    """Return how many events each meter has counted."""
    return MeterCounts(
        events={usage.meter: usage.event_count for usage in message.usage},
        freshness=freshness_from_proto(message.as_of),
    )
