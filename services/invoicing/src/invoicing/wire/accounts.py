"""Accounts, what is pending on them and closing invoices as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.rpc.pages import place_in
from invoicing.wire.fields import message_of
from invoicing.wire.invoices import draft_to_proto, invoice_to_proto
from metering.invoicing.v1 import invoice_pb2 as pb
from metering.invoicing.v1 import invoicing_service_pb2 as service_pb
from money import currency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chassis.rpc.pages import Page
    from invoicing.domain.accounts import Account, DuePeriod
    from invoicing.domain.composition import Pending
    from invoicing.operations.accounts import Closing
    from invoicing.operations.invoices import Preview


def accounts_to_proto(page: Page[Account]) -> service_pb.ListAccountsResponse:
    """Return a page of accounts."""
    accounts = [pb.Account(customer=account.customer, currency=account.currency) for account in page.entries]
    return service_pb.ListAccountsResponse(accounts=accounts, next_page_token=page.next_page_token)


def account_after(token: str) -> tuple[str, str]:
    """Return after which account a page begins. Raises InvalidRequest."""
    customer, code = place_in(token, [str, str]) or ("", "")
    return customer, code


def listed_to_proto(found: Sequence[Pending], due: DuePeriod | None) -> service_pb.ListPendingAdjustmentsResponse:
    """Return everything that waits on an account."""
    if due is None:
        return service_pb.ListPendingAdjustmentsResponse()
    return service_pb.ListPendingAdjustmentsResponse(
        adjustments=map(_pending_to_proto, found), next_invoice=_next_to_proto(due)
    )


def closing_to_proto(closing: Closing) -> service_pb.FinalizeClosingInvoiceResponse:
    """Return a closing invoice, or the one that comes instead."""
    response = service_pb.FinalizeClosingInvoiceResponse(created=closing.created)
    if closing.invoice is not None:
        response.invoice.CopyFrom(invoice_to_proto(closing.invoice))
    if closing.next_due is not None:
        response.next_invoice.CopyFrom(_next_to_proto(closing.next_due))
    return response


def preview_to_proto(preview: Preview) -> service_pb.PreviewInvoiceResponse:
    """Return a draft; or, of a final period, its invoice, what has changed since, and where that lands."""
    if preview.final is None:
        return service_pb.PreviewInvoiceResponse(invoice=draft_to_proto(preview.invoice))
    response = service_pb.PreviewInvoiceResponse(invoice=invoice_to_proto(preview.final))
    if preview.pending is not None and preview.next_due is not None:
        response.pending.CopyFrom(_pending_to_proto(preview.pending))
        response.next_invoice.CopyFrom(_next_to_proto(preview.next_due))
    return response


def _pending_to_proto(pending: Pending) -> pb.PendingAdjustment:
    return message_of(pending, pb.PendingAdjustment, currency(pending.currency).minor_units)


def _next_to_proto(due: DuePeriod) -> pb.NextInvoice:
    return pb.NextInvoice(contract=due.contract, billing_period=due.billing_period)
