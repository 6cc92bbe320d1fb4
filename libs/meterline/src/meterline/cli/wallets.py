"""`meterline wallet …`: credit of customers, what it paid, and what is left of it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from google.protobuf import json_format

from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as invoicing_pb
from metering.rating.v1 import wallet_pb2 as pb
from meterline.cli.calls import call_services
from meterline.cli.options import ContextOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, say, write
from meterline.uuid7 import uuid7

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meterline.client import AsyncClient

app = plain_app("Credit of customers: grant it, take it back, and see what it paid.")
CustomerArgument = Annotated[str, typer.Argument(metavar="CUSTOMER", help="Customer.")]
_PAGE: Final = 100
_FINAL: Final = {False: "not final", True: "-"}


class Kind(StrEnum):
    """Where credit comes from."""

    PROMOTIONAL = "promotional"
    PAID = "paid"


class Taxed(StrEnum):
    """When it is taxed."""

    NONE = "none"
    PURCHASE = "purchase"
    USE = "use"


@app.command("grant")
def grant(  # noqa: PLR0913, PLR0917 - options of a command
    customer: CustomerArgument,
    amount: Annotated[str, typer.Option(help="How much money.")],
    reason: Annotated[str, typer.Option(help="Why; the lines of invoices say so.", show_default=False)],
    currency: Annotated[str, typer.Option(help="Currency. Default: the customer's.")] = "",
    first_day: Annotated[str, typer.Option("--from", help="First day. Default: today where the contract is.")] = "",
    expires: Annotated[str, typer.Option(help="First day on which it pays no more. Default: it does not expire.")] = "",
    priority: Annotated[int, typer.Option(min=0, max=100, help="Lower ones are drawn first.")] = 0,
    items: Annotated[
        list[str] | None, typer.Option(help="An item that it pays for; may be repeated. Default: all.")
    ] = None,
    contract: Annotated[str, typer.Option(help="The only contract that it pays for. Default: all.")] = "",
    kind: Annotated[Kind, typer.Option(help="Whether it is given or paid for.")] = Kind.PROMOTIONAL,
    taxed: Annotated[Taxed | None, typer.Option(help="When it is taxed. Default: none if given, use if paid.")] = None,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Grant a customer credit: it pays for charges of its days."""
    request = pb.GrantCreditRequest(
        request_id=uuid7(),
        customer=customer,
        amount=amount,
        currency=currency,
        expires=expires,
        priority=priority,
        items=items or [],
        kind=pb.CreditKind.Value(f"CREDIT_KIND_{kind.name}"),
        taxed=pb.CREDIT_TAX_UNSPECIFIED if taxed is None else pb.CreditTax.Value(f"CREDIT_TAX_{taxed.name}"),
        reason=reason,
        contract=contract,
        **{"from": first_day},
    )
    lot = call_services(lambda client: client.rating.GrantCredit(request), context).lot
    if output is Output.TABLE:
        ends = f"before {lot.expires}" if lot.expires else "until it is used up"
        write(
            f"{customer} has {lot.amount} {lot.currency} of credit from {getattr(lot, 'from')} on, {ends}: lot {lot.id}"
        )
    else:
        print_document({"lot": _lot_document(lot)}, output)


@app.command("show")
def show(customer: CustomerArgument, context: ContextOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show a customer's credit, what it paid, and what it would pay of the periods that are open."""

    async def ask(client: AsyncClient) -> tuple[pb.GetWalletResponse, dict[str, str]]:
        wallet = await client.rating.GetWallet(pb.GetWalletRequest(customer=customer))
        wanted = {draw.charge_id for draw in wallet.draws if draw.charge_id}
        return wallet, await _lines_of(client, customer, wanted)

    wallet, lines = call_services(ask, context)
    if output is not Output.TABLE:
        print_document(_wallet_document(wallet, lines), output)
        return
    if not wallet.lots:
        say(f"{customer} has no credit; `meterline wallet grant {customer} --amount …` gives it some")
        return
    columns = (
        "lot",
        "reason",
        "currency",
        ">amount",
        "from",
        "expires",
        ">drawn",
        ">pending",
        ">left",
        ">expired",
        ">voided",
    )
    print_table(columns, [_lot_row(one) for one in wallet.lots])
    if wallet.draws:
        print_table(
            ("lot", "contract", "period", "pays for", "days", ">amount", "invoice line"),
            [_draw_row(one, lines) for one in wallet.draws],
        )


@app.command("void")
def void(
    lot: Annotated[str, typer.Argument(metavar="LOT", help="Id of the lot, as `show -o json` lists it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for people.", show_default=False)],
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take back what is left of a lot. What it paid stays paid."""
    request = pb.VoidCreditRequest(lot=lot, reason=reason)
    standing = call_services(lambda client: client.rating.VoidCredit(request), context).standing
    if output is Output.TABLE:
        back = f"{standing.voided} {standing.lot.currency} of lot {standing.lot.number} are taken back"
        write(f"{back}; {standing.drawn} were drawn")
    else:
        print_document({"standing": _standing_document(standing)}, output)


async def _lines_of(client: AsyncClient, customer: str, charges: set[str]) -> dict[str, str]:
    """Return the line of an invoice that has each of some charges of credit, where one has."""
    found: dict[str, str] = {}
    request = invoicing_pb.ListInvoicesRequest(customer=customer, page_size=_PAGE)
    while charges - found.keys():
        page = await client.invoicing.ListInvoices(request)
        for invoice in page.invoices:
            found |= {line.charge_id: line.id for line in invoice.lines if _may_be_credit(line)}
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    return {charge: line for charge, line in found.items() if charge in charges}


def _may_be_credit(line: invoice_pb2.InvoiceLine) -> bool:
    return line.kind in {invoice_pb2.LINE_KIND_CREDIT, invoice_pb2.LINE_KIND_ADJUSTMENT}


def _lot_row(one: pb.CreditStanding) -> tuple[str, ...]:
    lot = one.lot
    ends = lot.expires or "-"
    figures = (one.drawn, one.pending, one.left, one.expired, one.voided)
    return (str(lot.number), lot.reason, lot.currency, lot.amount, getattr(lot, "from"), ends, *figures)


def _draw_row(one: pb.CreditDraw, lines: Mapping[str, str]) -> tuple[str, ...]:
    days = one.first_day if one.first_day == one.last_day else f"{one.first_day} to {one.last_day}"
    line = lines.get(one.charge_id, "not invoiced yet") if one.charge_id else _FINAL[one.HasField("drawn_at")]
    return (str(one.lot_number), one.contract, one.billing_period, one.item, days, one.amount, line)


def _wallet_document(wallet: pb.GetWalletResponse, lines: Mapping[str, str]) -> dict[str, Any]:
    return {
        "lots": [_standing_document(one) for one in wallet.lots],
        "draws": [
            {**_plain(one), "final": one.HasField("drawn_at"), "invoiceLine": lines.get(one.charge_id, "")}
            for one in wallet.draws
        ],
        "balances": [_plain(one) for one in wallet.balances],
    }


def _standing_document(standing: pb.CreditStanding) -> dict[str, Any]:
    return {**_plain(standing), "lot": _lot_document(standing.lot)}


def _lot_document(lot: pb.CreditLot) -> dict[str, Any]:
    kind = pb.CreditKind.Name(lot.kind).removeprefix("CREDIT_KIND_").lower()
    taxed = pb.CreditTax.Name(lot.taxed).removeprefix("CREDIT_TAX_").lower()
    return {**_plain(lot), "kind": kind, "taxed": taxed}


def _plain(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = json_format.MessageToDict(message)
    return found
