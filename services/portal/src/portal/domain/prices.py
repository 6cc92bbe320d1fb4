"""Prices in words: one sentence for each item, made of what was agreed and nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from money import format_decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portal.domain.plans import PlanItem, PlanTier


def sentence_of(item: PlanItem, currency: str) -> str:
    """Return the price of an item in words. Example: "Each min costs USD 0.05."."""
    unit = item.unit or "unit"
    parts = [_included(item.included, unit)] if item.included else []
    parts.append(_model(item, currency, unit))
    if item.minimum is not None:
        parts.append(f"It costs at least {_money(item.minimum, currency)} in a period.")
    return " ".join(parts)


def _included(included: Decimal, unit: str) -> str:
    return f"The first {format_decimal(included)} {unit} of a period are included."


def _model(item: PlanItem, currency: str, unit: str) -> str:
    match item.model:
        case "fixed":
            return f"{_money(item.amount or Decimal(0), currency)} in every period, whatever is used."
        case "perUnit":
            each = "Each further" if item.included else "Each"
            return f"{each} {unit} costs {_money(item.unit_price or Decimal(0), currency)}."
        case "package":
            size = format_decimal(item.block_size or Decimal(1))
            return f"Every {size} {unit} begun cost {_money(item.amount or Decimal(0), currency)}."
        case "graduated":
            return " ".join(_slices(item.tiers, currency, unit))
        case "volume":
            return (
                f"The whole quantity has the price of the tier in which it ends: {_tiers(item.tiers, currency, unit)}."
            )
        case "stairstep":
            return f"All of it costs what its bracket says: {_brackets(item.tiers, currency, unit)}."


def _slices(tiers: Sequence[PlanTier], currency: str, unit: str) -> list[str]:
    """Return one sentence for each slice of a graduated price."""
    found, reached = [], Decimal(0)
    for tier in tiers:
        price = _money(tier.unit_price or Decimal(0), currency)
        fee = f", and {_money(tier.flat, currency)} once it is entered" if tier.flat else ""
        if tier.up_to is None:
            found.append(f"{'Each' if not reached else 'Every further'} {unit} costs {price}{fee}.")
        elif not reached:
            found.append(f"Up to {format_decimal(tier.up_to)} {unit}, each costs {price}{fee}.")
        else:
            span = f"From there up to {format_decimal(tier.up_to)} {unit}"
            found.append(f"{span}, each costs {price}{fee}.")
        reached = tier.up_to or reached
    return found


def _tiers(tiers: Sequence[PlanTier], currency: str, unit: str) -> str:
    return "; ".join(
        f"{_bound(tier.up_to, unit)}, {_money(tier.unit_price or Decimal(0), currency)} for each {unit}"
        + (f" and {_money(tier.flat, currency)}" if tier.flat else "")
        for tier in tiers
    )


def _brackets(tiers: Sequence[PlanTier], currency: str, unit: str) -> str:
    return "; ".join(f"{_bound(tier.up_to, unit)}, {_money(tier.flat or Decimal(0), currency)}" for tier in tiers)


def _bound(up_to: Decimal | None, unit: str) -> str:
    return "beyond" if up_to is None else f"up to {format_decimal(up_to)} {unit}"


def _money(amount: Decimal, currency: str) -> str:
    return f"{currency} {format_decimal(amount)}"
