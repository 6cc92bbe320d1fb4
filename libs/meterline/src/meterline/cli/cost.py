"""`meterline cost`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from metering.rating.v1 import rating_service_pb2 as pb
from meterline.cli.calls import call_services
from meterline.cli.documents import as_of_document, enum_word, local_time_text, period_document, time_text
from meterline.cli.options import ContextOption, ContractOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, say, write
from meterline.cli.usage import WINDOW_SIZES, Window, contract_or_customer, period_label
from meterline.cli.usage_questions import FilterOption, filters_of, told_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metering.rating.v1 import cost_pb2
    from meterline.client import AsyncClient


def cost(  # noqa: PLR0913, PLR0917 - options of a command
    customer: Annotated[str, typer.Argument(help="Customer; may be left out with --contract.")] = "",
    contract: ContractOption = "",
    period: Annotated[
        str, typer.Option(help='Billing period by its label, such as "2013-01". Default: the current one.')
    ] = "",
    item: Annotated[list[str] | None, typer.Option(help="Only this plan item; repeat for several.")] = None,
    window: Annotated[Window | None, typer.Option(help="Break down by time. Default: the whole period.")] = None,
    group_by: Annotated[list[str] | None, typer.Option(help="Property to break down by; repeat for several.")] = None,
    filters: FilterOption = None,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what a period costs by item, time and property, in parts that add up to its invoice lines."""
    named: dict[str, Any] = {**contract_or_customer(contract, customer)}
    request = pb.QueryCostRequest(
        **named,
        billing_period=period_label(period) if period else "",
        items=item or [],
        window_size=WINDOW_SIZES[window],
        group_by=group_by or [],
        filters=filters_of(filters or []),
    )

    async def ask(client: AsyncClient) -> pb.QueryCostResponse:
        return await client.rating.QueryCost(request)

    response = call_services(ask, context)
    if output is not Output.TABLE:
        print_document(cost_document(response, request.group_by), output)
        return
    write(
        f"contract {response.contract}, period {response.billing_period}"
        f" ({time_text(response.period.start)} to {time_text(response.period.end)}, {response.time_zone})"
    )
    zone = ZoneInfo(response.time_zone)
    rows = [
        (
            row.item,
            enum_word(row, "part").lower(),
            local_time_text(row.window.start, zone),
            *_told_group(row, len(request.group_by)),
            f"{row.quantity} {row.unit}".strip(),
            row.amount,
        )
        for row in response.rows
    ]
    print_table(("item", "part", "from", *request.group_by, ">quantity", f">amount {response.currency}"), rows)
    if not response.filled:
        write("a meter is still being filled from the past; more may follow")
    if response.other_left_out:
        say("a meter counts some groups as one, which filters leave out: what is told may be too little")


def cost_document(response: pb.QueryCostResponse, group_by: Sequence[str]) -> dict[str, Any]:
    """Write what a period costs; `group` is null where an amount comes from no group."""
    return {
        "contract": response.contract,
        "currency": response.currency,
        "billingPeriod": response.billing_period,
        "period": period_document(response.period),
        "timeZone": response.time_zone,
        "rows": [_row_document(row, group_by) for row in response.rows],
        "filled": response.filled,
        **({"otherLeftOut": True} if response.other_left_out else {}),
        "asOf": as_of_document(response.as_of),
    }


def _told_group(row: cost_pb2.CostRow, properties: int) -> Sequence[str]:
    if not row.is_grouped:
        return ["-"] * properties
    return told_group(row.group, is_other_group=row.is_other_group)


def _group_document(row: cost_pb2.CostRow, group_by: Sequence[str]) -> dict[str, str] | None:
    if not row.is_grouped:
        return None
    return {} if row.is_other_group else dict(zip(group_by, row.group, strict=True))


def _row_document(row: cost_pb2.CostRow, group_by: Sequence[str]) -> dict[str, Any]:
    return {
        "item": row.item,
        "kind": enum_word(row, "kind").lower(),
        "part": enum_word(row, "part").lower(),
        "meter": row.meter,
        "window": period_document(row.window),
        "group": _group_document(row, group_by),
        **({"isOtherGroup": True} if row.is_other_group else {}),
        "quantity": row.quantity,
        "unit": row.unit,
        "amount": row.amount,
        "exactAmount": row.exact_amount,
    }
