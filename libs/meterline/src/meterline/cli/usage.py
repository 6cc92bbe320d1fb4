"""`meterline usage` and `meterline charges`."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from chassis.errors import DeadlineExceeded
from eventlog.rfc3339 import instant_or_midnight_of_text
from eventlog.wire import timestamp
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import usage_pb2
from metering.common.v1 import values_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.cli.calls import call_services, pages
from meterline.cli.documents import (
    as_of_document,
    charge_document,
    local_time_text,
    message_document,
    period_document,
    time_text,
)
from meterline.cli.options import ContextOption, ContractOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, say, write
from meterline.cli.unknown_customers import tell_unknown_customers, unknown_customers
from meterline.errors import InputError

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from meterline.client import AsyncClient

WAIT_S: Final = 600.0
UTC: Final = ZoneInfo("UTC")
_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)
_PAGE_ROWS: Final = 10_000
_DATE_CHARS: Final = len("2013-01-01")
_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)


class Window(StrEnum):
    """Length of the windows."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


WINDOW_SIZES: Final = {
    None: usage_pb2.WINDOW_SIZE_UNSPECIFIED,
    Window.HOUR: usage_pb2.WINDOW_SIZE_HOUR,
    Window.DAY: usage_pb2.WINDOW_SIZE_DAY,
    Window.WEEK: usage_pb2.WINDOW_SIZE_WEEK,
    Window.MONTH: usage_pb2.WINDOW_SIZE_MONTH,
}


