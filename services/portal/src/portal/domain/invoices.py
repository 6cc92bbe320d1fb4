"""Invoices and drafts as a customer sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from money import exact_arithmetic
from portal.domain.views import Amount, Answer, ExactAmount, Quantity, Span, View

LineKind = Literal["usage", "fixed", "adjustment", "discount", "agreed", "credit"]
InvoiceKind = Literal["period", "closing"]


class Tier(View):
    """A row of the price model."""

    up_to: Quantity | None = Field(description="Upper bound of the tier, inclusive; null for the last or only one.")
    quantity: ExactAmount = Field(description="Part of the quantity that is priced here; blocks for a package.")
    unit_price: Quantity = Field(description="Price of one unit.")
    flat: Quantity | None = Field(description="Flat fee of the tier; null = none.")
    amount: ExactAmount = Field(description="Exact amount of the row.")
    here: bool = Field(description="Whether the quantity ends in this tier.")
    row: str = Field(default="", description="Of which row of a matrix or value of a key it is; else empty.")


class Line(View):
    """A line of an invoice or draft."""

    id: str = Field(description="Id of the line.", examples=["INV-000017.3", "draft.3"])
    kind: LineKind = Field(description='"agreed": a bound of the plan, or a commitment of the contract.')
    item: str = Field(description="Name of the plan's item.")
    label: str = Field(description="Its name for people, as the seller's profile has it.")
    meter: str = Field(description="Meter; empty for a fixed fee and a discount.")
    unit: str = Field(description="Unit of the quantity, for people.")
    quantity: Quantity = Field(description="Quantity; for an adjustment the change of the quantity.")
    priced_quantity: ExactAmount | None = Field(
        description="What is priced of it, where that is another one: rounded event by event, or converted; for an "
        "adjustment that of the whole period now. Null where the quantity itself is priced."
    )
    amount: Amount = Field(description="Amount, rounded once.")
    exact_amount: ExactAmount = Field(
        description="Amount before rounding; for an adjustment that of the whole period now."
    )
    event_count: int = Field(description="Events behind the quantity; for an adjustment the late ones.")
    tiers: tuple[Tier, ...]
    period: Span = Field(description="Service period.")
    plan: str = Field(description="Plan by whose price it is.")
    plan_version: int
    adjusts_line_id: str | None = Field(description="For an adjustment, the line that it adjusts.")
    billed_before: Amount | None = Field(description="For an adjustment, what was billed before.")
    contract: str | None = Field(description="Contract, where it is another one than the invoice's.")


class PendingAdjustment(View):
    """What came late of a final period and is on no invoice yet."""

    amount: Amount
    lines: tuple[Line, ...]
    next_invoice: str | None = Field(description="Label of the period whose invoice will carry it.")


class Invoice(Answer):
    """An invoice or the draft of one."""

    number: str | None = Field(description="Number; null for a draft.")
    status: Literal["draft", "final"]
    kind: InvoiceKind
    is_credit: bool = Field(description="Whether the seller owes the customer the amount.")
    seller: str
    customer: str = Field(description="Key of the customer.")
    customer_name: str
    contract: str
    billing_period: str
    period: Span
    time_zone: str
    lines: tuple[Line, ...]
    total: Amount = Field(description="Sum of the amounts of the lines.")
    currency: str
    finalized_at: datetime | None
    digest: str | None = Field(description="SHA-256 of the frozen text, in hexadecimal; null for a draft.")
    chain: str | None = Field(
        description="Hash that links it to the invoice before it in its series; null for a draft."
    )
    notes: tuple[str, ...] = Field(description="Sentences that belong on the document.")
    pending: PendingAdjustment | None


def together(bills: Sequence[Invoice]) -> Invoice:
    """Return the bills of several contracts of a customer as one: the first of them, with the lines of all.

    It is as fresh as the oldest.
    """
    times = [bill.complete_until for bill in bills]
    with exact_arithmetic():
        total = sum((bill.total for bill in bills), Decimal(0))
    return bills[0].model_copy(
        update={
            "lines": tuple(line for bill in bills for line in bill.lines),
            "total": total,
            "complete_until": None if None in times else min(time for time in times if time is not None),
        }
    )


class InvoiceSummary(View):
    """An invoice in a list."""

    number: str
    kind: InvoiceKind
    billing_period: str
    period: Span
    total: Amount
    currency: str
    line_count: int
    finalized_at: datetime
    is_credit: bool
    has_adjustments: bool


class DraftSummary(View):
    """The draft of the newest period that has begun and is not final."""

    billing_period: str
    period: Span
    total: Amount
    currency: str
    line_count: int


class InvoiceList(Answer):
    """The live draft, and invoices, the newest first."""

    draft: DraftSummary | None
    invoices: tuple[InvoiceSummary, ...]
    next: str | None = Field(description="What to send as `after` for the next page; null on the last.")


class Verified(View):
    """What was counted or computed again, now."""

    ok: bool = Field(description="Whether all of it is as it was billed.")
    problems: tuple[str, ...] = Field(description="What is wrong, in sentences.")
    counted: int = Field(description="Lines, or events, that were looked at.")
    digest: str | None = Field(description="SHA-256 that was computed again, in hexadecimal.")
    chain: str | None = Field(description="Hash that links it to its neighbors; null for a line.")
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class ListedInvoice:
    """An invoice in a list, with what else its customer may ask of it."""

    summary: InvoiceSummary
    contract: str
    seller: str


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """Invoices, and what names the page after them; empty on the last."""

    invoices: Sequence[ListedInvoice]
    next: str


def labelled(invoice: Invoice, label: Callable[[str], str]) -> Invoice:
    """Return an invoice whose items have their names for people."""

    def named(lines: tuple[Line, ...]) -> tuple[Line, ...]:
        return tuple(line.model_copy(update={"label": label(line.item)}) for line in lines)

    pending = invoice.pending
    if pending is not None:
        pending = pending.model_copy(update={"lines": named(pending.lines)})
    return invoice.model_copy(update={"lines": named(invoice.lines), "pending": pending})
