"""Results as table, JSON or YAML. Decimals and ids are texts in all of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Literal

import yaml
from google.protobuf.json_format import MessageToDict
from rich.table import Table

from meterline.cli.running import Output, console, escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

    from metering.common.v1 import values_pb2
    from metering.invoicing.v1 import invoice_pb2

_INVOICE_STATUS: Final = {1: "draft", 2: "final"}
_LINE_KIND: Final = {1: "usage", 2: "fixed", 3: "adjustment"}


def print_document(document: Any, output: Output) -> None:
    """Print a value as JSON or YAML."""
    if output is Output.YAML:
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    else:
        text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    console.out(text, end="", highlight=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """Print rows; columns whose name starts with '>' are set to the right."""
    table = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column.startswith(">") else "left"
        table.add_column(column.removeprefix(">"), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)


def message_document(message: Message) -> dict[str, Any]:
    """Give a message as JSON names its fields, those that are empty or 0 too: a key never comes and goes."""
    document: dict[str, Any] = MessageToDict(message, always_print_fields_with_no_presence=True)
    return document


def time_text(message: Timestamp) -> str:
    """Write a time as RFC 3339 in UTC."""
    return message.ToJsonString()


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
        "status": _INVOICE_STATUS[invoice.status],
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
    document: dict[str, Any] = {
        "id": line.id,
        "kind": _LINE_KIND[line.kind],
        "item": line.item,
        "meter": line.meter,
        "unit": line.unit,
        "quantity": line.quantity,
        "amount": line.amount,
        "exactAmount": line.exact_amount,
        "tiers": [tier_document(tier) for tier in line.tiers],
        "period": period_document(line.period),
        "plan": line.plan,
        "planVersion": line.plan_version,
        "eventCount": line.event_count,
    }
    references = {"chargeId": line.charge_id, "snapshotId": line.snapshot_id, "adjustsLineId": line.adjusts_line_id}
    return document | {name: value for name, value in references.items() if value}


def tier_document(tier: invoice_pb2.InvoiceLineTier) -> dict[str, Any]:
    """Write a row of the price model; `upTo` is null in the last tier."""
    document: dict[str, Any] = {
        "upTo": tier.up_to or None,
        "quantity": tier.quantity,
        "unitPrice": tier.unit_price,
        "amount": tier.amount,
    }
    return document | ({"flat": tier.flat} if tier.flat else {})


def print_invoice(invoice: invoice_pb2.Invoice) -> None:
    """Print an invoice for people."""
    title = f"Invoice {invoice.number}" if invoice.number else "Draft invoice"
    console.print(
        f"[bold]{escape(title)}[/bold]  {escape(invoice.seller)} -> {escape(invoice.customer_name)}", highlight=False
    )
    console.print(
        f"contract {escape(invoice.contract)}, period {invoice.billing_period} "
        f"({time_text(invoice.period.start)} to {time_text(invoice.period.end)}, {invoice.time_zone})",
        highlight=False,
    )
    rows = [
        (line.id, line.item, _LINE_KIND[line.kind], f"{line.quantity} {line.unit}".strip(), line.amount)
        for line in invoice.lines
    ]
    print_table(("line", "item", "kind", ">quantity", f">amount {invoice.currency}"), rows)
    console.print(f"[bold]total {invoice.total} {invoice.currency}[/bold]", highlight=False)
