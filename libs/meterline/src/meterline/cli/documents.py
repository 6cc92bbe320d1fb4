"""The services' messages as the documents that `-o json` and `-o yaml` print. Decimals and ids are texts in them."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict

from metering.common.v1 import values_pb2
from metering.invoicing.v1 import invoice_pb2

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

    from metering.rating.v1 import charge_pb2


def message_document(message: Message) -> dict[str, Any]:
    """Return a message with the keys of its JSON form, empty fields and zeros included: a key never comes and goes."""
    document: dict[str, Any] = MessageToDict(message, always_print_fields_with_no_presence=True)
    return document


def enum_word(message: Message, field: str) -> str:
    """Return the value of an enum field without the prefix that all values of its enum share."""
    enum: Any = message.DESCRIPTOR.fields_by_name[field].enum_type
    values = enum.values_by_number
    word: str = values[getattr(message, field)].name.removeprefix(values[0].name.removesuffix("UNSPECIFIED"))
    return word


def quantity_text(told: invoice_pb2.InvoiceLine | charge_pb2.Charge) -> str:
    """Write the quantity of a line or charge in its unit, and what is priced of it where that is another one."""
    quantity = f"{told.quantity} {told.unit}".strip()
    if not told.priced_quantity:
        return quantity
    # The quantity of an adjustment is a change, but prices are for all of a period.
    whole = "the whole " if isinstance(told, invoice_pb2.InvoiceLine) and told.adjusts_line_id else ""
    return f"{quantity}, {whole}priced as {told.priced_quantity}"


def time_text(message: Timestamp) -> str:
    """Write a time as RFC 3339 in UTC."""
    return message.ToJsonString()


def local_time_text(message: Timestamp, zone: ZoneInfo) -> str:
    """Write a time as a zone has it, with the offset."""
    if zone.key == "UTC":
        return time_text(message)
    try:
        return message.ToDatetime(tzinfo=UTC).astimezone(zone).isoformat()
    except OverflowError:
        # The calendar ends within hours of it.
        return time_text(message)


def short_time(message: Timestamp) -> str:
    """Write a time for tables, to the second; "-" if there is none."""
    return time_text(message)[:19] + "Z" if message.seconds or message.nanos else "-"


def period_document(period: values_pb2.Period) -> dict[str, str]:
    """Write a half-open period."""
    return {"start": time_text(period.start), "end": time_text(period.end)}


def as_of_document(as_of: values_pb2.AsOf) -> dict[str, Any]:
    """Write how far into the log a number reaches."""
    return {
        "epoch": as_of.epoch,
        "lanes": [{"lane": entry.lane, "position": str(entry.position)} for entry in as_of.lanes],
    }


def invoice_document(invoice: invoice_pb2.Invoice) -> dict[str, Any]:
    """Write an invoice in the published shape."""
    return {
        "number": invoice.number,
        "status": enum_word(invoice, "status").lower(),
        "kind": enum_word(invoice, "kind").lower(),
        "customer": invoice.customer,
        "customerName": invoice.customer_name,
        "seller": invoice.seller,
        "contract": invoice.contract,
        "currency": invoice.currency,
        "billingPeriod": invoice.billing_period,
        "period": period_document(invoice.period),
        "timeZone": invoice.time_zone,
        "lines": [line_document(line) for line in invoice.lines],
        "total": invoice.total,
        "isCredit": invoice.is_credit,
        "asOf": as_of_document(invoice.as_of),
    } | _frozen_part(invoice)


def _frozen_part(invoice: invoice_pb2.Invoice) -> dict[str, str]:
    if not invoice.number:
        return {}
    return {
        "finalizedAt": time_text(invoice.finalized_at),
        "digest": invoice.digest.hex(),
        "chain": invoice.chain.hex(),
    }


def line_document(line: invoice_pb2.InvoiceLine) -> dict[str, Any]:
    """Write an invoice line in the published shape."""
    return _published(line) | {"tiers": [_tier_document(tier) for tier in line.tiers]}


def charge_document(charge: charge_pb2.Charge) -> dict[str, Any]:
    """Write a charge."""
    return _published(charge) | {"tiers": [_tier_document(tier) for tier in charge.tiers]}


def _tier_document(tier: invoice_pb2.InvoiceLineTier | charge_pb2.ChargeTier) -> dict[str, Any]:
    """Write a row of the price model; `upTo` is null in the last tier."""
    return _published(tier) | {"upTo": tier.up_to or None}


def _published(message: Message) -> dict[str, Any]:
    """Return every field of a message by its JSON name: enums as their word, times as RFC 3339, counts as numbers."""
    return {field.json_name: _value(message, field) for field in message.DESCRIPTOR.fields}


def _value(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(sorted(value.items()))
    if field.is_repeated:
        return [_published(entry) for entry in value]
    if field.enum_type is not None:
        return enum_word(message, field.name).lower()
    if field.message_type is None:
        return value
    if field.message_type.full_name == "google.protobuf.Timestamp":
        return time_text(value) if message.HasField(field.name) else None
    return as_of_document(value) if field.message_type is values_pb2.AsOf.DESCRIPTOR else _published(value)
