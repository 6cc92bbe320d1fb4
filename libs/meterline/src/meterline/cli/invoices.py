"""`meterline invoice …`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from chassis.errors import MeterlineError, NotReady, Overloaded, Reason, Unavailable
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.cli.calls import call_services, pages
from meterline.cli.closing import (
    accounts_of,
    accounts_to_close,
    close_accounts,
    landing,
    pending_document,
    pending_of,
    tell_pending,
)
from meterline.cli.documents import enum_word, invoice_document, message_document, quantity_text, time_text
from meterline.cli.exits import ExitCode, exit_code, explain_error, say_error
from meterline.cli.lineage import Ahead, print_ahead, walk_left
from meterline.cli.options import ContextOption, ContractOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, write, write_title
from meterline.cli.unbilled_notes import tell_parked
from meterline.cli.unknown_customers import tell_unknown_customers, unknown_customers
from meterline.cli.usage import check_customer, contract_or_customer, period_label
from meterline.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from metering.rating.v1 import catalog_pb2
    from meterline.client import AsyncClient

Answer = TypeVar("Answer")

app = plain_app("Drafts and final invoices.")

_POLL_S: Final = 0.5
# A run of many contracts may outlast --wait-s, which bounds how long it asks again: each still gets one whole attempt.
_ATTEMPT_MIN_S: Final = 30.0
_AT_ONCE: Final = 4

PeriodOption = Annotated[str, typer.Option("--period", help='Billing period by its label, such as "2013-01".')]


@app.command("preview")
def preview(
    customer: Annotated[str, typer.Option(help="Customer.")] = "",
    contract: ContractOption = "",
    period: PeriodOption = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the draft of an invoice as usage is now; of a final period its invoice and what came late."""
    named: dict[str, Any] = {**contract_or_customer(contract, customer)}
    request = pb.PreviewInvoiceRequest(**named, billing_period=period_label(period) if period else "")

    async def ask(client: AsyncClient) -> pb.PreviewInvoiceResponse:
        return await client.invoicing.PreviewInvoice(request)

    response = call_services(ask, context)
    invoice = response.invoice
    check_customer(contract, customer, invoice.customer)
    if output is Output.TABLE:
        _print_invoice(invoice)
        if invoice.number:
            _print_changes(response)
        tell_parked([invoice], context)
        return
    of_period = {"number": invoice.number, "total": invoice.total} if invoice.number else None
    changed = pending_document(response.pending, response.next_invoice) if response.HasField("pending") else None
    print_document(invoice_document(invoice) | {"finalInvoice": of_period, "pending": changed}, output)
    tell_parked([invoice], context)


def _print_changes(response: pb.PreviewInvoiceResponse) -> None:
    """Print what has changed since a period was invoiced."""
    invoice, change = response.invoice, response.pending
    write(f"This period is final: invoice {invoice.number}, total {invoice.total} {invoice.currency}.")
    if not response.HasField("pending"):
        return
    _print_lines(change.lines, change.currency)
    where = landing(response.next_invoice)
    write_title(f"pending {change.amount} {change.currency}", f": usage came late and will be adjusted {where}")


