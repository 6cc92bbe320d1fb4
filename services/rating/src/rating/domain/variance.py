"""Why a period costs more or less than another: the change of each item, split into effects that add up to it.

From the earlier period to the later one, one thing after the other is exchanged, and each effect is what that step
changes; so whatever the prices are, the steps add up to the whole change. Their order is part of the definition
(docs/pricing.md). Pure, and exact: the effects are fractions, and what is printed of them adds up to what is printed of
the change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from money import ZERO, exact_arithmetic, print_parts, round_to_minor_unit
from rating.domain.charges import ONE, ChargeKind, MeterUsage
from rating.domain.plan_bounds import NO_BOUNDS
from rating.domain.rate import rate
from rating.domain.rated_period import rate_plan, usage_of_reads, without_advance
from rating.domain.seats import UNIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from money import Currency, Exact
    from rating.domain.charges import Charge
    from rating.domain.plans import Plan
    from rating.domain.proration import DayShare

NOTHING: Final = Fraction(0)


class Effect(StrEnum):
    """What changed an amount; the names are those of the contract, without its prefix. In the order of the steps."""

    VOLUME = "VOLUME"
    TIER = "TIER"
    MIX = "MIX"
    TIME = "TIME"
    PRICE = "PRICE"
    PLAN = "PLAN"
    NEW = "NEW"
    ENDED = "ENDED"
    CORRECTION = "CORRECTION"
    DISCOUNT = "DISCOUNT"
    PLAN_BOUNDS = "PLAN_BOUNDS"
    COMMITMENT = "COMMITMENT"


_WHOLE_EFFECTS: Final = {
    ChargeKind.DISCOUNT: Effect.DISCOUNT,
    ChargeKind.BOUND: Effect.PLAN_BOUNDS,
    ChargeKind.COMMITMENT: Effect.COMMITMENT,
}
"""What follows from other charges has one effect: its own."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two periods. `billed` are the charges that it was first billed by; without them, those of now.

    `plan` is the version that prices it, and `share` that of its days which the contract has.
    """

    billed: Sequence[Charge]
    now: Sequence[Charge]
    plan: Plan
    share: DayShare


@dataclass(frozen=True, slots=True)
class EffectAmount:
    """How much one effect changes an amount. `amount` is printed."""

    effect: Effect
    exact: Fraction
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Compared:
    """What an item comes to in one of the periods. `quantity` is None for a fee; `amount` is printed."""

    quantity: Decimal | None
    unit: str
    exact: Exact
    amount: Decimal


@dataclass(frozen=True, slots=True)
class ItemVariance:
    """How an item changed; `meter` is empty for a fee. A side is None where its plan does not have the item."""

    item: str
    meter: str
    before: Compared | None
    after: Compared | None
    exact_change: Fraction
    change: Decimal
    effects: tuple[EffectAmount, ...]
    """Those that are not zero, in the order of the steps."""
    kind: ChargeKind


@dataclass(frozen=True, slots=True)
class Way:
    """What an item costs on the way from one period to the other, each with one thing more of the later one.

    `scaled` is priced like `before`, but for the usage of it stretched to the later quantity; `used` for the later
    usage; `timed` also for the later days; `repriced` also by the later prices of the earlier plan.
    """

    before: Exact
    scaled: Exact
    used: Exact
    timed: Exact
    repriced: Exact
    after: Exact


def effects_of(quantity_before: Exact, quantity_after: Exact, way: Way) -> dict[Effect, Fraction]:
    """Return the effects of the steps of a way; they add up to `after` less `before`. No quantity is below zero."""
    before, scaled, used, timed, repriced, after = (
        Fraction(amount) for amount in (way.before, way.scaled, way.used, way.timed, way.repriced, way.after)
    )
    if quantity_before:
        in_proportion = before * Fraction(quantity_after) / Fraction(quantity_before)
    else:
        # From nothing there is no proportion: all that usage brings is volume.
        in_proportion = scaled = used
    return {
        Effect.VOLUME: in_proportion - before,
        Effect.TIER: scaled - in_proportion,
        Effect.MIX: used - scaled,
        Effect.TIME: timed - used,
        Effect.PRICE: repriced - timed,
        Effect.PLAN: after - repriced,
    }


def variances(
    before: Side, after: Side, plan_then: Plan, currency: Currency, usage: Mapping[str, MeterUsage] | None = None
) -> tuple[ItemVariance, ...]:
    """Return how each item changed: those of the later plan in its order, then those that ended.

    `plan_then` is what the earlier plan says in the later period; `usage` that of the later period, by the properties
    by which all three plans price it. None: as the charges have it.
    """
    were, are = _by_item(before.billed), _by_item(after.billed)
    # What has come late never adds an item, nor takes one away: the plan of a period that is billed stays.
    were_now, are_now = _by_item(before.now), _by_item(after.now)
    found = []
    for key in dict.fromkeys((*are, *were)):
        was, is_now = were.get(key), are.get(key)
        effects = _steps(was, is_now, (before, after, plan_then), usage or {})
        sides = were_now.get(key), are_now.get(key)
        effects[Effect.CORRECTION] = _corrected(is_now, sides[1]) - _corrected(was, sides[0])
        found.append(_item(key, sides, effects, currency))
    return tuple(found)


def totals(items: Iterable[ItemVariance]) -> tuple[EffectAmount, ...]:
    """Return what each effect comes to over all items, in the order of the steps; what is printed is added up."""
    exact: dict[Effect, Fraction] = {}
    printed: dict[Effect, Decimal] = {}
    with exact_arithmetic():
        for each in (effect for item in items for effect in item.effects):
            exact[each.effect] = exact.get(each.effect, NOTHING) + each.exact
            printed[each.effect] = printed.get(each.effect, ZERO) + each.amount
    return tuple(EffectAmount(effect, exact[effect], printed[effect]) for effect in Effect if effect in exact)


def _steps(
    was: Charge | None, is_now: Charge | None, sides: tuple[Side, Side, Plan], usage: Mapping[str, MeterUsage]
) -> dict[Effect, Fraction]:
    kinds = {one.kind for one in (was, is_now) if one is not None}
    for kind, effect in _WHOLE_EFFECTS.items():
        if kind in kinds:
            return {effect: _corrected(was, is_now)}
    if is_now is None:
        return {} if was is None else {Effect.ENDED: -Fraction(was.derivation.amount)}
    if was is None:
        return {Effect.NEW: Fraction(is_now.derivation.amount)}
    return _of_both(was, is_now, sides, {**usage_of_reads(is_now), **usage})


def _of_both(
    was: Charge, is_now: Charge, sides: tuple[Side, Side, Plan], used: Mapping[str, MeterUsage]
) -> dict[Effect, Fraction]:
    """Return the effects of an item that both periods have."""
    before, after, plan_then = sides
    item = was.item
    # An item that the earlier plan has dropped by then has no price of its own there: its old one goes on.
    plan = plan_then if _prices(plan_then, was) else before.plan
    are_seats = _is_of_seats(was) and _is_of_seats(is_now)
    # Of seats, both their number and the days on which they are there are quantity.
    with_usage = _cost(before.plan, item, used, after.share if are_seats else before.share)
    way = Way(
        before=was.derivation.amount,
        scaled=_scaled(before.plan, was, is_now, with_usage),
        used=with_usage,
        timed=_cost(before.plan, item, used, after.share),
        repriced=_cost(plan, item, used, after.share),
        after=is_now.derivation.amount,
    )
    if _is_of_seats(was) != _is_of_seats(is_now):
        # Nothing is counted of a fixed fee: it is priced otherwise now.
        return effects_of(ONE, ONE, way)
    return effects_of(_counted(was), _counted(is_now), way)


def _is_of_seats(charge: Charge) -> bool:
    return charge.kind is ChargeKind.FIXED and charge.unit == UNIT


def _scaled(plan: Plan, was: Charge, is_now: Charge, with_usage: Exact) -> Exact:
    """Return what the earlier usage costs, stretched to the later quantity.

    Usage that has one price is the later usage then, so no mix can change; by values of properties, proportions stay.
    """
    (item,) = (each for each in plan.items if each.name == was.item)
    # A sum of events that are priced one by one can't be stretched: how many there were decides as well.
    if was.cells is None or not _counted(was) or item.price.is_of_events:
        return with_usage
    stretched = was.cells.times(Fraction(_counted(is_now)) / Fraction(_counted(was)))
    return rate(stretched.quantity, item.price, cells=stretched).amount


def _counted(charge: Charge) -> Exact:
    """Return the quantity that is billed; below zero it costs what zero costs. Of seats it is their average."""
    if _is_of_seats(charge) and charge.derivation.priced_quantity is not None:
        return charge.derivation.priced_quantity
    return max(charge.quantity if charge.rounded is None else charge.rounded, ZERO)


def _cost(plan: Plan, item: str, used: Mapping[str, MeterUsage], share: DayShare) -> Exact:
    (found,) = (each for each in plan.items if each.name == item)
    (charge,) = rate_plan(replace(plan, items=(found,), bounds=NO_BOUNDS), used, share)
    return charge.derivation.amount


def _prices(plan: Plan, charge: Charge) -> bool:
    return any((each.name, each.meter) == (charge.item, charge.meter) for each in plan.items)


def _by_item(charges: Iterable[Charge]) -> dict[tuple[str, str], Charge]:
    return {(charge.meter, charge.item): charge for charge in without_advance(charges)}


def _corrected(billed: Charge | None, now: Charge | None) -> Fraction:
    """Return by how much late usage has changed what was billed."""
    first, last = (NOTHING if one is None else Fraction(one.derivation.amount) for one in (billed, now))
    return last - first


def _item(
    key: tuple[str, str],
    sides: tuple[Charge | None, Charge | None],
    effects: Mapping[Effect, Fraction],
    currency: Currency,
) -> ItemVariance:
    before, after = (None if side is None else _compared(side, currency) for side in sides)
    with exact_arithmetic():
        change = _printed(after) - _printed(before)
    shown = {effect: effects[effect] for effect in Effect if effects.get(effect)}
    printed = print_parts(list(shown.values()), change, currency)
    meter, item = key
    return ItemVariance(
        item,
        meter,
        before,
        after,
        sum(shown.values(), NOTHING),
        change,
        tuple(
            EffectAmount(effect, exact, amount) for (effect, exact), amount in zip(shown.items(), printed, strict=True)
        ),
        next(side.kind for side in sides if side is not None),
    )


def _compared(charge: Charge, currency: Currency) -> Compared:
    exact = charge.derivation.amount
    quantity = charge.quantity if charge.meter or charge.unit else None
    return Compared(quantity, charge.unit, exact, round_to_minor_unit(exact, currency))


def _printed(side: Compared | None) -> Decimal:
    return ZERO if side is None else side.amount
