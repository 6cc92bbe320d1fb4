"""`meterline variance`, which is also `meterline price variance`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from metering.rating.v1 import rating_service_pb2 as pb
from meterline.cli.calls import call_services
from meterline.cli.documents import as_of_document, enum_word, period_document, time_text
from meterline.cli.options import ContextOption, ContractOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, write
from meterline.cli.usage import contract_or_customer, period_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metering.rating.v1 import variance_pb2
    from meterline.client import AsyncClient


def variance(
    customer: Annotated[str, typer.Argument(help="Customer; may be left out with --contract.")] = "",
    contract: ContractOption = "",
    period: Annotated[
        str, typer.Option(help='Billing period that is explained, such as "2013-02". Default: the current one.')
    ] = "",
    against: Annotated[
        str, typer.Option(help="Billing period that it is compared with. Default: the one before it.")
    ] = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say why a period costs more or less than another: by volume, tier, price and plan, in effects that add up."""
    request = pb.ExplainVarianceRequest(
        **contract_or_customer(contract, customer),
        billing_period=period_label(period) if period else "",
        against_billing_period=period_label(against) if against else "",
    )

    async def ask(client: AsyncClient) -> pb.ExplainVarianceResponse:
        return await client.rating.ExplainVariance(request)

    response = call_services(ask, context)
    if output is not Output.TABLE:
        print_document(variance_document(response), output)
        return
    for name, one in (("before", response.before), ("after", response.after)):
        write(f"{name}: {_said(one)}")
    # An effect that nothing has is no column.
    effects = [each.effect for each in response.effects]
    words = [enum_word(each, "effect").lower() for each in response.effects]
    rows = [
        (item.item, _amount(item, "before"), _amount(item, "after"), item.change, *_cells(item.effects, effects))
        for item in response.items
    ]
    totals = _cells(response.effects, effects)
    rows.append(("total", response.before.amount, response.after.amount, response.change, *totals))
    labels = response.before.billing_period, response.after.billing_period
    columns = ("item", *(f">{label}" for label in labels), f">change {response.currency}")
    print_table((*columns, *(f">{word}" for word in words)), rows)


def _said(period: variance_pb2.VariancePeriod) -> str:
    goes_on = ", which goes on" if period.is_open else ""
    return (
        f"contract {period.contract}, period {period.billing_period} ({time_text(period.period.start)} to "
        f"{time_text(period.period.end)}), plan {period.plan} version {period.plan_version}{goes_on}"
    )


def _amount(item: variance_pb2.VarianceOfItem, field: str) -> str:
    side: variance_pb2.VarianceSide = getattr(item, field)
    return side.amount if item.HasField(field) else "-"  # type: ignore[arg-type]


def _cells(effects: Sequence[variance_pb2.VarianceAmount], columns: Sequence[int]) -> list[str]:
    amounts = {each.effect: each.amount for each in effects}
    return [amounts.get(column, "") for column in columns]  # type: ignore[call-overload]


def variance_document(response: pb.ExplainVarianceResponse) -> dict[str, Any]:
    """Write why two periods differ; a side is null where its plan does not have the item."""
    return {
        "currency": response.currency,
        "before": _period_document(response.before),
        "after": _period_document(response.after),
        "change": response.change,
        "effects": _effects_document(response.effects),
        "items": [_item_document(item) for item in response.items],
    }


def _period_document(period: variance_pb2.VariancePeriod) -> dict[str, Any]:
    return {
        "contract": period.contract,
        "billingPeriod": period.billing_period,
        "period": period_document(period.period),
        "plan": period.plan,
        "planVersion": period.plan_version,
        "amount": period.amount,
        "isFrozen": period.is_frozen,
        "isOpen": period.is_open,
        "asOf": as_of_document(period.as_of),
    }


def _item_document(item: variance_pb2.VarianceOfItem) -> dict[str, Any]:
    return {
        "item": item.item,
        "meter": item.meter,
        "kind": enum_word(item, "kind").lower(),
        "unit": item.unit,
        "before": _side_document(item.before) if item.HasField("before") else None,
        "after": _side_document(item.after) if item.HasField("after") else None,
        "change": item.change,
        "effects": _effects_document(item.effects),
    }


def _side_document(side: variance_pb2.VarianceSide) -> dict[str, str]:
    return {"quantity": side.quantity, "amount": side.amount, "exactAmount": side.exact_amount}


def _effects_document(effects: Sequence[variance_pb2.VarianceAmount]) -> list[dict[str, str]]:
    return [
        {"effect": enum_word(each, "effect").lower(), "amount": each.amount, "exactAmount": each.exact_amount}
        for each in effects
    ]
