"""Cost, and the usage that it is made from, as messages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from chassis.errors import Conflict, Reason, TooBig
from chassis.errors.refused import refusals
from eventlog.period import Period
from eventlog.wire import (
    as_of_from_proto,
    as_of_to_proto,
    instant_from_proto,
    instant_in,
    period_to_proto,
    timestamp,
)
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.aggregator.v1 import usage_pb2
from metering.rating.v1 import cost_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from money import DERIVED, currency, format_decimal, format_exact, parse_decimal
from rating.domain.cells import OTHER_VALUE
from rating.domain.cost import Breakdown, CostPart, CostQuestion, UsageByWindow, UsageRow, counted_in_all
from rating.domain.cost_windows import WindowSize
from rating.wire.charges import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rating.domain.cost import AskedUsage, CostRow
    from rating.operations.cost import CostOfPeriod

_PAGE_ROWS: Final = 10_000
_ROWS_MAX: Final = 100_000
"""Most rows of usage behind one answer."""
_WINDOWS_EACH: Final = 900
"""Windows by bounds of one question about usage."""
_ANSWER_BYTES_MAX: Final = 7 * 1024 * 1024
"""Most bytes of the rows of an answer; a message has 8 MiB, and not all of it is rows."""
_WINDOW_SIZES: Final = {
    usage_pb2.WINDOW_SIZE_UNSPECIFIED: WindowSize.WHOLE,
    usage_pb2.WINDOW_SIZE_HOUR: WindowSize.HOUR,
    usage_pb2.WINDOW_SIZE_DAY: WindowSize.DAY,
    usage_pb2.WINDOW_SIZE_WEEK: WindowSize.WEEK,
    usage_pb2.WINDOW_SIZE_MONTH: WindowSize.MONTH,
}
_SIZES_TO_PROTO: Final = {size: number for number, size in _WINDOW_SIZES.items()}


# --- what the aggregator is asked ------------------------------------------------------------------------------------


def usage_query(
    asked: AskedUsage, meter: str, group_by: Sequence[str], *, running: bool
) -> aggregator_pb.QueryUsageRequest:
    """Return the question about usage, for its first page."""
    return aggregator_pb.QueryUsageRequest(
        meter=meter,
        customers=[asked.customer],
        period=period_to_proto(asked.span),
        window_size=_SIZES_TO_PROTO[asked.window_size],
        time_zone=asked.time_zone,
        group_by=group_by,
        page_size=_PAGE_ROWS,
        running=running,
    )


def usage_queries_by_bounds(
    asked: AskedUsage, meter: str, group_by: Sequence[str], bounds: Sequence[datetime]
) -> list[aggregator_pb.QueryUsageRequest]:
    """Return questions about usage whose windows begin at the span's start and at bounds: each of a stretch of it."""
    edges = [asked.span.start, *bounds, asked.span.end]
    queries = []
    for first in range(0, len(edges) - 1, _WINDOWS_EACH):
        part = edges[first : first + _WINDOWS_EACH + 1]
        query = usage_query(replace(asked, span=Period(part[0], part[-1])), meter, group_by, running=False)
        query.ClearField("window_size")
        query.bounds.extend(timestamp(bound) for bound in part[1:-1])
        queries.append(query)
    return queries


def check_rows(pages: Sequence[aggregator_pb.QueryUsageResponse]) -> None:
    """Raise TooBig if usage has more rows than one answer is made from."""
    if sum(len(page.rows) for page in pages) > _ROWS_MAX:
        raise _too_big(f"usage has more than {_ROWS_MAX:,} rows")


def usage_from_pages(pages: Sequence[aggregator_pb.QueryUsageResponse]) -> UsageByWindow:
    """Return usage by windows and groups. Raises Conflict if the log was restored between two pages."""
    as_of = counted_in_all([as_of_from_proto(page.as_of) for page in pages])
    if as_of is None:
        message = "the log of events was restored while usage was read; call again"
        raise Conflict(Reason.TRANSACTION_CONFLICT, message)
    rows = [
        UsageRow(
            instant_from_proto(row.window.start),
            (OTHER_VALUE,) * len(row.group) if row.is_other_group else tuple(row.group),
            parse_decimal(row.quantity, DERIVED),
            parse_decimal(row.billable_quantity, DERIVED) if row.billable_quantity else None,
            row.event_count,
        )
        for page in pages
        for row in page.rows
    ]
    return UsageByWindow(rows, pages[0].unit, as_of, all(page.filled for page in pages))


# --- cost ------------------------------------------------------------------------------------------------------------


def question_from_proto(request: pb.QueryCostRequest) -> CostQuestion:
    """Return what is asked of a period's cost. Raises InvalidRequest."""
    filters: dict[str, frozenset[str]] = {}
    for one in request.filters:
        # Two filters of one property both hold, as in usage.
        values = frozenset(one.values)
        filters[one.property] = filters.get(one.property, values) & values
    with refusals():
        breakdown = Breakdown(tuple(request.group_by), filters)
    until = instant_in(request.until, "until") if request.HasField("until") else None
    return CostQuestion(tuple(request.items), _WINDOW_SIZES[request.window_size], breakdown, until, request.as_draft)


def cost_to_proto(cost: CostOfPeriod) -> pb.QueryCostResponse:
    """Return what a period costs. Raises TooBig for more rows than a message holds."""
    terms, code = cost.terms, cost.terms.plan.content.currency
    minor_units = currency(code).minor_units
    response = pb.QueryCostResponse(
        rows=(_row_to_proto(row, minor_units) for row in cost.rows),
        currency=code,
        period=period_to_proto(terms.period),
        billing_period=terms.period.label,
        time_zone=terms.time_zone,
        as_of=as_of_to_proto(cost.as_of),
        contract=terms.contract,
        filled=cost.is_filled,
        other_left_out=cost.is_other_left_out,
    )
    if response.ByteSize() > _ANSWER_BYTES_MAX:
        raise _too_big(f"the answer has {len(cost.rows):,} rows")
    return response


def _row_to_proto(row: CostRow, minor_units: int) -> cost_pb2.CostRow:
    return cost_pb2.CostRow(
        item=row.item,
        kind=KINDS[row.kind],
        meter=row.meter,
        part=_PARTS[row.part],
        window=period_to_proto(row.window),
        group=("",) * len(row.group or ()) if row.is_other_group else row.group or (),
        is_grouped=row.group is not None,
        is_other_group=row.is_other_group,
        quantity="" if row.quantity is None else format_decimal(row.quantity),
        unit=row.unit,
        amount=format_decimal(row.amount, places_min=minor_units),
        exact_amount="" if row.exact_amount is None else format_exact(row.exact_amount),
    )


_PARTS: Final = {
    CostPart.USAGE: cost_pb2.COST_PART_USAGE,
    CostPart.MINIMUM: cost_pb2.COST_PART_MINIMUM,
    CostPart.FIXED: cost_pb2.COST_PART_FIXED,
    CostPart.DISCOUNT: cost_pb2.COST_PART_DISCOUNT,
    CostPart.PLAN_BOUND: cost_pb2.COST_PART_PLAN_BOUND,
    CostPart.COMMITMENT: cost_pb2.COST_PART_COMMITMENT,
}


def _too_big(what: str) -> TooBig:
    message = f"{what}, more than one answer holds; ask for larger windows, fewer properties, or fewer items"
    return TooBig(Reason.MESSAGE_TOO_LARGE, message)
