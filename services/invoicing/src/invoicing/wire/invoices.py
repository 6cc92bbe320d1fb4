"""Invoices as messages, and what rating says of a period."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chassis.errors import NotReady, Reason, invalid_field
from chassis.rpc.pages import PAGE_BYTES_MAX, fitting, page_token_invalid, place_in
from chassis.rpc.pages import page_token as page_token_of
from eventlog.instants import instant_of
from eventlog.labels import days_of_label, month_label
from eventlog.wire import as_of_from_answer, period_from_proto
from invoicing.domain.charges import Charge, Rated
from invoicing.domain.document import Invoice, InvoiceKind, LineKind, Tier
from invoicing.domain.invoices import InvoiceFilter, ListPlace
from invoicing.wire.fields import message_of
from metering.invoicing.v1 import invoice_pb2 as pb
from metering.invoicing.v1 import invoicing_service_pb2 as service_pb
from metering.rating.v1 import charge_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from money import DERIVED, ZERO, currency, format_decimal, format_exact, parse_decimal, parse_exact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chassis.rpc.pages import Page
    from invoicing.domain.document import InvoiceLine
    from invoicing.domain.invoices import FrozenInvoice
    from invoicing.domain.lines import BilledPeriod
    from metering.common.v1 import values_pb2
    from metering.rating.v1 import catalog_pb2

_KINDS = {
    charge_pb2.CHARGE_KIND_USAGE: LineKind.USAGE,
    charge_pb2.CHARGE_KIND_FIXED: LineKind.FIXED,
    charge_pb2.CHARGE_KIND_DISCOUNT: LineKind.DISCOUNT,
    charge_pb2.CHARGE_KIND_ADVANCE: LineKind.FIXED,
    charge_pb2.CHARGE_KIND_BOUND: LineKind.BOUND,
    charge_pb2.CHARGE_KIND_COMMITMENT: LineKind.COMMITMENT,
    charge_pb2.CHARGE_KIND_CREDIT: LineKind.CREDIT,
}
_INVOICE_KINDS = {
    pb.INVOICE_KIND_PERIOD: InvoiceKind.PERIOD,
    pb.INVOICE_KIND_CLOSING: InvoiceKind.CLOSING,
}


# --- what rating says ------------------------------------------------------------------------------------------------


def billed_to_proto(billed: BilledPeriod) -> rating_pb.BilledSnapshot:
    """Return how the snapshot of a period was billed."""
    (plan, plan_version), plans = billed.plan, billed.plans
    return rating_pb.BilledSnapshot(
        snapshot_id=billed.snapshot_id,
        plan=plan,
        plan_version=plan_version,
        items=[
            rating_pb.BilledItem(
                item=item,
                quantity=format_decimal(quantity),
                exact_amount=format_exact(exact_amount),
                plan=plans[item][0],
                plan_version=plans[item][1],
            )
            for item, (quantity, exact_amount) in billed.charged.items()
        ],
    )


def rated_from_proto(
    *,
    charges: Sequence[charge_pb2.Charge],
    contract: catalog_pb2.Contract,
    customer: catalog_pb2.Customer,
    period: values_pb2.Period,
    billing_period: str,
    as_of: values_pb2.AsOf,
    snapshot_id: str = "",
) -> Rated:
    """Return the charges of one contract and billing period. Raises NotReady when they are not all in one currency."""
    return Rated(
        contract=contract.name,
        customer=contract.spec.customer,
        customer_name=customer.spec.display_name or customer.name,
        currency=_currency_of(charges, customer),
        time_zone=contract.spec.time_zone,
        billing_period=billing_period,
        period=period_from_proto(period),
        snapshot_id=snapshot_id,
        as_of=as_of_from_answer(as_of),
        charges=tuple(charge_from_proto(charge) for charge in charges if not charge.is_settled),
    )


def charge_from_proto(message: charge_pb2.Charge) -> Charge:
    """Return a charge."""
    return Charge(
        id=message.id,
        item=message.item,
        kind=_KINDS[message.kind],
        meter=message.meter,
        unit=message.unit,
        plan=message.plan,
        plan_version=message.plan_version,
        quantity=parse_decimal(message.quantity, DERIVED),
        exact_amount=parse_exact(message.exact_amount),
        tiers=tuple(_tier_from_proto(tier) for tier in message.tiers),
        snapshot_id=message.snapshot_id,
        event_count=message.event_count,
        traceparent=message.traceparent,
        priced_quantity=parse_exact(message.priced_quantity) if message.priced_quantity else None,
        period=period_from_proto(message.period) if message.HasField("period") else None,
        in_advance=message.kind == charge_pb2.CHARGE_KIND_ADVANCE,
    )


def _tier_from_proto(message: charge_pb2.ChargeTier) -> Tier:
    return Tier(
        up_to=parse_decimal(message.up_to, DERIVED) if message.up_to else None,
        quantity=parse_exact(message.quantity),
        unit_price=parse_decimal(message.unit_price, DERIVED),
        flat=parse_decimal(message.flat, DERIVED) if message.flat else ZERO,
        amount=parse_exact(message.amount),
        row=message.row,
    )


def _currency_of(charges: Sequence[charge_pb2.Charge], customer: catalog_pb2.Customer) -> str:
    # The customer may have moved to another currency since; what a charge is in, only the charge can tell.
    codes = sorted({charge.currency for charge in charges} or {customer.spec.currency})
    if len(codes) > 1:
        message = f"the charges of one contract are in {' and '.join(codes)}; an invoice holds one currency"
        raise NotReady(Reason.CURRENCY_MISMATCH, message)
    return codes[0]


# --- invoices --------------------------------------------------------------------------------------------------------


def draft_to_proto(draft: Invoice) -> pb.Invoice:
    """Return the message of a draft."""
    return _invoice_to_proto(draft, draft.lines, status=pb.INVOICE_STATUS_DRAFT)


def invoice_to_proto(invoice: FrozenInvoice) -> pb.Invoice:
    """Return the message of a final invoice, read from its frozen text alone."""
    content = invoice.content()
    return _final_to_proto(invoice, content, content.lines)


def listed_to_proto(page: Page[FrozenInvoice], *, without_lines: bool) -> service_pb.ListInvoicesResponse:
    """Return a page of a list of invoices."""
    contents = ((invoice, invoice.content()) for invoice in page.entries)
    return service_pb.ListInvoicesResponse(
        invoices=(
            _final_to_proto(invoice, content, () if without_lines else content.lines) for invoice, content in contents
        ),
        next_page_token=page.next_page_token,
    )


def page_to_proto(invoice: FrozenInvoice, page_size: int, page_token: str) -> service_pb.GetInvoiceResponse:
    """Return a page of a final invoice: some of its lines and a piece of its text; for the size 0 all of it."""
    content = invoice.content()
    if not page_size and not page_token:
        message = _final_to_proto(invoice, content, content.lines)
        text = invoice.canonical_json
        return service_pb.GetInvoiceResponse(invoice=message, canonical_json=text, line_count=len(content.lines))
    lines_before, bytes_before = place_in(page_token, [int, int]) or (0, 0)
    if not page_size or min(lines_before, bytes_before) < 0:
        raise page_token_invalid()
    lines = content.lines[lines_before : lines_before + page_size]
    message = _final_to_proto(invoice, content, lines)
    del message.lines[len(fitting(message.lines, lambda line: line.ByteSize())) :]
    piece = invoice.canonical_json[bytes_before : bytes_before + PAGE_BYTES_MAX]
    lines_to, bytes_to = lines_before + len(message.lines), bytes_before + len(piece)
    is_last = lines_to >= len(content.lines) and bytes_to >= len(invoice.canonical_json)
    return service_pb.GetInvoiceResponse(
        invoice=message,
        canonical_json=piece,
        next_page_token="" if is_last else page_token_of(lines_to, bytes_to),
        line_count=len(content.lines),
    )


def _final_to_proto(invoice: FrozenInvoice, content: Invoice, lines: Sequence[InvoiceLine]) -> pb.Invoice:
    return _invoice_to_proto(
        content, lines, status=pb.INVOICE_STATUS_FINALIZED, digest=invoice.digest, chain=invoice.chain
    )


def _invoice_to_proto(content: Invoice, lines: Sequence[InvoiceLine], **others: Any) -> pb.Invoice:
    """Return an invoice with some of its lines; their number is that of all."""
    return message_of(
        replace(content, lines=tuple(lines)),
        pb.Invoice,
        currency(content.currency).minor_units,
        is_credit=content.is_credit,
        line_count=len(content.lines),
        adjustment_count=sum(line.kind is LineKind.ADJUSTMENT for line in content.lines),
        **others,
    )


# --- requests --------------------------------------------------------------------------------------------------------


def check_one_is_named(request: service_pb.PreviewInvoiceRequest | service_pb.ExplainDraftLineRequest) -> None:
    """Raise InvalidRequest unless either the contract or the customer is named."""
    if bool(request.contract) == bool(request.customer):
        reason = Reason.FIELD_INVALID if request.contract else Reason.FIELD_REQUIRED
        raise invalid_field("contract", reason, "name either the contract or the customer, not both")


def filter_from_proto(request: service_pb.ListInvoicesRequest) -> InvoiceFilter:
    """Return which invoices are asked for, and in which order."""
    return InvoiceFilter(
        customer=request.customer,
        billing_period=request.billing_period,
        from_month=_month_in(request.from_billing_period),
        until_month=_month_in(request.until_billing_period, last=True),
        kind=_INVOICE_KINDS.get(request.kind),
        newest_first=request.order == service_pb.INVOICE_ORDER_NEWEST_FIRST,
    )


def _month_in(billing_period: str, *, last: bool = False) -> str:
    """Return the first month that a label names a day of, or the last one; empty for none."""
    days = days_of_label(billing_period)
    if days is None:
        return billing_period
    return month_label(days[1] - timedelta(days=1) if last else days[0])


def place_after(token: str, *, newest_first: bool = False) -> ListPlace:
    """Return after which invoice a page begins. Raises InvalidRequest, also for a token of the other order."""
    if not newest_first:
        prefix, sequence = place_in(token, [str, int]) or ("", 0)
        return ListPlace(prefix, sequence)
    place = place_in(token, [int, str, int])
    if place is None:
        return ListPlace()
    finalized_us, prefix, sequence = place
    try:
        return ListPlace(prefix, sequence, instant_of(finalized_us))
    except OverflowError:
        raise page_token_invalid() from None