@app.command("finalize")
def finalize(
    period: PeriodOption,
    customer: Annotated[str, typer.Option(help="Only this customer. Default: every contract with such a period.")] = "",
    wait_s: Annotated[int, typer.Option("--wait-s", min=0, help="Seconds to wait until usage is sealed.")] = 300,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make the invoices of a period final. Waits until usage is sealed; doing it again changes nothing.

    What came late of any period before is billed as well: on the customer's next invoice, or on a closing invoice if
    none is due within 31 days.
    """
    billing_period = period_label(period)
    run = call_services(lambda client: _finalize_all(client, billing_period, customer, wait_s), context)
    if output is not Output.TABLE:
        print_document([invoice_document(invoice) for invoice in run.invoices], output)
    elif run.invoices:
        _print_list(sorted(run.invoices, key=by_number))
    tell_parked(run.invoices, context)
    tell_pending(run.pending)
    _tell_failures(run.failures)


@dataclass(frozen=True, slots=True)
class _Run:
    """What a run made, what waits for a later one, and what failed: by contract, or by account."""

    invoices: list[invoice_pb2.Invoice]
    pending: list[tuple[invoice_pb2.Account, pb.ListPendingAdjustmentsResponse]]
    failures: dict[str, MeterlineError]


async def _finalize_all(client: AsyncClient, billing_period: str, customer: str, wait_s: int) -> _Run:
    wanted = rating_pb.ListContractsRequest(customer=customer, billing_period=billing_period)
    contracts = [contract async for page in pages(client.rating.ListContracts, wanted) for contract in page.contracts]
    give_up_at_s = asyncio.get_running_loop().time() + wait_s
    ended = await _finalize_contracts(client, contracts, billing_period, give_up_at_s)
    failures = {contract: result for contract, result in ended.items() if isinstance(result, MeterlineError)}
    responses = [result for result in ended.values() if not isinstance(result, MeterlineError)]

    async def patiently(call: Callable[[float], Awaitable[Any]]) -> Any:
        return await _patiently(call, give_up_at_s)

    accounts = accounts_to_close(
        await accounts_of(client, customer),
        [response.invoice for response in responses if response.created],
        {contract.spec.customer for contract in contracts if contract.name in failures},
    )
    closed, waiting, not_closed = await close_accounts(client, accounts, billing_period, patiently)
    pending = await pending_of(client, waiting)
    if not contracts and not closed and not not_closed:
        tell_pending(pending)
        whose = f"customer {customer}" if customer else "any customer"
        raise InputError(
            f"no contract of {whose} has a billing period {billing_period}; `meterline get contracts` lists them"
        )
    return _Run([*(response.invoice for response in responses), *closed], pending, failures | not_closed)


async def _finalize_contracts(
    client: AsyncClient, contracts: Sequence[catalog_pb2.Contract], billing_period: str, give_up_at_s: float
) -> dict[str, pb.FinalizeInvoiceResponse | MeterlineError]:
    free = asyncio.Semaphore(_AT_ONCE)
    from rich.progress import MofNCompleteColumn  # noqa: PLC0415 - as in `output`

    from meterline.cli.terminal import progress_bar  # noqa: PLC0415

    with progress_bar(f"finalizing {billing_period}", MofNCompleteColumn()) as progress:
        task = progress.add_task("finalize", total=len(contracts))

        async def finalize_one(contract: str) -> pb.FinalizeInvoiceResponse | MeterlineError:
            request = pb.FinalizeInvoiceRequest(contract=contract, billing_period=billing_period)
            try:
                return await _patiently(
                    lambda left_s: client.invoicing.FinalizeInvoice(request, timeout=left_s), give_up_at_s
                )
            except MeterlineError as error:
                # One contract that is not ready must not hold up the others.
                return error
            finally:
                progress.advance(task)

        async def finalize_in_turn(
            of_customer: Sequence[str],
        ) -> list[tuple[str, pb.FinalizeInvoiceResponse | MeterlineError]]:
            async with free:
                return [(contract, await finalize_one(contract)) for contract in of_customer]

        return dict(chain(*await asyncio.gather(*map(finalize_in_turn, _by_customer(contracts)))))


def _by_customer(contracts: Sequence[catalog_pb2.Contract]) -> list[list[str]]:
    """Return the contracts of each customer in the order of their starts: earlier ones get earlier numbers."""
    found: dict[str, list[catalog_pb2.Contract]] = {}
    for contract in sorted(contracts, key=lambda contract: (contract.spec.start, contract.name)):
        found.setdefault(contract.spec.customer, []).append(contract)
    return [[contract.name for contract in of_customer] for of_customer in found.values()]


def _tell_failures(failures: Mapping[str, MeterlineError]) -> None:
    """Say what could not be finalized, one line per contract, and end with the exit code of the last."""
    for contract, error in failures.items():
        say_error(f"{contract}: {explain_error(error)}")
    if failures:
        raise SystemExit(int(exit_code(list(failures.values())[-1])))


async def _patiently(call: Callable[[float], Awaitable[Answer]], give_up_at_s: float) -> Answer:
    """Repeat a call, given the seconds that it may take, until usage is sealed."""
    loop = asyncio.get_running_loop()
    while True:
        left_s = max(give_up_at_s - loop.time(), _ATTEMPT_MIN_S)
        try:
            return await call(left_s)
        except (NotReady, Unavailable, Overloaded) as error:
            # An open grace period ends by the calendar, not by waiting a little.
            waits = error.reason is Reason.USAGE_NOT_READY or not isinstance(error, NotReady)
            if not waits or loop.time() > give_up_at_s:
                raise
            await asyncio.sleep(error.retry_after_s or _POLL_S)


@app.command("pending")
def pending(
    customer: Annotated[str, typer.Option(help="Only this customer.")] = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List what came late and is on no invoice yet, and the invoice that will carry it."""

    async def ask(
        client: AsyncClient,
    ) -> tuple[list[tuple[invoice_pb2.Account, pb.ListPendingAdjustmentsResponse]], list[str]]:
        accounts = await accounts_of(client, customer)
        unknown = [] if accounts else await unknown_customers(client, [customer])
        return await pending_of(client, accounts), unknown

    answers, unknown = call_services(ask, context)
    tell_unknown_customers(unknown)
    found = [(account, change, answer.next_invoice) for account, answer in answers for change in answer.adjustments]
    if output is not Output.TABLE:
        documents = [
            {"customer": account.customer} | pending_document(change, following) for account, change, following in found
        ]
        print_document(documents, output)
        return
    rows = [
        (
            account.customer,
            change.contract,
            change.billing_period,
            f"{change.amount} {change.currency}",
            f"{following.contract} {following.billing_period}"
            if following.contract
            else f"closing invoice {following.billing_period}",
        )
        for account, change, following in found
    ]
    print_table(("customer", "contract", "period", ">pending", "will be on"), rows)


@app.command("list")
def list_invoices(
    customer: Annotated[str, typer.Option(help="Only this customer.")] = "",
    period: PeriodOption = "",
    newest_first: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--newest-first", help="The last that was made final comes first. Default: by number.")
    ] = False,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List final invoices by number, or the newest first."""
    order = pb.INVOICE_ORDER_NEWEST_FIRST if newest_first else pb.INVOICE_ORDER_UNSPECIFIED
    request = pb.ListInvoicesRequest(
        customer=customer,
        billing_period=period_label(period) if period else "",
        order=order,
        without_lines=output is Output.TABLE,
    )

    async def ask(client: AsyncClient) -> tuple[list[invoice_pb2.Invoice], list[str]]:
        found = [invoice async for page in pages(client.invoicing.ListInvoices, request) for invoice in page.invoices]
        return found, [] if found else await unknown_customers(client, [customer])

    invoices, unknown = call_services(ask, context)
    tell_unknown_customers(unknown)
    if output is not Output.TABLE:
        print_document([invoice_document(invoice) for invoice in invoices], output)
        return
    _print_list(invoices if newest_first else sorted(invoices, key=by_number))


@app.command("show")
def show(
    number: Annotated[str, typer.Argument(help="Invoice number.")],
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one final invoice."""

    async def ask(client: AsyncClient) -> invoice_pb2.Invoice:
        return (await client.get_invoice(number)).invoice

    _show(call_services(ask, context), output)


@app.command("verify")
def verify(
    number: Annotated[str, typer.Argument(help="Invoice number. Default: all invoices.")] = "",
    lineage: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--lineage", help="Also name what rests on something that a restore has lost.")
    ] = False,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Recompute every digest and the hash chain, and look for missing numbers; name those that are noted as lost.

    With NUMBER, check that invoice alone, and that it follows the one before it and is followed by the one after it.
    With --lineage, walk from the lines to their charges, their snapshots and the event log, and name whatever is ahead
    of what is to its left.
    """
    if number:
        _verify_one(number, context, output, lineage=lineage)
        return

    async def ask(client: AsyncClient) -> tuple[pb.VerifyInvoicesResponse, list[Ahead]]:
        verified = await client.invoicing.VerifyInvoices(pb.VerifyInvoicesRequest())
        return verified, await walk_left(client) if lineage else []

    response, ahead = call_services(ask, context)
    if output is not Output.TABLE:
        document = {
            "invoiceCount": response.invoice_count,
            "headChain": response.head_chain.hex(),
            "problems": list(response.problems),
            "lostNumbers": [message_document(lost) for lost in response.lost_numbers],
        } | ({"ahead": [one.document() for one in ahead]} if lineage else {})
        print_document(document, output)
    else:
        write(f"{response.invoice_count} invoices, chain head {response.head_chain.hex()}")
        for lost in response.lost_numbers:
            write(f"noted as lost: {lost_text(lost)}")
        for problem in response.problems:
            write_title(problem, fg="red")
        if lineage:
            print_ahead(ahead)
    if response.problems or ahead:
        raise SystemExit(int(ExitCode.REFUSED))


def _verify_one(number: str, context: Path | None, output: Output, *, lineage: bool) -> None:
    if lineage:
        raise InputError("--lineage walks from all invoices; leave out the number, or --lineage")

    async def ask(client: AsyncClient) -> pb.VerifyInvoiceResponse:
        return await client.invoicing.VerifyInvoice(pb.VerifyInvoiceRequest(number=number))

    response = call_services(ask, context)
    if output is not Output.TABLE:
        document = {
            "number": number,
            "digest": response.digest.hex(),
            "chain": response.chain.hex(),
            "lineCount": response.line_count,
            "checkedAt": time_text(response.checked_at),
            "problems": list(response.problems),
        }
        print_document(document, output)
    else:
        write(f"{number}: {response.line_count} lines, digest {response.digest.hex()}, chain {response.chain.hex()}")
        for problem in response.problems:
            write_title(problem, fg="red")
    if response.problems:
        raise SystemExit(int(ExitCode.REFUSED))


@app.command("state-last")
def state_last(
    number: Annotated[str, typer.Argument(help='Last number that was given out, such as "INV-000017".')] = "",
    none_lost: Annotated[
        str, typer.Option("--none-lost", help='Prefix of a series that lost no number, such as "INV".')
    ] = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """After a restore: say which number a series gave out last; those that are lost are never given again.

    This can't be taken back. Doing it again changes nothing.
    """
    if bool(number) == bool(none_lost):
        raise InputError("name the last number that was given out, or a series with --none-lost; not both")
    last = {"number": number} if number else {"series_without_loss": none_lost}

    async def ask(client: AsyncClient) -> pb.StateLastNumberResponse:
        return await client.invoicing.StateLastNumber(pb.StateLastNumberRequest(**last))

    response = call_services(ask, context)
    if output is not Output.TABLE:
        print_document(message_document(response), output)
        return
    noted = "noted as lost" if response.created else "was noted as lost before"
    write(f"{noted}: {lost_text(response.lost)}" if response.HasField("lost") else "no number is lost")
    write(f"the next invoice is {response.next_number}")


def lost_text(lost: invoice_pb2.LostNumbers) -> str:
    """Name lost numbers, with who stated them, when and why."""
    why = f": {lost.reason}" if lost.reason else ""
    return f"{lost.first_number} to {lost.last_number}, by {lost.stated_by} at {time_text(lost.stated_at)}{why}"


def by_number(invoice: invoice_pb2.Invoice) -> tuple[str, int, str]:
    """Return the key by which invoices are in order: from 1,000,000 on, numbers have one more digit than before."""
    return invoice.number.rpartition("-")[0], len(invoice.number), invoice.number


def _print_list(invoices: list[invoice_pb2.Invoice]) -> None:
    rows = [
        (
            invoice.number,
            invoice.customer,
            invoice.billing_period,
            _kind_word(invoice),
            str(invoice.line_count),
            f"{invoice.total} {invoice.currency}",
        )
        for invoice in invoices
    ]
    print_table(("number", "customer", "period", "kind", ">lines", ">total"), rows)


def _show(invoice: invoice_pb2.Invoice, output: Output) -> None:
    if output is Output.TABLE:
        _print_invoice(invoice)
    else:
        print_document(invoice_document(invoice), output)


def _kind_word(invoice: invoice_pb2.Invoice) -> str:
    """Name the kind of document: whether it closes an account, and whether the seller owes its total."""
    what = "credit" if invoice.is_credit else "invoice"
    return f"closing {what}" if invoice.kind == invoice_pb2.INVOICE_KIND_CLOSING else what


def _print_invoice(invoice: invoice_pb2.Invoice) -> None:
    """Print an invoice for people."""
    what = _kind_word(invoice)
    title = f"{what.capitalize()} {invoice.number}" if invoice.number else f"Draft {what}"
    write_title(title, f"  {invoice.seller} -> {invoice.customer_name}")
    whose = f"contract {invoice.contract}" if invoice.contract else "late usage of earlier periods"
    write(
        f"{whose}, period {invoice.billing_period} "
        f"({time_text(invoice.period.start)} to {time_text(invoice.period.end)}, {invoice.time_zone})"
    )
    plans = {(line.plan, line.plan_version) for line in invoice.lines if not line.adjusts_line_id}
    for plan, version in sorted(plans):
        write(f"priced by plan {plan} version {version}")
    _print_lines(invoice.lines, invoice.currency)
    owed = ": owed to the customer" if invoice.is_credit else ""
    write_title(f"total {invoice.total} {invoice.currency}", owed)


def _print_lines(lines: Sequence[invoice_pb2.InvoiceLine], currency: str) -> None:
    rows = [(line.id, line.item, _kind_of_line(line), quantity_text(line), line.amount) for line in lines]
    print_table(("line", "item", "kind", ">quantity", f">amount {currency}"), rows)


def _kind_of_line(line: invoice_pb2.InvoiceLine) -> str:
    """Say what a line is for; of an adjustment, which line it adjusts."""
    word = enum_word(line, "kind").lower()
    adjusted = f" of {line.adjusts_line_id}" if line.adjusts_line_id else ""
    return word + adjusted + (f", contract {line.contract}" if line.contract else "")
