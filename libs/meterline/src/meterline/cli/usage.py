"""`meterline charges`, and what commands about usage share: zones, times, windows."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from eventlog.labels import days_of_label, month_label
from eventlog.rfc3339 import instant_or_midnight_of_text
from eventlog.wire import timestamp
from metering.aggregator.v1 import usage_pb2
from metering.common.v1 import values_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.cli.calls import call_services
from meterline.cli.documents import (
    as_of_document,
    charge_document,
    message_document,
    period_document,
    quantity_text,
    time_text,
)
from meterline.cli.families import charges_of_family
from meterline.cli.options import ContextOption, ContractOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, write
from meterline.errors import InputError

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from meterline.client import AsyncClient

WAIT_S: Final = 600.0
UTC: Final = ZoneInfo("UTC")
_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)
_DATE_CHARS: Final = len("2013-01-01")


class Window(StrEnum):
    """Length of the windows."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


WINDOW_SIZES: Final = {
    None: usage_pb2.WINDOW_SIZE_UNSPECIFIED,
    Window.MINUTE: usage_pb2.WINDOW_SIZE_MINUTE,
    Window.HOUR: usage_pb2.WINDOW_SIZE_HOUR,
    Window.DAY: usage_pb2.WINDOW_SIZE_DAY,
    Window.WEEK: usage_pb2.WINDOW_SIZE_WEEK,
    Window.MONTH: usage_pb2.WINDOW_SIZE_MONTH,
}

WithChildrenOption = Annotated[
    bool, typer.Option("--with-children", help="Also of the customers below, contract by contract; with a month.")
]


def charges(
    customer: Annotated[str, typer.Option(help="Customer.")] = "",
    contract: ContractOption = "",
    period: Annotated[
        str,
        typer.Option(
            help='Billing period by its label, such as "2013-01", "2013-W05" or "2013". Default: the current one.'
        ),
    ] = "",
    with_children: WithChildrenOption = False,  # noqa: FBT002 - an option of a command
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what usage costs so far, exactly and not yet rounded."""
    if with_children:
        charges_of_family(customer, contract, month(period) if period else "", context, output)
        return
    named = contract_or_customer(contract, customer)
    request = rating_pb.ListChargesRequest(**named, billing_period=period_label(period) if period else "")

    async def ask(client: AsyncClient) -> rating_pb.ListChargesResponse:
        return await client.rating.ListCharges(request)

    response = call_services(ask, context)
    check_customer(contract, customer, response.customer.name)
    if output is Output.TABLE:
        print_charges(response)
    else:
        print_document(charges_document(response), output)


def print_charges(response: rating_pb.ListChargesResponse) -> None:
    """Print live charges as a table."""
    write(
        f"{response.customer.name}: contract {response.contract.name}, period {response.billing_period}"
        f" ({time_text(response.period.start)} to {time_text(response.period.end)})"
    )
    if response.charges:
        ruling = response.ruling
        plans = dict.fromkeys((charge.plan, charge.plan_version) for charge in response.charges)
        write(
            f"priced by {', then '.join(f'plan {plan} version {version}' for plan, version in plans)}: version"
            f" {ruling.contract_version} of the contract has plan {ruling.plan} rule from {ruling.day}"
        )
    rows = [(charge.item, charge.meter, quantity_text(charge), charge.exact_amount) for charge in response.charges]
    print_table(("item", "meter", ">quantity", f">exact amount {response.customer.spec.currency}"), rows)


def charges_document(response: rating_pb.ListChargesResponse) -> dict[str, Any]:
    """Write live charges."""
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
    """Check a month as users write it. Raises InputError."""
    days = days_of_label(text)
    if days is None or month_label(days[0]) != text:
        raise InputError(f'--period {text!r} isn\'t a month; write one such as "2013-01"')
    return text


def period_label(text: str) -> str:
    """Check a billing period as users write it. Raises InputError."""
    if days_of_label(text) is None:
        forms = "2013-01, 2013-01-31, 2013-W05, 2013-Q1 or 2013"
        raise InputError(f"--period {text!r} isn't a billing period; write its label, such as {forms}")
    return text
