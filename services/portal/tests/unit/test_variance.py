"""Effects of items that a customer is not shown are told together, so that all still add up."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from portal.domain.variance import VarianceEffect, VarianceItem, as_shown


def item(name: str, **effects: str) -> VarianceItem:
    amounts = {name: Decimal(amount) for name, amount in effects.items()}
    return VarianceItem(
        item=name,
        label=name,
        unit="call",
        quantity_before=Decimal(1),
        quantity=Decimal(2),
        change=sum(amounts.values(), Decimal(0)),
        effects=tuple(VarianceEffect(effect=cast("Any", effect), amount=amount) for effect, amount in amounts.items()),
    )


def test_what_is_not_shown_is_one_and_what_did_not_change_is_left_out() -> None:
    viewer: Any = SimpleNamespace(shows_item=lambda name: name == "Calls", item_label=str.upper)
    found = as_shown(
        [
            item("Secret", volume="1.00", tier="-0.25"),
            item("Calls", price="2.00"),
            item("Hidden", volume="0.50", tier="0.25"),
            item("Quiet"),
        ],
        viewer,
    )

    told = [(one.item, one.label, one.change, {each.effect: each.amount for each in one.effects}) for one in found]
    assert told == [
        ("Calls", "CALLS", Decimal("2.00"), {"price": Decimal("2.00")}),
        ("", "Other", Decimal("1.50"), {"volume": Decimal("1.50")}),
    ]
    assert found[1].quantity is None
