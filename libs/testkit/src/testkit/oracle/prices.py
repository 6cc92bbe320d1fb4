"""The rules of docs/pricing.md, implemented a second time, in fractions, from that page alone.

`upTo` is inclusive. Volume: the whole quantity at the tier it ends in, plus that tier's flat fee. Graduated: each
slice at its tier, plus the flat fee of each tier entered. Stair-step: the amount of the bracket the quantity ends in.
The quantity is converted first, then included units are taken off; a minimum lifts the item's charge; blocks of a
package are rounded up; zero usage costs zero unless a fixed fee or minimum says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Row:
    """A part of the quantity at one price; `up_to` is None for the last or only tier."""

    up_to: Fraction | None
    quantity: Fraction
    unit: Fraction
    flat: Fraction

    @property
    def amount(self) -> Fraction:
        """What the row costs, exactly."""
        return self.quantity * self.unit + self.flat


@dataclass(frozen=True)
class Cost:
    """The exact, unrounded amount of an item and the rows behind it."""

    amount: Fraction
    rows: tuple[Row, ...]


_OF_MONEY = frozenset({"percentage", "graduatedPercentage", "dynamic", "costPlus"})


def cost_of(quantity: Fraction, price: Mapping[str, Any], discounts: Sequence[Mapping[str, str]] = ()) -> Cost:
    """Price the quantity of one period by the `price` of a catalog file, less `discounts` in units of it."""
    priced = converted(quantity, price.get("convert", {}))
    billable = discounted(max(priced - Fraction(price.get("included", "0")), Fraction(0)), discounts)
    rows = _rows(billable, price) if billable > 0 else ()
    amount = sum((row.amount for row in rows), Fraction(0))
    if "maximum" in price:
        amount = min(amount, Fraction(price["maximum"]))
    return Cost(max(amount, Fraction(price.get("minimum", "0"))), rows)


def discounted(quantity: Fraction, discounts: Sequence[Mapping[str, str]]) -> Fraction:
    """Take discounts in units off a quantity that is not below zero: numbers first, then percent of the rest."""
    left = max(
        quantity - sum((Fraction(one["usage"]) for one in discounts if "usage" in one), Fraction(0)), Fraction(0)
    )
    for one in discounts:
        left *= 1 - Fraction(one.get("usagePercent", "0")) / 100
    return left


def converted(quantity: Fraction, convert: Mapping[str, str]) -> Fraction:
    """Bring the quantity of a period to another unit, and to whole steps of it."""
    if quantity <= 0:
        return quantity
    found = quantity * Fraction(convert.get("multiply", "1")) / Fraction(convert.get("divide", "1"))
    if "increment" not in convert:
        return found
    steps = found / Fraction(convert["increment"])
    whole = {
        "CEILING": math.ceil(steps),
        "FLOOR": math.floor(steps),
        "HALF_UP": math.floor(steps + Fraction(1, 2)),
    }[convert["rounding"]]
    return whole * Fraction(convert["increment"])


def _rows(billable: Fraction, price: Mapping[str, Any]) -> tuple[Row, ...]:
    if "perUnit" in price:
        return (Row(None, billable, Fraction(price["perUnit"]), Fraction(0)),)
    if "package" in price:
        blocks = math.ceil(billable / Fraction(price["package"]["size"]))
        return (Row(None, Fraction(blocks), Fraction(price["package"]["unit"]), Fraction(0)),)
    if "stairstep" in price:
        brackets = price["stairstep"]["tiers"]
        bracket = next(b for b in brackets if b.get("upTo") is None or billable <= Fraction(b["upTo"]))
        bound = None if bracket.get("upTo") is None else Fraction(bracket["upTo"])
        return (Row(bound, billable, Fraction(0), Fraction(bracket["amount"])),)
    if set(price) & _OF_MONEY:
        return _money(billable, price)
    if "volume" in price:
        return (_volume(billable, _tiers(price["volume"])),)
    return tuple(_graduated(billable, _tiers(price["graduated"])))


def _money(amount: Fraction, price: Mapping[str, Any]) -> tuple[Row, ...]:
    """Price an amount of money: by shares of it, or as it is."""
    if "graduatedPercentage" in price:
        tiers = [{**tier, "unit": Fraction(tier["rate"]) / 100} for tier in price["graduatedPercentage"]["tiers"]]
        return tuple(_graduated(amount, _tiers({"tiers": tiers})))
    if "percentage" in price:
        each = Fraction(_field(price["percentage"], "rate")) / 100
    elif "dynamic" in price:
        each = Fraction(_field(price["dynamic"], "factor") or "1")
    else:
        each = 1 + Fraction(_field(price["costPlus"], "markup")) / 100
    return (Row(None, amount, each, Fraction(0)),)


def _field(model: Any, name: str) -> str:
    """Return the one field of a model, which may stand for it in short."""
    return str(model.get(name, "")) if isinstance(model, Mapping) else str(model)


@dataclass(frozen=True)
class _Tier:
    up_to: Fraction | None
    unit: Fraction
    flat: Fraction

    def holds(self, quantity: Fraction) -> bool:
        return self.up_to is None or quantity <= self.up_to


def _tiers(model: Mapping[str, Any]) -> list[_Tier]:
    return [
        _Tier(
            Fraction(tier["upTo"]) if tier.get("upTo") is not None else None,
            Fraction(tier["unit"]),
            Fraction(tier.get("flat", "0")),
        )
        for tier in model["tiers"]
    ]


def _volume(billable: Fraction, tiers: Sequence[_Tier]) -> Row:
    tier = next(tier for tier in tiers if tier.holds(billable))
    return Row(tier.up_to, billable, tier.unit, tier.flat)


def _graduated(billable: Fraction, tiers: Sequence[_Tier]) -> list[Row]:
    rows, below = [], Fraction(0)
    for tier in tiers:
        end = billable if tier.up_to is None else min(billable, tier.up_to)
        if end > below:
            rows.append(Row(tier.up_to, end - below, tier.unit, tier.flat))
            below = end
    return rows
