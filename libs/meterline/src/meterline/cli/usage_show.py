"""`meterline usage METER`: rows of usage, as a table, a document, CSV or Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from chassis.errors import DeadlineExceeded
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import usage_pb2
from meterline.cli.calls import call_services, pages
from meterline.cli.documents import as_of_document, local_time_text, period_document, time_text
from meterline.cli.exports import Column, Kind, check_export, export_rows
from meterline.cli.families import with_children
from meterline.cli.options import ContextOption, RowsOutput, RowsOutputOption
from meterline.cli.output import print_document, print_table, say, write
from meterline.cli.unknown_customers import tell_unknown_customers, unknown_customers
from meterline.cli.usage import WAIT_S
from meterline.cli.usage_questions import (
    SCAN_EVENTS_MAX,
    AllGroupsOption,
    Asked,
    ChildrenOption,
    ContractOption,
    CustomersOption,
    FilterOption,
    FromOption,
    GroupOption,
    MeterArgument,
    ScanOption,
    TogetherOption,
    ToOption,
    TopOption,
    WaitOption,
    WindowOption,
    ZoneOption,
    group_document,
    source_document,
    tell_left_out,
    tell_source,
    told_group,
)
from meterline.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zoneinfo import ZoneInfo

    from google.protobuf.timestamp_pb2 import Timestamp

    from meterline.client import AsyncClient

_PAGE_ROWS: Final = 10_000

GapsOption = Annotated[bool, typer.Option("--fill-gaps", help="Show windows without events, too.")]
RunningOption = Annotated[
    bool, typer.Option("--running", help="Add up from the start of the period to the end of each window.")
]


def show(  # noqa: PLR0913, PLR0917 - options of a command
    meter: MeterArgument,
    start: FromOption,
    end: ToOption,
    customer: CustomersOption = None,
    window: WindowOption = None,
    contract: ContractOption = "",
    tz: ZoneOption = "UTC",
    group_by: GroupOption = None,
    only: FilterOption = None,
    top: TopOption = 0,
    together: TogetherOption = False,  # noqa: FBT002
    children: ChildrenOption = False,  # noqa: FBT002
    fill_gaps: GapsOption = False,  # noqa: FBT002
    running: RunningOption = False,  # noqa: FBT002
    scan_max: ScanOption = SCAN_EVENTS_MAX,
    all_groups: AllGroupsOption = False,  # noqa: FBT002
    wait: WaitOption = False,  # noqa: FBT002
    context: ContextOption = None,
    output: RowsOutputOption = RowsOutput.TABLE,
) -> None:
    """Show the usage of a meter. Windows in which nothing happened have no row, unless --fill-gaps asks for them."""
    asked = Asked(meter, start, end, tz, customer, only, window, contract, group_by)
    request = asked.request(
        freshness=pb.Freshness(latest=True) if wait else None,
        page_size=_PAGE_ROWS,
        top=top,
        across_customers=together,
        fill_gaps=fill_gaps,
        running=running,
        scan_events_max=scan_max,
        tell_all_apart=all_groups,
    )
    check_export(output)
    if children and not customer:
        raise InputError("--with-children adds those below to the customers named; write --customer")

    async def ask(client: AsyncClient) -> tuple[pb.QueryUsageResponse, list[str]]:
        if children:
            request.customers[:] = await with_children(client, request.customers)
        request.bounds.extend(await asked.bounds(client, request.period))
        found = await _all_rows(client, request, wait=wait)
        with_usage = {row.customer for row in found.rows}
        is_by_name = output is RowsOutput.TABLE and not (top or together)
        without = [name for name in request.customers if name not in with_usage] if is_by_name else []
        return found, await unknown_customers(client, without)

    try:
        response, unknown = call_services(ask, context)
    except DeadlineExceeded:
        if wait:
            say("not everything accepted is counted yet; `meterline status` tells how far it is and what is in the way")
        raise
    tell_left_out(response)
    if not (window or group_by or top or together) and customer:
        _add_zero_rows(response, request)
    if output is RowsOutput.TABLE:
        _print(asked, request, response)
        tell_unknown_customers(unknown)
    elif output.is_export:
        export_usage(request, response, output)
    else:
        print_document(_usage_document(request, response), output.document)


async def _all_rows(client: AsyncClient, request: pb.QueryUsageRequest, *, wait: bool) -> pb.QueryUsageResponse:
    """Return the last page's answer, with the rows of all pages."""
    rows: list[usage_pb2.UsageRow] = []
    last = pb.QueryUsageResponse()
    async for page in pages(client.aggregator.QueryUsage, request, timeout_s=WAIT_S if wait else None):
        rows += page.rows
        last = page
    last.ClearField("rows")
    last.rows.extend(rows)
    return last


