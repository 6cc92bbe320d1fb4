"""`meterline invoice …`."""

from __future__ import annotations

import asyncio
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Final

import typer

from chassis.errors import MeterlineError, NotReady, Overloaded, Reason, Unavailable
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.cli.calls import call_services, pages
from meterline.cli.documents import enum_word, invoice_document, time_text
from meterline.cli.exits import ExitCode, exit_code, explain_error, say_error
from meterline.cli.options import ContextOption, ContractOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, write, write_title
from meterline.cli.unbilled_notes import tell_parked
from meterline.cli.usage import check_customer, contract_or_customer, month
from meterline.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metering.invoicing.v1 import invoice_pb2
    from metering.rating.v1 import catalog_pb2
    from meterline.client import AsyncClient

app = plain_app("Drafts and final invoices.")

_POLL_S: Final = 0.5
# A run of many contracts may outlast --wait-s, which bounds how long it asks again: each still gets one whole attempt.
_ATTEMPT_MIN_S: Final = 30.0
_AT_ONCE: Final = 4

PeriodOption = Annotated[str, typer.Option("--period", help='Billing period by its first month, such as "2013-01".')]


@app.command("preview")
def preview(
    customer: Annotated[str, typer.Option(help="Customer.")] = "",
    contract: ContractOption = "",
    period: PeriodOption = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the draft of an invoice as usage is now; without --period, of the current one."""
    named = contract_or_customer(contract, customer)
    request = pb.PreviewInvoiceRequest(**named, billing_period=month(period) if period else "")

    async def ask(client: AsyncClient) -> tuple[invoice_pb2.Invoice, invoice_pb2.Invoice | None]:
        draft = (await client.invoicing.PreviewInvoice(request)).invoice
        return draft, await _final_invoice(client, draft)

    draft, final = call_services(ask, context)
    check_customer(contract, customer, draft.customer)
    tell_parked([draft], context)
    if output is not Output.TABLE:
        of_period = {"number": final.number, "total": final.total} if final else None
        print_document(invoice_document(draft) | {"finalInvoice": of_period}, output)
        return
    _print_invoice(draft)
    if final:
        write(
            f"This period is final: invoice {final.number}, total {final.total} {final.currency}. "
            "What differs from it now can only become an adjustment on a later invoice."
        )


async def _final_invoice(client: AsyncClient, draft: invoice_pb2.Invoice) -> invoice_pb2.Invoice | None:
    """Return the invoice that made the period of a draft final, if there is one."""
    request = pb.ListInvoicesRequest(customer=draft.customer, billing_period=draft.billing_period)
    async for page in pages(client.invoicing.ListInvoices, request):
        for invoice in page.invoices:
            if invoice.contract == draft.contract:
                return invoice
    return None


@app.command("finalize")
def finalize(
    period: PeriodOption,
    customer: Annotated[str, typer.Option(help="Only this customer. Default: every contract with such a period.")] = "",
    wait_s: Annotated[int, typer.Option("--wait-s", min=0, help="Seconds to wait until usage is sealed.")] = 300,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make the invoices of a period final. Waits until usage is sealed; doing it again changes nothing."""
    billing_period = month(period)
    invoices, failures = call_services(lambda client: _finalize_all(client, billing_period, customer, wait_s), context)
    if output is not Output.TABLE:
        print_document([invoice_document(invoice) for invoice in invoices], output)
    elif invoices:
        _print_list(invoices)
    tell_parked(invoices, context)
    _tell_failures(failures)


async def _finalize_all(
    client: AsyncClient, billing_period: str, customer: str, wait_s: int
) -> tuple[list[invoice_pb2.Invoice], dict[str, MeterlineError]]:
    wanted = rating_pb.ListContractsRequest(customer=customer, billing_period=billing_period)
    contracts = [contract async for page in pages(client.rating.ListContracts, wanted) for contract in page.contracts]
    if not contracts:
        whose = f"customer {customer}" if customer else "any customer"
        raise InputError(
            f"no contract of {whose} has a billing period {billing_period}; `meterline get contracts` lists them"
        )
    free = asyncio.Semaphore(_AT_ONCE)
    give_up_at_s = asyncio.get_running_loop().time() + wait_s
    from rich.progress import MofNCompleteColumn  # noqa: PLC0415 - as in `output`

    from meterline.cli.terminal import progress_bar  # noqa: PLC0415

    with progress_bar(f"finalizing {billing_period}", MofNCompleteColumn()) as progress:
        task = progress.add_task("finalize", total=len(contracts))

        async def finalize_one(contract: str) -> invoice_pb2.Invoice | MeterlineError:
            try:
                return await _finalize(client, contract, billing_period, give_up_at_s)
            except MeterlineError as error:
                # One contract that is not ready must not hold up the others.
                return error
            finally:
                progress.advance(task)

        async def finalize_in_turn(
            of_customer: Sequence[str],
        ) -> list[tuple[str, invoice_pb2.Invoice | MeterlineError]]:
            async with free:
                return [(contract, await finalize_one(contract)) for contract in of_customer]

        ended = dict(chain(*await asyncio.gather(*map(finalize_in_turn, _by_customer(contracts)))))
    failures = {contract: result for contract, result in ended.items() if isinstance(result, MeterlineError)}
    return [result for result in ended.values() if not isinstance(result, MeterlineError)], failures


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


async def _finalize(
    client: AsyncClient, contract: str, billing_period: str, give_up_at_s: float
) -> invoice_pb2.Invoice:
    request = pb.FinalizeInvoiceRequest(contract=contract, billing_period=billing_period)
    loop = asyncio.get_running_loop()
    while True:
        left_s = max(give_up_at_s - loop.time(), _ATTEMPT_MIN_S)
        try:
            return (await client.invoicing.FinalizeInvoice(request, timeout=left_s)).invoice
        except (NotReady, Unavailable, Overloaded) as error:
            # An open grace period ends by the calendar, not by waiting a little.
            waits = error.reason is Reason.USAGE_NOT_READY or not isinstance(error, NotReady)
            if not waits or loop.time() > give_up_at_s:
                raise
            await asyncio.sleep(error.retry_after_s or _POLL_S)


@app.command("list")
def list_invoices(
    customer: Annotated[str, typer.Option(help="Only this customer.")] = "",
    period: PeriodOption = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List final invoices by number."""
    request = pb.ListInvoicesRequest(customer=customer, billing_period=month(period) if period else "")

    async def ask(client: AsyncClient) -> list[invoice_pb2.Invoice]:
        return [invoice async for page in pages(client.invoicing.ListInvoices, request) for invoice in page.invoices]

    invoices = call_services(ask, context)
    if output is not Output.TABLE:
        print_document([invoice_document(invoice) for invoice in invoices], output)
        return
    _print_list(invoices)


@app.command("show")
def show(
    number: Annotated[str, typer.Argument(help="Invoice number.")],
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one final invoice."""

    async def ask(client: AsyncClient) -> invoice_pb2.Invoice:
        return (await client.invoicing.GetInvoice(pb.GetInvoiceRequest(number=number))).invoice

    _show(call_services(ask, context), output)


@app.command("verify")
def verify(context: ContextOption = None, output: OutputOption = Output.TABLE) -> None:
    """Recompute every digest and the hash chain, and look for missing numbers."""

    async def ask(client: AsyncClient) -> pb.VerifyInvoicesResponse:
        return await client.invoicing.VerifyInvoices(pb.VerifyInvoicesRequest())

    response = call_services(ask, context)
    if output is not Output.TABLE:
        document = {
            "invoiceCount": response.invoice_count,
            "headChain": response.head_chain.hex(),
            "problems": list(response.problems),
        }
        print_document(document, output)
    else:
        write(f"{response.invoice_count} invoices, chain head {response.head_chain.hex()}")
        for problem in response.problems:
            write_title(problem, fg="red")
    if response.problems:
        raise SystemExit(int(ExitCode.REFUSED))


def by_number(invoice: invoice_pb2.Invoice) -> tuple[str, int, str]:
    """Return the key by which invoices are in order: from 1,000,000 on, numbers have one more digit than before."""
    return invoice.number.rpartition("-")[0], len(invoice.number), invoice.number


def _print_list(invoices: list[invoice_pb2.Invoice]) -> None:
    rows = [
        (
            invoice.number,
            invoice.customer,
            invoice.billing_period,
            str(len(invoice.lines)),
            f"{invoice.total} {invoice.currency}",
        )
        for invoice in sorted(invoices, key=by_number)
    ]
    print_table(("number", "customer", "period", ">lines", ">total"), rows)


def _show(invoice: invoice_pb2.Invoice, output: Output) -> None:
    if output is Output.TABLE:
        _print_invoice(invoice)
    else:
        print_document(invoice_document(invoice), output)


def _print_invoice(invoice: invoice_pb2.Invoice) -> None:
    """Print an invoice for people."""
    title = f"Invoice {invoice.number}" if invoice.number else "Draft invoice"
    write_title(title, f"  {invoice.seller} -> {invoice.customer_name}")
    write(
        f"contract {invoice.contract}, period {invoice.billing_period} "
        f"({time_text(invoice.period.start)} to {time_text(invoice.period.end)}, {invoice.time_zone})"
    )
    rows = [
        (line.id, line.item, enum_word(line, "kind").lower(), f"{line.quantity} {line.unit}".strip(), line.amount)
        for line in invoice.lines
    ]
    print_table(("line", "item", "kind", ">quantity", f">amount {invoice.currency}"), rows)
    write_title(f"total {invoice.total} {invoice.currency}")
