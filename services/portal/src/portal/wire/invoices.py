"""Invoices and drafts as messages."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from eventlog.wire import instant_from_proto
from metering.invoicing.v1 import invoice_pb2 as pb
from metering.invoicing.v1 import invoicing_service_pb2 as service_pb
from portal.domain.invoices import (
    Invoice,
    InvoiceKind,
    InvoicePage,
    InvoiceSummary,
    Line,
    LineKind,
    ListedInvoice,
    PendingAdjustment,
    Verified,
)
from portal.wire.charges import tiers_from_proto
from portal.wire.values import exact_text, freshness_from_proto, optional_decimal, span_from_proto

if TYPE_CHECKING:
    from collections.abc import Mapping

_LINE_KINDS: Final[Mapping[int, LineKind]] = {
    pb.LINE_KIND_USAGE: "usage",
    pb.LINE_KIND_FIXED: "fixed",
    pb.LINE_KIND_BOUND: "agreed",
    pb.LINE_KIND_DISCOUNT: "discount",
    pb.LINE_KIND_COMMITMENT: "agreed",
    pb.LINE_KIND_CREDIT: "credit",
    pb.LINE_KIND_ADJUSTMENT: "adjustment",
}
_KINDS: Final[Mapping[int, InvoiceKind]] = {pb.INVOICE_KIND_PERIOD: "period", pb.INVOICE_KIND_CLOSING: "closing"}
_ROUNDING_NOTE: Final = "Each amount is the exact charge rounded once, half away from zero; the total is their sum."
_CREDIT_NOTE: Final = "The total is below zero: this document is a credit."


def invoice_from_proto(message: pb.Invoice) -> Invoice:
    """Return an invoice or a draft."""
    is_final = message.status == pb.INVOICE_STATUS_FINALIZED
    fresh = freshness_from_proto(message.as_of)
    return Invoice(
        as_of=fresh.as_of,
        complete_until=fresh.complete_until,
        number=message.number or None,
        status="final" if is_final else "draft",
        kind=_KINDS.get(message.kind, "period"),
        is_credit=message.is_credit,
        seller=message.seller,
        customer=message.customer,
        customer_name=message.customer_name,
        contract=message.contract,
        billing_period=message.billing_period,
        period=span_from_proto(message.period),
        time_zone=message.time_zone,
        lines=tuple(map(line_from_proto, message.lines)),
        total=Decimal(message.total),
        currency=message.currency,
        finalized_at=instant_from_proto(message.finalized_at) if message.HasField("finalized_at") else None,
        digest=message.digest.hex() or None,
        chain=message.chain.hex() or None,
        notes=(_ROUNDING_NOTE, _CREDIT_NOTE) if message.is_credit else (_ROUNDING_NOTE,),
        pending=None,
    )


def preview_from_proto(message: service_pb.PreviewInvoiceResponse) -> Invoice:
    """Return a draft, or a final invoice with what changed since."""
    invoice = invoice_from_proto(message.invoice)
    if not message.HasField("pending"):
        return invoice
    pending = PendingAdjustment(
        amount=Decimal(message.pending.amount),
        lines=tuple(map(line_from_proto, message.pending.lines)),
        next_invoice=message.next_invoice.billing_period or None,
    )
    return invoice.model_copy(update={"pending": pending})


def listed_from_proto(message: pb.Invoice) -> ListedInvoice:
    """Return an invoice in a list, whose lines were left out."""
    summary = InvoiceSummary(
        number=message.number,
        kind=_KINDS[message.kind],
        billing_period=message.billing_period,
        period=span_from_proto(message.period),
        total=Decimal(message.total),
        currency=message.currency,
        line_count=message.line_count,
        finalized_at=instant_from_proto(message.finalized_at),
        is_credit=message.is_credit,
        has_adjustments=message.adjustment_count > 0,
    )
    return ListedInvoice(summary, message.contract, message.seller)


def newest_first(customer: str, after: str, limit: int) -> service_pb.ListInvoicesRequest:
    """Return the question for a page of a customer's invoices, without their lines."""
    return service_pb.ListInvoicesRequest(
        customer=customer,
        page_size=limit,
        page_token=after,
        order=service_pb.INVOICE_ORDER_NEWEST_FIRST,
        without_lines=True,
    )


def page_from_proto(message: service_pb.ListInvoicesResponse) -> InvoicePage:
    """Return a page of invoices."""
    return InvoicePage(tuple(map(listed_from_proto, message.invoices)), message.next_page_token)


def verified_from_proto(message: service_pb.VerifyInvoiceResponse) -> Verified:
    """Return what came of checking an invoice."""
    return Verified(
        ok=not message.problems,
        problems=tuple(message.problems),
        counted=message.line_count,
        digest=message.digest.hex() or None,
        chain=message.chain.hex() or None,
        checked_at=instant_from_proto(message.checked_at),
    )


def line_from_proto(message: pb.InvoiceLine) -> Line:
    """Return a line; its label is its item until a profile says otherwise."""
    return Line(
        id=message.id,
        kind=_LINE_KINDS[message.kind],
        item=message.item,
        label=message.item,
        meter=message.meter,
        unit=message.unit,
        quantity=Decimal(message.quantity),
        priced_quantity=exact_text(message.priced_quantity) if message.priced_quantity else None,
        amount=Decimal(message.amount),
        exact_amount=exact_text(message.exact_amount),
        event_count=message.event_count,
        tiers=tiers_from_proto(message.tiers),
        period=span_from_proto(message.period),
        plan=message.plan,
        plan_version=message.plan_version,
        adjusts_line_id=message.adjusts_line_id or None,
        billed_before=optional_decimal(message.billed_before),
        contract=message.contract or None,
    )