def _add_zero_rows(response: pb.QueryUsageResponse, request: pb.QueryUsageRequest) -> None:
    """Say "0" for a customer asked for by name: no row would leave open whether the answer is complete."""
    present = {row.customer for row in response.rows}
    for customer in request.customers:
        if customer not in present:
            response.rows.append(usage_pb2.UsageRow(customer=customer, window=request.period, quantity="0"))


def _print(asked: Asked, request: pb.QueryUsageRequest, response: pb.QueryUsageResponse) -> None:
    print_usage(response, list(request.group_by), asked.zone)
    if not response.filled:
        write(f"{request.meter} is still being filled from the past; --wait waits for it")
    tell_source(response.source)


def print_usage(response: pb.QueryUsageResponse, group_by: list[str], zone: ZoneInfo) -> None:
    """Print rows of usage as a table."""
    has_billable = _has_billable(response)
    rows = [
        (
            f"({response.other_series:,} others)" if row.is_other else row.customer,
            local_time_text(row.window.start, zone),
            local_time_text(row.window.end, zone),
            *told_group(row.group, is_other_group=row.is_other_group),
            row.quantity,
            *([row.billable_quantity] if has_billable else []),
            str(row.event_count),
        )
        for row in response.rows
    ]
    quantity = (f">quantity {response.unit}".rstrip(), *([">billed"] if has_billable else []))
    print_table(("customer", "from", "to", *group_by, *quantity, ">events"), rows)


def export_usage(request: pb.QueryUsageRequest, response: pb.QueryUsageResponse, output: RowsOutput) -> None:
    """Write rows of usage as CSV or Parquet, with what is billed of them where the meter rounds each event."""
    columns = [
        Column("customer"),
        Column("from", Kind.INSTANT),
        Column("to", Kind.INSTANT),
        *map(Column, request.group_by),
        Column("quantity", Kind.DECIMAL),
        *([Column("billed", Kind.DECIMAL)] if _has_billable(response) else []),
        Column("unit"),
        Column("events", Kind.WHOLE),
        Column("other", Kind.TRUTH),
    ]
    export_rows(columns, _exported(response, time_text), output)


def _has_billable(response: pb.QueryUsageResponse) -> bool:
    return any(row.billable_quantity for row in response.rows)


def _exported(response: pb.QueryUsageResponse, written: Callable[[Timestamp], str]) -> Iterator[list[str]]:
    has_billable = _has_billable(response)
    for row in response.rows:
        window = (written(row.window.start), written(row.window.end))
        is_other = "true" if row.is_other or row.is_other_group else "false"
        billed = [row.billable_quantity or row.quantity] if has_billable else []
        yield [row.customer, *window, *row.group, row.quantity, *billed, response.unit, str(row.event_count), is_other]


def usage_rows_document(response: pb.QueryUsageResponse, group_by: list[str]) -> list[dict[str, Any]]:
    """Write rows of usage as a document."""
    return [
        {
            "customer": row.customer,
            "window": period_document(row.window),
            **group_document(group_by, row),
            "quantity": row.quantity,
            **({"billableQuantity": row.billable_quantity} if row.billable_quantity else {}),
            "eventCount": row.event_count,
            **({"isOther": True} if row.is_other else {}),
        }
        for row in response.rows
    ]


def _usage_document(request: pb.QueryUsageRequest, response: pb.QueryUsageResponse) -> dict[str, Any]:
    return {
        "meter": request.meter,
        "unit": response.unit,
        "timeZone": request.time_zone,
        "rows": usage_rows_document(response, list(request.group_by)),
        **({"otherSeries": response.other_series} if request.top else {}),
        "filled": response.filled,
        "source": source_document(response.source),
        **({"otherLeftOut": True} if response.other_left_out else {}),
        "asOf": as_of_document(response.as_of),
    }
