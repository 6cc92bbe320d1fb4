"""Two invoices side by side: what each item comes to on both, and the exact differences."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

from pydantic import Field

from chassis.errors import Reason
from chassis.errors.refused import Refused
from portal.domain.invoices import Invoice, Line, LineKind
from portal.domain.percents import change_from, price_of_one
from portal.domain.views import Amount, Answer, Quantity, Span, View


class ComparedInvoice(View):
    """One of the two."""

    number: str | None = Field(description="Number; null for a draft.")
    status: Literal["draft", "final"]
    billing_period: str
    period: Span
    total: Amount


class ComparedSide(View):
    """What an item comes to on one of the two: the sum of its lines."""

    quantity: Quantity
    unit_price: Quantity | None = Field(
        description="Amount divided by quantity, rounded to six places; null for a fee, or where nothing was used."
    )
    amount: Amount


class ComparedItem(View):
    """One item on both."""

    item: str
    label: str = Field(description="For people.")
    kind: LineKind = Field(description="Late usage of earlier periods (`adjustment`) stands by itself.")
    unit: str
    left: ComparedSide | None = Field(description="On the invoice that is looked at; null if it is not there.")
    right: ComparedSide | None = Field(description="On the one that it is compared with; null if it is not there.")
    quantity_change: Quantity | None = Field(
        description="Left less right, what is not there being zero; null for a fee, and where units differ."
    )
    unit_price_change: Quantity | None = Field(description="Of the rounded prices; null unless both have one.")
    amount_change: Amount = Field(description="Left less right, what is not there being zero.")


class InvoiceComparison(Answer):
    """Two invoices or drafts, item by item: the changes of amounts add up to that of the totals."""

    currency: str
    left: ComparedInvoice
    right: ComparedInvoice
    items: tuple[ComparedItem, ...] = Field(description="In the order of the invoices.")
    total_change: Amount = Field(description="Left less right.")
    change: str | None = Field(
        description="Change of the total in percent with its sign, rounded to one place; null from nothing.",
        examples=["+1.8"],
    )


def compared(left: Invoice, right: Invoice) -> InvoiceComparison:
    """Compare two invoices item by item. Raises Refused for different currencies."""
    if left.currency != right.currency:
        text = f"one is in {left.currency}, the other in {right.currency}; choose two of one currency"
        raise Refused("with", Reason.CURRENCY_MISMATCH, text)
    sides = [_by_item(invoice.lines) for invoice in (left, right)]
    keys = list(dict.fromkeys((*sides[0], *sides[1])))
    return InvoiceComparison(
        as_of=left.as_of if left.status == "draft" else right.as_of,
        complete_until=left.complete_until if left.status == "draft" else right.complete_until,
        currency=left.currency,
        left=_head(left),
        right=_head(right),
        items=tuple(_item(*(side.get(key, []) for side in sides)) for key in keys),
        total_change=left.total - right.total,
        change=change_from(right.total, left.total),
    )


def _by_item(lines: Iterable[Line]) -> dict[tuple[bool, str], list[Line]]:
    """Return the lines of each item, adjustments last and by themselves."""
    found: dict[tuple[bool, str], list[Line]] = {}
    for line in sorted(lines, key=lambda one: one.kind == "adjustment"):
        found.setdefault((line.kind == "adjustment", line.item), []).append(line)
    return found


def _head(invoice: Invoice) -> ComparedInvoice:
    return ComparedInvoice(
        number=invoice.number,
        status=invoice.status,
        billing_period=invoice.billing_period,
        period=invoice.period,
        total=invoice.total,
    )


def _item(left: list[Line], right: list[Line]) -> ComparedItem:
    line = (left or right)[0]
    one, other = _side(left), _side(right)
    units = {each.unit for each in (*left, *right)}
    is_counted = len(units) == 1 and all(each.meter for each in (*left, *right))
    prices = [side.unit_price for side in (one, other) if side is not None]
    both = [price for price in prices if price is not None] if is_counted else []
    return ComparedItem(
        item=line.item,
        label=line.label,
        kind=line.kind,
        unit=line.unit,
        left=one,
        right=other,
        quantity_change=_quantity(one) - _quantity(other) if is_counted else None,
        unit_price_change=both[0] - both[1] if len(both) > 1 else None,
        amount_change=_amount(one) - _amount(other),
    )


def _side(lines: list[Line]) -> ComparedSide | None:
    if not lines:
        return None
    quantity = sum((line.quantity for line in lines), Decimal(0))
    amount = sum((line.amount for line in lines), Decimal(0))
    unit_price = price_of_one(amount, quantity) if all(line.meter for line in lines) else None
    return ComparedSide(quantity=quantity, unit_price=unit_price, amount=amount)


def _quantity(side: ComparedSide | None) -> Decimal:
    return Decimal(0) if side is None else side.quantity


def _amount(side: ComparedSide | None) -> Decimal:
    return Decimal(0) if side is None else side.amount
