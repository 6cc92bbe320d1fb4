"""Questions about usage, and their answers, as messages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from aggregator.domain.calendar import WindowSize
from aggregator.domain.current import CurrentKey, Total
from aggregator.domain.freshness import Freshness
from aggregator.domain.query import PAGE_ROWS_DEFAULT, RowKey, UsageQuery
from aggregator.domain.usage import (
    AskedGroups,
    GroupUsage,
    MeterUsage,
    TotalsAnswer,
    UsageAnswer,
    UsageRow,
    UsageSource,
)
from aggregator.wire.meters import aggregation_to_proto, filters_from_proto
from chassis.errors import Reason, invalid_field
from chassis.rpc.pages import page_token, page_token_invalid, place_in
from eventlog.wire import as_of_from_proto, as_of_to_proto, instant_in, period_in, period_to_proto, timestamp
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import usage_pb2
from metering.common.v1 import values_pb2
from money import format_decimal

WINDOW_SIZES = {
    usage_pb2.WINDOW_SIZE_UNSPECIFIED: WindowSize.WHOLE,
    usage_pb2.WINDOW_SIZE_MINUTE: WindowSize.MINUTE,
    usage_pb2.WINDOW_SIZE_HOUR: WindowSize.HOUR,
    usage_pb2.WINDOW_SIZE_DAY: WindowSize.DAY,
    usage_pb2.WINDOW_SIZE_MONTH: WindowSize.MONTH,
    usage_pb2.WINDOW_SIZE_WEEK: WindowSize.WEEK,
}


STALENESS_MS_MAX: Final = 2000
"""What was right so long ago is not told from memory any more."""


def query_from_proto(message: pb.QueryUsageRequest) -> UsageQuery:
    """Return the question. Raises InvalidRequest."""
    query = UsageQuery(
        meter=message.meter,
        customers=tuple(sorted(set(message.customers))),
        period=period_in(message.period, "period"),
        window_size=WINDOW_SIZES[message.window_size],
        time_zone=message.time_zone,
        group_by=tuple(message.group_by),
        filters=filters_from_proto(message.filters),
        page_rows=message.page_size or PAGE_ROWS_DEFAULT,
        running=message.running,
        top=message.top,
        across_customers=message.across_customers,
        fill_gaps=message.fill_gaps,
        bounds=tuple(instant_in(bound, f"bounds[{number}]") for number, bound in enumerate(message.bounds)),
        scan_events_max=message.scan_events_max,
        tell_all_apart=message.tell_all_apart,
    )
    place = place_in(message.page_token, [str, str, int, str])
    if place is None:
        return query
    fingerprint, customer, window_number, group = place
    if fingerprint != query.fingerprint():
        raise page_token_invalid()
    return replace(query, after=RowKey(0, customer, window_number, group))


def freshness_from_proto(message: pb.Freshness) -> Freshness:
    """Return how fresh an answer must be."""
    match message.WhichOneof("at_least"):
        case "as_of":
            return Freshness(as_of=as_of_from_proto(message.as_of))
        case "latest":
            return Freshness(latest=message.latest)
        case _:
            return Freshness()


def optional_decimal(value: Decimal | None) -> str:
    """Return a decimal as text, and nothing as an empty one."""
    return "" if value is None else format_decimal(value)


def rows_to_proto(rows: Sequence[UsageRow]) -> Iterator[usage_pb2.UsageRow]:
    """Yield rows of an answer as messages. Many share a window, which is made once."""
    windows = {row.window: period_to_proto(row.window) for row in rows}
    for row in rows:
        yield usage_pb2.UsageRow(
            customer=row.customer,
            window=windows[row.window],
            group=row.group,
            quantity=format_decimal(row.quantity),
            event_count=row.event_count,
            billable_quantity=optional_decimal(row.billable),
            is_other=row.is_other,
            is_other_group=row.is_other_group,
        )


def source_to_proto(source: UsageSource) -> pb.UsageSource:
    """Return where an answer comes from as a message."""
    kind = pb.UsageSource.KIND_LOG if source.properties else pb.UsageSource.KIND_WINDOWS
    return pb.UsageSource(kind=kind, events_read=source.events_read, properties=source.properties)


def meter_usage_to_proto(usage: MeterUsage) -> usage_pb2.MeterUsage:
    """Return a meter's quantity as a message."""
    return usage_pb2.MeterUsage(
        meter=usage.meter,
        meter_versions=usage.versions,
        aggregation=aggregation_to_proto(usage.aggregation),
        unit=usage.unit,
        quantity=format_decimal(usage.quantity),
        event_count=usage.event_count,
        parked_count=usage.parked_count,
        billable_quantity=optional_decimal(usage.billable),
        cells=map(_cell_to_proto, usage.groups),
    )


