"""Why a period costs more or less than the one before it: effects, which add up, of the whole bill and of each item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

from pydantic import Field

from money import exact_arithmetic
from portal.domain.series import OTHER_LABEL
from portal.domain.viewers import Viewer
from portal.domain.views import Amount, Answer, Quantity, View

EffectName = Literal[
    "volume",
    "tier",
    "mix",
    "time",
    "price",
    "plan",
    "new",
    "ended",
    "correction",
    "discount",
    "planBounds",
    "commitment",
]


class VarianceEffect(View):
    """How much one thing that changed adds to an amount, or takes off it."""

    effect: EffectName
    amount: Amount


class VarianceItem(View):
    """How one item changed; its effects add up to the change."""

    item: str = Field(description="Plan item; empty for all that are not shown to the customer, together.")
    label: str
    unit: str
    quantity_before: Quantity | None = Field(description="Null for a fee, and for an item that was not there.")
    quantity: Quantity | None
    change: Amount
    effects: tuple[VarianceEffect, ...]


class VarianceEnd(View):
    """One of the two periods, and what its items come to."""

    billing_period: str
    amount: Amount


class Variance(Answer):
    """Why a period costs more or less than another: the effects add up to the change, and so do the items."""

    currency: str
    start: VarianceEnd = Field(serialization_alias="from")
    end: VarianceEnd = Field(serialization_alias="to")
    is_open: bool = Field(description="Whether the later period goes on, and is compared with all of the earlier one.")
    change: Amount
    effects: tuple[VarianceEffect, ...]
    items: tuple[VarianceItem, ...] = Field(description="Those that changed.")


class Explained(View):
    """Why a period costs what it does."""

    variance: Variance | None = Field(description="Null where there is no period before it in the same currency.")


def as_shown(items: Sequence[VarianceItem], viewer: Viewer) -> tuple[VarianceItem, ...]:
    """Return the items that changed by their labels; those that a customer is not shown are one, the last."""
    changed = [item for item in items if item.effects]
    shown = [
        item.model_copy(update={"label": viewer.item_label(item.item)})
        for item in changed
        if viewer.shows_item(item.item)
    ]
    hidden = [item for item in changed if not viewer.shows_item(item.item)]
    return (*shown, *([_together(hidden)] if hidden else ()))


def _together(items: Sequence[VarianceItem]) -> VarianceItem:
    sums: dict[EffectName, Decimal] = {}
    with exact_arithmetic():
        for item in items:
            for one in item.effects:
                sums[one.effect] = sums.get(one.effect, Decimal(0)) + one.amount
        change = sum((item.change for item in items), Decimal(0))
    return VarianceItem(
        item="",
        label=OTHER_LABEL,
        unit="",
        quantity_before=None,
        quantity=None,
        change=change,
        effects=_of_sums(sums),
    )


def _of_sums(sums: Mapping[EffectName, Decimal]) -> tuple[VarianceEffect, ...]:
    return tuple(VarianceEffect(effect=effect, amount=amount) for effect, amount in sums.items() if amount)
