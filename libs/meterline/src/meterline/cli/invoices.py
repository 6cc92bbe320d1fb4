"""`meterline invoice …` and `meterline explain`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.tree import Tree

from chassis.errors import MeterlineError, NotReady, Overloaded, Reason, Unavailable
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.cli.output import (
    invoice_document,
    line_document,
    message_document,
    print_document,
    print_invoice,
    print_table,
    time_text,
)
from meterline.cli.running import (
    ContextOption,
    InputError,
    Output,
    OutputOption,
    console,
    errors,
    escape,
    exit_code,
    explain_error,
    fail,
    progress_bar,
    run,
)
from meterline.cli.usage import charge_document, month

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from metering.aggregator.v1 import usage_pb2
    from metering.invoicing.v1 import invoice_pb2
    from metering.rating.v1 import catalog_pb2
    from meterline.client import AsyncClient

app = typer.Typer(no_args_is_help=True, help="Drafts and final invoices.")

_POLL_S: Final = 0.5
_ATTEMPT_MIN_S: Final = 1.0
_AT_ONCE: Final = 4
_PAGE: Final = 1000
_WINDOWS_SHOWN: Final = 10
_EVENTS_SHOWN: Final = 20

PeriodOption = Annotated[str, typer.Option("--period", help='Billing period by its first month, such as "2013-01".')]


@app.command("preview")
def preview(
    customer: Annotated[str, typer.Option(help="Customer.")],
    period: PeriodOption = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the draft of an invoice as usage is now; without --period, of the current one."""
    request = pb.PreviewInvoiceRequest(customer=customer, billing_period=month(period) if period else "")

    async def ask(client: AsyncClient) -> invoice_pb2.Invoice:
        return (await client.invoicing.PreviewInvoice(request)).invoice

    _show(run(ask, context), output)


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
    invoices, failures = run(lambda client: _finalize_all(client, billing_period, customer, wait_s), context)
    if output is not Output.TABLE:
        print_document([invoice_document(invoice) for invoice in invoices], output)
    elif invoices:
        _print_list(invoices)
    _tell_failures(failures)


