"""Messages to domain values and back; generated code stops here and in `upstream`."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.duration_pb2 import Duration

from chassis.errors import NotReady, Reason, invalid_field
from chassis.rpc.pages import page_token, place_in
from eventlog.as_of import AsOf
from eventlog.period import Period
from eventlog.wire import as_of_from_proto, as_of_to_proto, instant_from_proto, period_to_proto, timestamp
from invoicing.domain.composition import GRACE_MAX
from invoicing.domain.invoice import BillingProfile, Charge, DraftLine, InvoiceDraft, LineKind, Rated, Tier
from invoicing.domain.numbering import DRAFT, line_id
from metering.common.v1 import values_pb2
from metering.invoicing.v1 import invoice_pb2 as pb
from metering.rating.v1 import charge_pb2
from money import DERIVED, currency, format_decimal, parse_decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from invoicing.domain.verification import FrozenInvoice
    from metering.rating.v1 import catalog_pb2

_KIND_TO_PROTO: Final = {
    LineKind.USAGE: pb.LINE_KIND_USAGE,
    LineKind.FIXED: pb.LINE_KIND_FIXED,
    LineKind.ADJUSTMENT: pb.LINE_KIND_ADJUSTMENT,
}
_KIND_FROM_PROTO: Final = {message: kind for kind, message in _KIND_TO_PROTO.items()}
_KIND_FROM_CHARGE: Final = {
    charge_pb2.CHARGE_KIND_USAGE: LineKind.USAGE,
    charge_pb2.CHARGE_KIND_FIXED: LineKind.FIXED,
}


# --- times -----------------------------------------------------------------------------------------------------------


def period_from_proto(message: values_pb2.Period) -> Period:
    """Give a half-open period."""
    return Period(instant_from_proto(message.start), instant_from_proto(message.end))


# --- billing profile -------------------------------------------------------------------------------------------------


def profile_from_proto(message: pb.BillingProfileSpec, default: BillingProfile) -> BillingProfile:
    """Read a billing profile; what is absent is taken from the default. Raises InvalidRequest."""
    grace = default.grace
    if message.HasField("grace"):
        # protoc's Duration reaches further than timedelta; both refusals are the same to the caller.
        if not 0 <= message.grace.seconds <= GRACE_MAX.total_seconds():
            raise invalid_field("spec.grace", Reason.FIELD_INVALID, "grace must lie between 0 and 90 days")
        if message.grace.nanos:
            raise invalid_field("spec.grace", Reason.FIELD_INVALID, "grace is given in whole seconds")
        grace = timedelta(seconds=message.grace.seconds)
    return BillingProfile(
        version=0, seller=message.seller or default.seller, number_prefix=message.number_prefix, grace=grace
    )


def profile_to_proto(profile: BillingProfile) -> pb.BillingProfile:
    """Give the message of a billing profile."""
    spec = pb.BillingProfileSpec(
        seller=profile.seller,
        number_prefix=profile.number_prefix,
        grace=Duration(seconds=int(profile.grace.total_seconds())),
    )
    created_at = None if profile.created_at is None else timestamp(profile.created_at)
    return pb.BillingProfile(version=profile.version, spec=spec, created_at=created_at)


# --- what rating says ------------------------------------------------------------------------------------------------


def charge_from_proto(message: charge_pb2.Charge) -> Charge:
    """Read a charge."""
    return Charge(
        id=message.id,
        item=message.item,
        kind=_KIND_FROM_CHARGE[message.kind],
        meter=message.meter,
        unit=message.unit,
        plan=message.plan,
        plan_version=message.plan_version,
        quantity=parse_decimal(message.quantity, DERIVED),
        exact_amount=parse_decimal(message.exact_amount, DERIVED),
        tiers=tuple(Tier(t.up_to, t.quantity, t.unit, t.flat, t.amount) for t in message.tiers),
        snapshot_id=message.snapshot_id,
        event_count=message.event_count,
        traceparent=message.traceparent,
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
    """Read the charges of one contract and billing period. Raises NotReady when they are not all in one currency."""
    return Rated(
        contract=contract.name,
        customer=contract.spec.customer,
        customer_name=customer.spec.display_name or customer.name,
        currency=_currency_of(charges, customer),
        time_zone=contract.spec.time_zone,
        billing_period=billing_period,
        period=period_from_proto(period),
        snapshot_id=snapshot_id,
        as_of=as_of_from_proto(as_of),
        charges=tuple(charge_from_proto(charge) for charge in charges),
    )


def _currency_of(charges: Sequence[charge_pb2.Charge], customer: catalog_pb2.Customer) -> str:
    # The customer may have moved to another currency since; what a charge is in, only the charge can tell.
    codes = sorted({charge.currency for charge in charges} or {customer.spec.currency})
    if len(codes) > 1:
        message = f"the charges of one contract are in {' and '.join(codes)}; an invoice holds one currency"
        raise NotReady(Reason.CURRENCY_MISMATCH, message)
    return codes[0]


# --- invoices --------------------------------------------------------------------------------------------------------


def draft_to_proto(draft: InvoiceDraft) -> pb.Invoice:
    """Give the message of a draft."""
    minor_units = currency(draft.currency).minor_units
    return pb.Invoice(
        status=pb.INVOICE_STATUS_DRAFT,
        customer=draft.customer,
        customer_name=draft.customer_name,
        seller=draft.seller,
        contract=draft.contract,
        currency=draft.currency,
        period=period_to_proto(draft.period),
        billing_period=draft.billing_period,
        time_zone=draft.time_zone,
        lines=[_draft_line_to_proto(line, n, minor_units) for n, line in enumerate(draft.lines, start=1)],
        total=format_decimal(draft.total, places_min=minor_units),
        as_of=as_of_to_proto(draft.as_of),
    )


def _draft_line_to_proto(line: DraftLine, ordinal: int, minor_units: int) -> pb.InvoiceLine:
    return pb.InvoiceLine(
        id=line_id(DRAFT, ordinal),
        kind=_KIND_TO_PROTO[line.kind],
        item=line.item,
        meter=line.meter,
        unit=line.unit,
        quantity=format_decimal(line.quantity),
        amount=format_decimal(line.amount, places_min=minor_units),
        exact_amount=format_decimal(line.exact_amount),
        tiers=[
            pb.InvoiceLineTier(up_to=t.up_to, quantity=t.quantity, unit=t.unit, flat=t.flat, amount=t.amount)
            for t in line.tiers
        ],
        period=period_to_proto(line.period),
        plan=line.plan,
        plan_version=line.plan_version,
        event_count=line.event_count,
        adjusts_line_id=line.adjusts_line_id,
    )


def invoice_to_proto(invoice: FrozenInvoice) -> pb.Invoice:
    """Give the message of a final invoice, read from its frozen text alone."""
    document: dict[str, Any] = json.loads(invoice.canonical_json)
    lanes = {int(entry["lane"]): int(entry["position"]) for entry in document["asOf"]["lanes"]}
    return pb.Invoice(
        number=document["number"],
        status=pb.INVOICE_STATUS_FINALIZED,
        customer=document["customer"],
        customer_name=document["customerName"],
        seller=document["seller"],
        contract=document["contract"],
        currency=document["currency"],
        period=_period_of(document["period"]),
        billing_period=document["billingPeriod"],
        time_zone=document["timeZone"],
        lines=[line_of(line) for line in document["lines"]],
        total=document["total"],
        as_of=as_of_to_proto(AsOf(document["asOf"]["epoch"], lanes)),
        finalized_at=timestamp(datetime.fromisoformat(document["finalizedAt"])),
        digest=invoice.digest,
        previous_chain=invoice.previous_chain,
        chain=invoice.chain,
    )


def line_of(document: dict[str, Any]) -> pb.InvoiceLine:
    """Give the message of a frozen line."""
    return pb.InvoiceLine(
        id=document["id"],
        kind=_KIND_TO_PROTO[LineKind(document["kind"])],
        item=document["item"],
        meter=document["meter"],
        unit=document["unit"],
        quantity=document["quantity"],
        amount=document["amount"],
        exact_amount=document["exactAmount"],
        tiers=[
            pb.InvoiceLineTier(
                up_to=tier["upTo"],
                quantity=tier["quantity"],
                unit=tier["unit"],
                flat=tier["flat"],
                amount=tier["amount"],
            )
            for tier in document["tiers"]
        ],
        period=_period_of(document["period"]),
        charge_id=document["chargeId"],
        snapshot_id=document["snapshotId"],
        plan=document["plan"],
        plan_version=int(document["planVersion"]),
        event_count=int(document["eventCount"]),
        adjusts_line_id=document.get("adjustsLineId", ""),
        traceparent=document["traceparent"],
    )


def line_by_id(invoice: pb.Invoice, line: str) -> pb.InvoiceLine:
    """Give the line of an invoice that is known to hold it."""
    return next(candidate for candidate in invoice.lines if candidate.id == line)


def page_token_to_text(last: FrozenInvoice) -> str:
    """Write where a page ended: series and number."""
    return page_token(last.prefix, last.sequence)


def page_token_from_text(token: str) -> tuple[str, int]:
    """Read a page token; the empty one begins at the first page. Raises InvalidRequest."""
    prefix, sequence = place_in(token, [str, int]) or ("", 0)
    return prefix, sequence


def amount_of(line: pb.InvoiceLine) -> Decimal:
    """Give the rounded amount of a line."""
    return parse_decimal(line.amount, DERIVED)


def exact_amount_of(line: pb.InvoiceLine) -> Decimal:
    """Give the exact amount of a line, before rounding."""
    return parse_decimal(line.exact_amount, DERIVED)


def kind_of(line: pb.InvoiceLine) -> LineKind:
    """Give what a line is for."""
    return _KIND_FROM_PROTO[line.kind]


def _period_of(document: dict[str, str]) -> values_pb2.Period:
    return period_to_proto(Period(datetime.fromisoformat(document["start"]), datetime.fromisoformat(document["end"])))
