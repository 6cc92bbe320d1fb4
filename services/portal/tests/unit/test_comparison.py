from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from chassis.errors.refused import Refused
from portal.domain.comparison import compared
from portal.domain.invoices import Invoice, Line
from portal.domain.views import Span

SPAN = Span(start=datetime(2013, 11, 1, tzinfo=UTC), end=datetime(2013, 12, 1, tzinfo=UTC))


def line(item: str, quantity: str, amount: str, **changed: Any) -> Line:
    values: dict[str, Any] = {
        "id": f"I.{item}",
        "kind": "usage",
        "item": item,
        "label": item,
        "meter": item,
        "unit": "min",
        "quantity": Decimal(quantity),
        "priced_quantity": None,
        "amount": Decimal(amount),
        "exact_amount": amount,
        "event_count": 1,
        "tiers": (),
        "period": SPAN,
        "plan": "p",
        "plan_version": 1,
        "adjusts_line_id": None,
        "billed_before": None,
        "contract": None,
    }
    return Line(**{**values, **changed})


def invoice(*lines: Line, currency: str = "USD", **changed: Any) -> Invoice:
    values: dict[str, Any] = {
        "as_of": "",
        "complete_until": None,
        "number": "I",
        "status": "final",
        "kind": "period",
        "is_credit": False,
        "seller": "",
        "customer": "C",
        "customer_name": "",
        "contract": "C",
        "billing_period": "2013-11",
        "period": SPAN,
        "time_zone": "UTC",
        "lines": lines,
        "total": sum((one.amount for one in lines), Decimal(0)),
        "currency": currency,
        "finalized_at": None,
        "digest": None,
        "chain": None,
        "notes": (),
        "pending": None,
    }
    return Invoice(**{**values, **changed})


def test_an_item_on_one_of_the_two_changes_by_all_of_it() -> None:
    shown = compared(invoice(line("new", "3", "0.10")), invoice(line("old", "7", "0.30")))

    new, old = shown.items
    assert (new.right, new.quantity_change, new.amount_change) == (None, Decimal(3), Decimal("0.10"))
    assert (old.left, old.quantity_change, old.amount_change) == (None, Decimal(-7), Decimal("-0.30"))
    assert shown.total_change == Decimal("-0.20")
    assert shown.change == "-66.7"


def test_adjustments_stand_by_themselves_and_add_up() -> None:
    late = [line("min", "1", "0.01", kind="adjustment", id=f"I.{place}") for place in range(3)]
    shown = compared(invoice(late[0], line("min", "10", "1.00"), late[1]), invoice(late[2], line("min", "9", "0.90")))

    usage, adjustment = shown.items
    assert (usage.kind, usage.amount_change) == ("usage", Decimal("0.10"))
    assert (adjustment.kind, adjustment.quantity_change, adjustment.amount_change) == (
        "adjustment",
        Decimal(1),
        Decimal("0.01"),
    )
    assert sum(item.amount_change for item in shown.items) == shown.total_change


def test_prices_of_one_unit_are_compared_and_those_of_fees_are_not() -> None:
    fee = {"kind": "fixed", "unit": "", "meter": ""}
    shown = compared(
        invoice(line("min", "3", "1.00"), line("fee", "1", "9", **fee)),
        invoice(line("min", "2", "1.00"), line("fee", "1", "8", **fee)),
    )

    used, paid = shown.items
    assert used.left is not None
    assert used.left.unit_price == Decimal("0.333333")
    assert used.unit_price_change == Decimal("-0.166667")
    assert (paid.quantity_change, paid.unit_price_change, paid.amount_change) == (None, None, Decimal(1))


def test_quantities_of_other_units_are_not_compared() -> None:
    shown = compared(invoice(line("x", "3", "1")), invoice(line("x", "2", "1", unit="h")))
    assert (shown.items[0].quantity_change, shown.items[0].unit_price_change) == (None, None)


def test_two_currencies_are_not_compared() -> None:
    with pytest.raises(Refused, match="choose two of one currency"):
        compared(invoice(), invoice(currency="EUR"))
