"""`meterline charges watch`: live charges as they change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from metering.rating.v1 import rating_service_pb2 as pb
from meterline.cli.calls import call_services
from meterline.cli.options import ContextOption, ContractOption, Output, OutputOption
from meterline.cli.output import print_document, print_json_line
from meterline.cli.usage import charges_document, check_customer, contract_or_customer, period_label, print_charges

if TYPE_CHECKING:
    from meterline.client import AsyncClient


def watch(
    customer: Annotated[str, typer.Option(help="Customer.")] = "",
    contract: ContractOption = "",
    period: Annotated[
        str,
        typer.Option(help='Billing period by its label, such as "2013-01". Default: the current one, as it changes.'),
    ] = "",
    count: Annotated[int, typer.Option("--count", min=0, help="End after so many answers. 0 = only with Ctrl-C.")] = 0,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what usage costs so far, and again whenever that has changed.

    Each time a table or a document; in JSON a line of its own.
    """
    named, label = contract_or_customer(contract, customer), period_label(period) if period else ""

    async def follow(client: AsyncClient) -> None:
        left = count
        while True:
            request = pb.WatchChargesRequest(**named, billing_period=label, answers_max=left)
            async for response in client.rating.WatchCharges(request):
                if not response.is_unchanged:
                    check_customer(contract, customer, response.answer.customer.name)
                    _show(response.answer, output)
                    left -= 1 if left else 0
            if count and not left:
                return

    call_services(follow, context)


def _show(answer: pb.ListChargesResponse, output: Output) -> None:
    if output is Output.TABLE:
        print_charges(answer)
    elif output is Output.JSON:
        print_json_line(charges_document(answer))
    else:
        print_document([charges_document(answer)], output)
