"""What came late: which invoice will carry it, and closing invoices where none will."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from chassis.errors import MeterlineError
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from meterline.cli.calls import pages
from meterline.cli.documents import line_document
from meterline.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence
    from typing import TypeVar

    from meterline.client import AsyncClient

    Answer = TypeVar("Answer")
    Patiently = Callable[[Callable[[float], Awaitable[Answer]]], Awaitable[Answer]]

_AT_ONCE: Final = 4


async def accounts_of(client: AsyncClient, customer: str) -> list[invoice_pb2.Account]:
    """Return the accounts of a customer, or all."""
    request = pb.ListAccountsRequest(customer=customer, page_size=1000)
    return [account async for page in pages(client.invoicing.ListAccounts, request) for account in page.accounts]


async def pending_of(
    client: AsyncClient, accounts: Sequence[invoice_pb2.Account]
) -> list[tuple[invoice_pb2.Account, pb.ListPendingAdjustmentsResponse]]:
    """Return what waits on each account on which something does."""
    free = asyncio.Semaphore(_AT_ONCE)

    async def ask(account: invoice_pb2.Account) -> pb.ListPendingAdjustmentsResponse:
        request = pb.ListPendingAdjustmentsRequest(customer=account.customer, currency=account.currency)
        async with free:
            return await client.invoicing.ListPendingAdjustments(request)

    answers = await asyncio.gather(*map(ask, accounts))
    return [(account, answer) for account, answer in zip(accounts, answers, strict=True) if answer.adjustments]


async def close_accounts(
    client: AsyncClient, accounts: Sequence[invoice_pb2.Account], billing_period: str, patiently: Patiently[Any]
) -> tuple[list[invoice_pb2.Invoice], list[invoice_pb2.Account], dict[str, MeterlineError]]:
    """Make the closing invoices of a run; also return the accounts on which something may still wait, and failures.

    `patiently` repeats a call, given the seconds that it may take, until usage is counted.
    """
    free = asyncio.Semaphore(_AT_ONCE)

    async def close(account: invoice_pb2.Account) -> pb.FinalizeClosingInvoiceResponse | MeterlineError:
        request = pb.FinalizeClosingInvoiceRequest(
            customer=account.customer, currency=account.currency, billing_period=billing_period
        )
        async with free:
            try:
                answer: pb.FinalizeClosingInvoiceResponse = await patiently(
                    lambda left_s: client.invoicing.FinalizeClosingInvoice(request, timeout=left_s)
                )
            except MeterlineError as error:
                # One customer that is not ready must not hold up the others.
                return error
            return answer

    made: list[invoice_pb2.Invoice] = []
    waiting: list[invoice_pb2.Account] = []
    failures: dict[str, MeterlineError] = {}
    for account, answer in zip(accounts, await asyncio.gather(*map(close, accounts)), strict=True):
        if isinstance(answer, MeterlineError):
            failures[f"closing invoice of {account.customer} in {account.currency}"] = answer
        elif answer.HasField("invoice"):
            made.append(answer.invoice)
            if not answer.created:
                # An invoice that the run made before has nothing of what came since.
                waiting.append(account)
        elif answer.HasField("next_invoice"):
            waiting.append(account)
    return made, waiting, failures


def accounts_to_close(
    accounts: Collection[invoice_pb2.Account],
    created: Collection[invoice_pb2.Invoice],
    failed_customers: Collection[str],
) -> list[invoice_pb2.Account]:
    """Leave out accounts whose new invoice carries all, and customers whose invoice will once it is ready."""
    carried = {(invoice.customer, invoice.currency) for invoice in created}
    return [
        account
        for account in accounts
        if (account.customer, account.currency) not in carried and account.customer not in failed_customers
    ]


def tell_pending(found: Sequence[tuple[invoice_pb2.Account, pb.ListPendingAdjustmentsResponse]]) -> None:
    """Say what waits for which invoice, one line for each period."""
    for account, answer in found:
        for change in answer.adjustments:
            say(
                f"{account.customer}: {change.amount} {change.currency} of contract {change.contract} for "
                f"{change.billing_period} came late and will be {landing(answer.next_invoice)}"
            )


def landing(following: invoice_pb2.NextInvoice) -> str:
    """Say which invoice will carry what is pending."""
    if following.contract:
        return f"on the next invoice, of contract {following.contract} for {following.billing_period}"
    return f"on a closing invoice that `meterline invoice finalize --period {following.billing_period}` makes"


def pending_document(change: invoice_pb2.PendingAdjustment, following: invoice_pb2.NextInvoice) -> dict[str, Any]:
    """Write a pending adjustment; `nextInvoice` is null where a closing invoice will carry it.

    `closingPeriod` is then the period whose run makes that invoice.
    """
    on_next = {"contract": following.contract, "billingPeriod": following.billing_period}
    return {
        "contract": change.contract,
        "billingPeriod": change.billing_period,
        "amount": change.amount,
        "currency": change.currency,
        "lines": [line_document(line) for line in change.lines],
        "nextInvoice": on_next if following.contract else None,
        "closingPeriod": None if following.contract else following.billing_period,
    }