def totals_to_proto(answer: TotalsAnswer) -> pb.QueryTotalsResponse:
    """Return totals as a message."""
    return pb.QueryTotalsResponse(usage=map(meter_usage_to_proto, answer.usage), as_of=as_of_to_proto(answer.as_of))


def groups_from_proto(messages: Sequence[pb.MeterGroups], field: str = "groups") -> dict[str, AskedGroups]:
    """Return how meters are told apart; `field` is where that was said. Raises InvalidRequest."""
    groups: dict[str, AskedGroups] = {}
    for place, asked in enumerate(messages):
        if asked.meter in groups:
            text = f"{asked.meter!r} stands twice; name all its properties once"
            raise invalid_field(f"{field}[{place}].meter", Reason.FIELD_INVALID, text)
        bounds = (instant_in(bound, f"{field}[{place}].bounds[{at}]") for at, bound in enumerate(asked.bounds))
        groups[asked.meter] = AskedGroups(tuple(asked.group_by), tuple(bounds))
    return groups


def _cell_to_proto(group: GroupUsage) -> usage_pb2.MeterCell:
    return usage_pb2.MeterCell(
        group=group.group,
        quantity=format_decimal(group.quantity),
        event_count=group.event_count,
        billable_quantity=optional_decimal(group.billable),
        start=None if group.start is None else timestamp(group.start),
        is_other_group=group.is_other_group,
    )


def watched_query_from_proto(message: pb.WatchUsageRequest) -> UsageQuery:
    """Return the question to watch. Raises InvalidRequest."""
    for name in ("page_size", "page_token", "scan_events_max", "tell_all_apart"):
        if getattr(message.query, name):
            text = "can't be watched: the answer comes whole, and from windows; leave it out"
            raise invalid_field(f"query.{name}", Reason.FIELD_INVALID, text)
    return query_from_proto(message.query)


def answer_to_proto(query: UsageQuery, answer: UsageAnswer) -> pb.QueryUsageResponse:
    """Return a page of usage as a message."""
    token = ""
    if answer.last is not None:
        token = page_token(query.fingerprint(), answer.last.customer, answer.last.window_number, answer.last.group)
    return pb.QueryUsageResponse(
        rows=rows_to_proto(answer.rows),
        unit=answer.unit,
        as_of=as_of_to_proto(answer.as_of),
        next_page_token=token,
        filled=answer.filled,
        other_series=answer.other_series,
        source=source_to_proto(answer.source),
        other_left_out=answer.other_left_out,
    )


def current_from_proto(tenant: str, request: pb.CurrentUsageRequest) -> tuple[CurrentKey, float]:
    """Return what is asked for, and how many seconds old an answer may be. Raises InvalidRequest."""
    key = CurrentKey(tenant, request.customer, request.meter, period_in(request.period, "period"))
    return key, _staleness_max_s(request.staleness_ms_max)


def currents_from_proto(tenant: str, request: pb.QueryCurrentUsageRequest) -> tuple[list[CurrentKey], float]:
    """Return what is asked for, and how many seconds old an answer may be. Raises InvalidRequest."""
    keys = [
        CurrentKey(tenant, asked.customer, asked.meter, period_in(asked.period, f"questions[{place}].period"))
        for place, asked in enumerate(request.questions)
    ]
    return keys, _staleness_max_s(request.staleness_ms_max)


def current_to_proto(total: Total, now_s: float) -> pb.CurrentUsageResponse:
    """Return a whole quantity, with how old it is at most."""
    return _current_to_proto(total, now_s, as_of_to_proto(total.seen.as_of))


def currents_to_proto(totals: Sequence[Total], now_s: float) -> pb.QueryCurrentUsageResponse:
    """Return many whole quantities, most of which are of the same place in the log."""
    places = {id(total.seen.as_of): total.seen.as_of for total in totals}
    rendered = {name: as_of_to_proto(as_of) for name, as_of in places.items()}
    answers = (_current_to_proto(total, now_s, rendered[id(total.seen.as_of)]) for total in totals)
    return pb.QueryCurrentUsageResponse(answers=answers)


def _current_to_proto(total: Total, now_s: float, as_of: values_pb2.AsOf) -> pb.CurrentUsageResponse:
    return pb.CurrentUsageResponse(
        quantity=format_decimal(total.quantity),
        event_count=total.event_count,
        unit=total.unit,
        as_of=as_of,
        filled=total.filled,
        staleness_ms=math.ceil((now_s - total.seen.at_s) * 1000),
        change_position=total.seen.position,
        aggregation=aggregation_to_proto(total.aggregation),
        billable_quantity=optional_decimal(total.billable),
    )


def _staleness_max_s(asked_ms: int) -> float:
    return min(asked_ms or STALENESS_MS_MAX, STALENESS_MS_MAX) / 1000
