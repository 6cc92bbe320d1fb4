"""`meterline usage summary` and `meterline usage heat`: figures about usage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from metering.aggregator.v1 import aggregator_service_pb2 as pb
from meterline.cli.calls import call_services
from meterline.cli.documents import as_of_document, local_time_text, time_text
from meterline.cli.exports import Column, Kind, check_export, export_rows
from meterline.cli.options import ContextOption, RowsOutput, RowsOutputOption
from meterline.cli.output import print_document, print_table, write
from meterline.cli.usage_questions import (
    SCAN_EVENTS_MAX,
    AllGroupsOption,
    Asked,
    ContractOption,
    CustomersOption,
    FilterOption,
    FromOption,
    GroupOption,
    MeterArgument,
    ScanOption,
    Span,
    TogetherOption,
    ToOption,
    TopOption,
    WindowOption,
    ZoneOption,
    group_document,
    maybe_period,
    source_document,
    tell_left_out,
    tell_source,
    told_group,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meterline.client import AsyncClient

PreviousOption = Annotated[
    bool, typer.Option("--previous", help="Compare with the period before, up to the same point.")
]
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def summary(  # noqa: PLR0913, PLR0917 - options of a command
    meter: MeterArgument,
    start: FromOption,
    end: ToOption,
    customer: CustomersOption = None,
    window: WindowOption = Span.DAY,
    contract: ContractOption = "",
    tz: ZoneOption = "UTC",
    group_by: GroupOption = None,
    only: FilterOption = None,
    top: TopOption = 0,
    together: TogetherOption = False,  # noqa: FBT002
    previous: PreviousOption = False,  # noqa: FBT002
    scan_max: ScanOption = SCAN_EVENTS_MAX,
    all_groups: AllGroupsOption = False,  # noqa: FBT002
    context: ContextOption = None,
    output: RowsOutputOption = RowsOutput.TABLE,
) -> None:
    """Show quantity, largest window and 95th percentile over windows, and what it was in the period before."""
    asked = Asked(meter, start, end, tz, customer, only, window, contract, group_by)
    query = asked.request(top=top, across_customers=together, scan_events_max=scan_max, tell_all_apart=all_groups)
    check_export(output)

    async def ask(client: AsyncClient) -> pb.SummarizeUsageResponse:
        query.bounds.extend(await asked.bounds(client, query.period))
        request = pb.SummarizeUsageRequest(query=query, with_previous=previous)
        return await client.aggregator.SummarizeUsage(request)

    response = call_services(ask, context)
    tell_left_out(response)
    if output.is_export:
        export_rows(_summary_columns(query, has_billed=_has_billed(response)), _summary_rows(response), output)
    elif output is RowsOutput.TABLE:
        _print_summaries(asked, response)
    else:
        print_document(_summary_document(query, response), output.document)


def _print_summaries(asked: Asked, response: pb.SummarizeUsageResponse) -> None:
    has_billed = _has_billed(response)
    rows = [
        (
            f"({response.other_series:,} others)" if one.is_other else one.customer,
            *told_group(one.group, is_other_group=one.is_other_group),
            one.quantity,
            *([one.billable_quantity or "-"] if has_billed else []),
            one.largest_quantity or "-",
            local_time_text(one.largest_window.start, asked.zone) if one.largest_quantity else "-",
            one.percentile_95 or "-",
            one.previous_quantity or "-",
            *([one.previous_billable_quantity or "-"] if has_billed else []),
        )
        for one in response.summaries
    ]
    named = ("customer", *(asked.group_by or ()))
    quantity = (f">quantity {response.unit}".rstrip(), *([">billed"] if has_billed else []))
    figures = (*quantity, ">largest", "in", ">95th", ">before", *([">billed before"] if has_billed else []))
    print_table((*named, *figures), rows)
    if response.HasField("previous"):
        before = response.previous
        until = local_time_text(before.end, asked.zone)
        write(f"before: {local_time_text(before.start, asked.zone)} to {until}")
    tell_source(response.source)


def _has_billed(response: pb.SummarizeUsageResponse) -> bool:
    return any(one.billable_quantity for one in response.summaries)


def _summary_columns(query: pb.QueryUsageRequest, *, has_billed: bool) -> list[Column]:
    return [
        Column("customer"),
        *map(Column, query.group_by),
        Column("quantity", Kind.DECIMAL),
        Column("unit"),
        Column("events", Kind.WHOLE),
        Column("largest_from", Kind.INSTANT),
        Column("largest_to", Kind.INSTANT),
        Column("largest_quantity", Kind.DECIMAL),
        Column("percentile_95", Kind.DECIMAL),
        Column("windows", Kind.WHOLE),
        Column("previous_quantity", Kind.DECIMAL),
        *([Column("billed", Kind.DECIMAL), Column("previous_billed", Kind.DECIMAL)] if has_billed else []),
        Column("other", Kind.TRUTH),
    ]


def _summary_rows(response: pb.SummarizeUsageResponse) -> Iterator[list[str]]:
    has_billed = _has_billed(response)
    for one in response.summaries:
        largest = ("", "")
        if one.HasField("largest_window"):
            largest = (time_text(one.largest_window.start), time_text(one.largest_window.end))
        yield [
            one.customer,
            *one.group,
            one.quantity,
            response.unit,
            str(one.event_count),
            *largest,
            one.largest_quantity,
            one.percentile_95,
            str(one.window_count),
            one.previous_quantity,
            *([one.billable_quantity, one.previous_billable_quantity] if has_billed else []),
            "true" if one.is_other or one.is_other_group else "false",
        ]


def _previous_billed(one: pb.UsageSummary) -> dict[str, str]:
    return {"previousBillableQuantity": one.previous_billable_quantity} if one.previous_billable_quantity else {}


def _summary_document(query: pb.QueryUsageRequest, response: pb.SummarizeUsageResponse) -> dict[str, Any]:
    summaries = [
        {
            "customer": one.customer,
            **group_document(query.group_by, one),
            **({"isOther": True} if one.is_other else {}),
            "quantity": one.quantity,
            **({"billableQuantity": one.billable_quantity} if one.billable_quantity else {}),
            "eventCount": one.event_count,
            "largestWindow": maybe_period(one, "largest_window"),
            "largestQuantity": one.largest_quantity,
            "percentile95": one.percentile_95,
            "windowCount": one.window_count,
            **({"previousQuantity": one.previous_quantity} if one.previous_quantity else {}),
            **_previous_billed(one),
        }
        for one in response.summaries
    ]
    return {
        "meter": query.meter,
        "unit": response.unit,
        "timeZone": query.time_zone,
        "summaries": summaries,
        **({"otherSeries": response.other_series} if query.top else {}),
        "previous": maybe_period(response, "previous"),
        "filled": response.filled,
        "source": source_document(response.source),
        "asOf": as_of_document(response.as_of),
    }


def heat(  # noqa: PLR0913, PLR0917 - options of a command
    meter: MeterArgument,
    start: FromOption,
    end: ToOption,
    customer: CustomersOption = None,
    tz: ZoneOption = "UTC",
    only: FilterOption = None,
    scan_max: ScanOption = SCAN_EVENTS_MAX,
    all_groups: AllGroupsOption = False,  # noqa: FBT002
    context: ContextOption = None,
    output: RowsOutputOption = RowsOutput.TABLE,
) -> None:
    """Show usage by the hour of the week, of all customers together or of those named."""
    asked = Asked(meter, start, end, tz, customer, only)
    query = asked.request()
    request = pb.QueryHeatMapRequest(
        meter=meter,
        customers=query.customers,
        period=query.period,
        time_zone=tz,
        filters=query.filters,
        scan_events_max=scan_max,
        tell_all_apart=all_groups,
    )
    check_export(output)

    async def ask(client: AsyncClient) -> pb.QueryHeatMapResponse:
        return await client.aggregator.QueryHeatMap(request)

    response = call_services(ask, context)
    tell_left_out(response)
    if output.is_export:
        export_rows(_HEAT_COLUMNS, _heat_rows(response), output)
    elif output is RowsOutput.TABLE:
        _print_heat(response)
        tell_source(response.source)
    else:
        print_document(_heat_document(request, response), output.document)


_HEAT_COLUMNS: Final = (
    Column("weekday", Kind.WHOLE),
    Column("hour", Kind.WHOLE),
    Column("quantity", Kind.DECIMAL),
    Column("unit"),
    Column("events", Kind.WHOLE),
    Column("minutes", Kind.WHOLE),
)


def _print_heat(response: pb.QueryHeatMapResponse) -> None:
    found = {(cell.hour.weekday, cell.hour.hour): cell.quantity for cell in response.cells}
    days = range(1, len(_WEEKDAYS) + 1)
    hours = sorted({hour for _, hour in found})
    rows = [(f"{hour:02d}:00", *(found.get((day, hour), "-") for day in days)) for hour in hours]
    print_table((f"hour, {response.unit}" if response.unit else "hour", *(f">{day}" for day in _WEEKDAYS)), rows)


def _heat_rows(response: pb.QueryHeatMapResponse) -> Iterator[list[str]]:
    for cell in response.cells:
        place = (str(cell.hour.weekday), str(cell.hour.hour))
        yield [*place, cell.quantity, response.unit, str(cell.event_count), str(cell.minutes)]


def _heat_document(request: pb.QueryHeatMapRequest, response: pb.QueryHeatMapResponse) -> dict[str, Any]:
    cells = [
        {
            "weekday": cell.hour.weekday,
            "hour": cell.hour.hour,
            "quantity": cell.quantity,
            "eventCount": cell.event_count,
            "minutes": cell.minutes,
        }
        for cell in response.cells
    ]
    return {
        "meter": request.meter,
        "unit": response.unit,
        "timeZone": request.time_zone,
        "cells": cells,
        "filled": response.filled,
        "source": source_document(response.source),
        "asOf": as_of_document(response.as_of),
    }