def usage(  # noqa: PLR0913, PLR0917 - options of a command
    meter: Annotated[str, typer.Argument(help="Name of the meter.")],
    start: Annotated[str, typer.Option("--from", help="First instant, RFC 3339, or a date: its midnight in --tz.")],
    end: Annotated[str, typer.Option("--to", help="First instant after, RFC 3339, or a date.")],
    customer: Annotated[
        list[str] | None, typer.Option("--customer", help="Customer; repeat for several. Default: all.")
    ] = None,
    window: Annotated[Window | None, typer.Option(help="Break down by time. Default: the whole period.")] = None,
    tz: Annotated[str, typer.Option(help="IANA zone of days, weeks and months.")] = "UTC",
    group_by: Annotated[list[str] | None, typer.Option(help="Property to break down by; repeat for several.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until everything accepted so far is counted.")] = False,  # noqa: FBT002
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the usage of a meter. Windows in which nothing happened have no row."""
    zone = zone_of(tz)
    request = pb.QueryUsageRequest(
        meter=meter,
        customers=customer or [],
        period=period_between(start, end, zone),
        window_size=WINDOW_SIZES[window],
        time_zone=tz,
        group_by=group_by or [],
        freshness=pb.Freshness(latest=True) if wait else None,
        page_size=_PAGE_ROWS,
    )
    is_table = output is Output.TABLE

    async def ask(client: AsyncClient) -> tuple[pb.QueryUsageResponse, list[str]]:
        found = await _all_rows(client, request, wait=wait)
        with_usage = {row.customer for row in found.rows}
        without = [name for name in request.customers if name not in with_usage]
        return found, await unknown_customers(client, without) if is_table else []

    try:
        response, unknown = call_services(ask, context)
    except DeadlineExceeded:
        if wait:
            say("not everything accepted is counted yet; `meterline status` tells how far it is and what is in the way")
        raise
    if not window and not group_by and customer:
        _add_zero_rows(response, request)
    if not is_table:
        print_document(_usage_document(meter, request, response), output)
        return
    has_billable = any(row.billable_quantity for row in response.rows)
    rows = [
        (
            row.customer,
            local_time_text(row.window.start, zone),
            local_time_text(row.window.end, zone),
            *row.group,
            row.quantity,
            *([row.billable_quantity] if has_billable else []),
            str(row.event_count),
        )
        for row in response.rows
    ]
    billed = [">billed"] if has_billable else []
    quantity = f">quantity {response.unit}".rstrip()
    print_table(("customer", "from", "to", *request.group_by, quantity, *billed, ">events"), rows)
    if not response.filled:
        write(f"{meter} is still being filled from the past; --wait waits for it")
    tell_unknown_customers(unknown)


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


def _usage_document(meter: str, request: pb.QueryUsageRequest, response: pb.QueryUsageResponse) -> dict[str, Any]:
    rows = [
        {
            "customer": row.customer,
            "window": period_document(row.window),
            "group": dict(zip(request.group_by, row.group, strict=True)) if request.group_by else {},
            "quantity": row.quantity,
            "billableQuantity": row.billable_quantity,
            "eventCount": row.event_count,
        }
        for row in response.rows
    ]
    return {
        "meter": meter,
        "unit": response.unit,
        "timeZone": request.time_zone,
        "rows": rows,
        "filled": response.filled,
        "asOf": as_of_document(response.as_of),
    }


def charges(
    customer: Annotated[str, typer.Option(help="Customer.")] = "",
    contract: ContractOption = "",
    period: Annotated[
        str, typer.Option(help='Billing period by its first month, such as "2013-01". Default: the current one.')
    ] = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what usage costs so far, exactly and not yet rounded."""
    named = contract_or_customer(contract, customer)
    request = rating_pb.ListChargesRequest(**named, billing_period=month(period) if period else "")

    async def ask(client: AsyncClient) -> rating_pb.ListChargesResponse:
        return await client.rating.ListCharges(request)

    response = call_services(ask, context)
    check_customer(contract, customer, response.customer.name)
    if output is not Output.TABLE:
        print_document(_charges_document(response), output)
        return
    write(
        f"{response.customer.name}: contract {response.contract.name}, period {response.billing_period}"
        f" ({time_text(response.period.start)} to {time_text(response.period.end)})"
    )
    if response.charges:
        ruling = response.ruling
        write(
            f"priced by plan {response.charges[0].plan} version {response.charges[0].plan_version}: version"
            f" {ruling.contract_version} of the contract has plan {ruling.plan} rule from {ruling.day}"
        )
    rows = [
        (charge.item, charge.meter, f"{charge.quantity} {charge.unit}".strip(), charge.exact_amount)
        for charge in response.charges
    ]
    print_table(("item", "meter", ">quantity", f">exact amount {response.customer.spec.currency}"), rows)


def _charges_document(response: rating_pb.ListChargesResponse) -> dict[str, Any]:
    return {
        "customer": response.customer.name,
        "contract": response.contract.name,
        "currency": response.customer.spec.currency,
        "billingPeriod": response.billing_period,
        "period": period_document(response.period),
        "ruling": message_document(response.ruling),
        "charges": [charge_document(charge) for charge in response.charges],
        "asOf": as_of_document(response.as_of),
    }


def contract_or_customer(contract: str, customer: str) -> dict[str, str]:
    """Return the field that names whose charges are asked for; a contract is narrower. Raises InputError."""
    if not contract and not customer:
        raise InputError("write --customer, or --contract for one contract of several")
    return {"contract": contract} if contract else {"customer": customer}


def check_customer(contract: str, asked: str, customer: str) -> None:
    """Refuse a contract that is not of the customer asked for with it. Raises InputError."""
    if asked and asked != customer:
        raise InputError(f"contract {contract!r} is of customer {customer!r}, not of {asked!r}; leave out one of them")


def zone_of(name: str) -> ZoneInfo:
    """Return an IANA zone. Raises InputError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(f"--tz {name!r} isn't an IANA time zone; write one such as America/New_York") from None


def instant(text: str, zone: ZoneInfo, option: str) -> Timestamp:
    """Read a time given by a user: RFC 3339 with an offset, or a date, which means midnight in `zone`."""
    try:
        return timestamp(instant_or_midnight_of_text(text, zone))
    except ValueError as error:
        raise InputError(f"{option} {text!r} {error}; a date alone, such as 2013-01-01, is its midnight") from None


def period_between(start: str, end: str, zone: ZoneInfo) -> values_pb2.Period:
    """Read what --from and --to say. Raises InputError, also for days that the clocks of the zone skipped."""
    period = values_pb2.Period(start=instant(start, zone, "--from"), end=instant(end, zone, "--to"))
    are_dates = len(start) == len(end) == _DATE_CHARS
    if are_dates and start < end and period.start == period.end:
        raise InputError(
            f"the clocks of {zone.key} skipped all that is from {start} to {end}, so nothing can have happened then;"
            " ask for other days"
        )
    return period


def period_of(start: str, end: str, zone: ZoneInfo) -> values_pb2.Period | None:
    """Read what --from and --to say, either of which may be left out; None without both. Raises InputError."""
    if not start and not end:
        return None
    if start and end:
        return period_between(start, end, zone)
    return values_pb2.Period(
        start=instant(start, zone, "--from") if start else timestamp(_FIRST),
        end=instant(end, zone, "--to") if end else timestamp(_LAST),
    )


def month(text: str) -> str:
    """Check a billing period as users write it. Raises InputError."""
    if not _MONTH.fullmatch(text):
        raise InputError(f'--period {text!r} isn\'t a month; write one such as "2013-01"')
    return text