async def _finalize_all(
    client: AsyncClient, billing_period: str, customer: str, wait_s: int
) -> tuple[list[invoice_pb2.Invoice], dict[str, MeterlineError]]:
    contracts = [contract async for contract in _contracts(client, billing_period, customer)]
    if not contracts:
        whose = f"customer {customer}" if customer else "any customer"
        raise InputError(
            f"no contract of {whose} has a billing period {billing_period}; `meterline get contracts` lists them"
        )
    free = asyncio.Semaphore(_AT_ONCE)
    columns = (TextColumn("finalizing {task.fields[period]}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with progress_bar(*columns) as progress:
        task = progress.add_task("finalize", total=len(contracts), period=billing_period)

        async def finalize_one(contract: str) -> invoice_pb2.Invoice | MeterlineError:
            async with free:
                try:
                    return await _finalize(client, contract, billing_period, wait_s)
                except MeterlineError as error:
                    # One contract that is not ready must not hold up the others.
                    return error
                finally:
                    progress.advance(task)

        ended = await asyncio.gather(*(finalize_one(contract.name) for contract in contracts))
    failures = {
        contract.name: result
        for contract, result in zip(contracts, ended, strict=True)
        if isinstance(result, MeterlineError)
    }
    return [result for result in ended if not isinstance(result, MeterlineError)], failures


def _tell_failures(failures: Mapping[str, MeterlineError]) -> None:
    """Say what could not be finalized, a line a contract, and end with the exit code of the first."""
    for contract, error in list(failures.items())[:-1]:
        errors.print(f"[red]error:[/red] {escape(f'{contract}: {explain_error(error)}')}", highlight=False)
    for contract, error in list(failures.items())[-1:]:
        fail(f"{contract}: {explain_error(error)}", exit_code(error))


async def _finalize(client: AsyncClient, contract: str, billing_period: str, wait_s: int) -> invoice_pb2.Invoice:
    request = pb.FinalizeInvoiceRequest(contract=contract, billing_period=billing_period)
    loop = asyncio.get_running_loop()
    give_up_at_s = loop.time() + wait_s
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


async def _contracts(client: AsyncClient, billing_period: str, customer: str) -> AsyncIterator[catalog_pb2.Contract]:
    request = rating_pb.ListContractsRequest(customer=customer, billing_period=billing_period, page_size=_PAGE)
    while True:
        response = await client.rating.ListContracts(request)
        for contract in response.contracts:
            yield contract
        if not response.next_page_token:
            return
        request.page_token = response.next_page_token


@app.command("list")
def list_invoices(
    customer: Annotated[str, typer.Option(help="Only this customer.")] = "",
    period: PeriodOption = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List final invoices by number."""
    request = pb.ListInvoicesRequest(customer=customer, billing_period=month(period) if period else "", page_size=_PAGE)

    async def ask(client: AsyncClient) -> list[invoice_pb2.Invoice]:
        invoices: list[invoice_pb2.Invoice] = []
        while True:
            response = await client.invoicing.ListInvoices(request)
            invoices.extend(response.invoices)
            if not response.next_page_token:
                return invoices
            request.page_token = response.next_page_token

    invoices = run(ask, context)
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

    _show(run(ask, context), output)


@app.command("verify")
def verify(context: ContextOption = None, output: OutputOption = Output.TABLE) -> None:
    """Recompute every digest and the hash chain, and look for missing numbers."""

    async def ask(client: AsyncClient) -> pb.VerifyInvoicesResponse:
        return await client.invoicing.VerifyInvoices(pb.VerifyInvoicesRequest())

    response = run(ask, context)
    if output is not Output.TABLE:
        document = {
            "invoiceCount": response.invoice_count,
            "headChain": response.head_chain.hex(),
            "problems": list(response.problems),
        }
        print_document(document, output)
    else:
        console.print(f"{response.invoice_count} invoices, chain head {response.head_chain.hex()}", highlight=False)
        for problem in response.problems:
            console.print(f"[red]{escape(problem)}[/red]", highlight=False)
    if response.problems:
        raise SystemExit(3)


def explain(
    line: Annotated[str, typer.Argument(help='Line id, such as "INV-000017.3".')],
    events: Annotated[bool, typer.Option("--events", help="List the very events, with their traces.")] = False,  # noqa: FBT002
    limit: Annotated[
        int | None, typer.Option(min=0, help="Most events; 0 = all. Default: 20 in a table, all in JSON and YAML.")
    ] = None,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Explain an invoice line: line, charge, price, snapshot, windows and, if asked for, events and traces."""
    shown = (_EVENTS_SHOWN if output is Output.TABLE else 0) if limit is None else limit

    async def ask(client: AsyncClient) -> tuple[pb.ExplainLineResponse, list[usage_pb2.MeteredEvent]]:
        response = await client.invoicing.ExplainLine(pb.ExplainLineRequest(line_id=line))
        found: list[usage_pb2.MeteredEvent] = []
        if events:
            call = client.invoicing.ListLineEvents(pb.ListLineEventsRequest(line_id=line, limit=shown), timeout=600.0)
            async for page in call:
                found.extend(page.events)
        return response, found

    response, found = run(ask, context)
    if output is not Output.TABLE:
        print_document(_explain_document(response, found, events=events), output)
        return
    console.print(_tree(response))
    if events:
        _print_events(found, response.line.event_count)


def _tree(response: pb.ExplainLineResponse) -> Tree:
    line, charge = response.line, response.charge
    tree = Tree(
        f"[bold]{escape(line.id)}[/bold] {escape(line.item)}: {line.amount} {charge.charge.currency}", highlight=False
    )
    for step in response.steps:
        tree.add(escape(step))
    priced = tree.add(f"charge {charge.charge.id}: plan {escape(line.plan)} version {line.plan_version}")
    for derivation in charge.charge.steps:
        priced.add(escape(f"{derivation.text} = {derivation.value}"))
    if charge.HasField("snapshot"):
        snapshot = charge.snapshot
        node = tree.add(
            f"snapshot {snapshot.id} revision {snapshot.revision}, sealed {time_text(snapshot.sealed_at)},"
            f" digest {snapshot.digest.hex()[:16]}…"
        )
        reached = ", ".join(f"lane {entry.lane} to {entry.position}" for entry in snapshot.as_of.lanes)
        node.add(f"log {snapshot.as_of.epoch}: {reached}")
        windows = node.add(f"{len(charge.windows)} windows")
        for window in charge.windows[:_WINDOWS_SHOWN]:
            group = ", ".join(f"{key}={value}" for key, value in sorted(window.group.items()))
            windows.add(
                escape(f"{time_text(window.window.start)} {group} {window.quantity} ({window.event_count} events)")
            )
        if len(charge.windows) > _WINDOWS_SHOWN:
            windows.add(f"… and {len(charge.windows) - _WINDOWS_SHOWN} more; -o json lists all")
    tree.add(
        f"traces: line {line.traceparent}, charge {charge.charge.traceparent}, snapshot {charge.snapshot.traceparent}"
    )
    return tree


def _print_events(found: list[usage_pb2.MeteredEvent], event_count: int) -> None:
    rows = [
        (
            time_text(metered.event.event.time),
            metered.event.event.id,
            metered.value,
            f"{metered.event.lane}:{metered.event.position}",
            _trace_id(metered.event.event.traceparent),
            _trace_id(metered.event.accepted_traceparent),
        )
        for metered in found
    ]
    print_table(("time", "event", ">value", "log", "trace of the producer", "trace of the report"), rows)
    if len(found) < event_count:
        errors.print(
            f"these are the first {len(found):,} of {event_count:,} events; --limit 0 lists all", highlight=False
        )


def _trace_id(traceparent: str) -> str:
    return traceparent.split("-")[1] if traceparent else "-"


def _explain_document(
    response: pb.ExplainLineResponse, found: list[usage_pb2.MeteredEvent], *, events: bool
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "invoice": response.invoice_number,
        "line": line_document(response.line),
        "steps": list(response.steps),
        "charge": charge_document(response.charge.charge),
        "price": message_document(response.charge.item),
        "snapshot": _snapshot_document(response.charge),
        "traceparents": {
            "line": response.line.traceparent,
            "charge": response.charge.charge.traceparent,
            "snapshot": response.charge.snapshot.traceparent,
        },
    }
    return document | ({"events": [event_document(metered) for metered in found]} if events else {})


def _snapshot_document(charge: rating_pb.ExplainChargeResponse) -> dict[str, Any] | None:
    if not charge.HasField("snapshot"):
        return None
    document = message_document(charge.snapshot)
    document["digest"] = charge.snapshot.digest.hex()
    document["windows"] = [message_document(window) for window in charge.windows]
    return document


def event_document(metered: usage_pb2.MeteredEvent) -> dict[str, Any]:
    """Write an event that counted: as it was reported, where it stands in the log, and the traces it happened in."""
    stored = metered.event
    return {
        "event": message_document(stored.event),
        "value": metered.value,
        "lane": stored.lane,
        "position": str(stored.position),
        "acceptedAt": time_text(stored.accepted_at),
        "traceId": _trace_id(stored.event.traceparent),
        "acceptedTraceparent": stored.accepted_traceparent,
    }


def _print_list(invoices: list[invoice_pb2.Invoice]) -> None:
    rows = [
        (
            invoice.number,
            invoice.customer,
            invoice.billing_period,
            str(len(invoice.lines)),
            f"{invoice.total} {invoice.currency}",
        )
        for invoice in sorted(invoices, key=lambda invoice: invoice.number)
    ]
    print_table(("number", "customer", "period", ">lines", ">total"), rows)


def _show(invoice: invoice_pb2.Invoice, output: Output) -> None:
    if output is Output.TABLE:
        print_invoice(invoice)
    else:
        print_document(invoice_document(invoice), output)
