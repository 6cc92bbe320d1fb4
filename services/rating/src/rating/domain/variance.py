"""Why a period costs more or less than another: the change of each item, split into effects that add up to it.

From the earlier period to the later one, one thing after the other is exchanged, and each effect is what that step
changes; so whatever the prices are, the steps add up to the whole change. Their order is part of the definition
(docs/pricing.md). Pure, and exact: the effects are fractions, and what is printed of them adds up to what is printed of
the change.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from money import ZERO, exact_arithmetic, print_parts, round_to_minor_unit, total
from rating.domain.charges import ONE, ChargeKind, MeterUsage
from rating.domain.joined_usage import joined
from rating.domain.plan_bounds import NO_BOUNDS
from rating.domain.pricing.rows import Step, StepName
from rating.domain.proration import in_days
from rating.domain.rate import rate
from rating.domain.rated_period import rate_plan, usage_of_charge, usage_of_reads, without_advance
from rating.domain.seats import UNIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from money import Currency, Exact
    from rating.domain.charges import Charge
    from rating.domain.plans import Plan, PlanItem
    from rating.domain.proration import DayShare

Key = tuple[str, str]
"""An item by its meter and its name."""
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
class CutItem:
    """An item that a plan change cut: as if the plan of its last segment had priced all of them.

    `share` has the days of all its segments, and `used` their usage, by the properties by which all plans price it.
    `then` is what the plan says in the other period.
    """

    plan: Plan
    share: DayShare
    used: Mapping[str, MeterUsage]
    then: Plan


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two periods. `billed` are the charges that it was first billed by; without them, those of now.

    `plan` is the version that prices it (of one that plan changes cut, the last), and `share` that of its days which
    the contract has. `cut` are the items that have charges of parts of it.
    """

    billed: Sequence[Charge]
    now: Sequence[Charge]
    plan: Plan
    share: DayShare
    cut: Mapping[Key, CutItem] = field(default_factory=dict)


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
        was, is_now = _together(were.get(key)), _together(are.get(key))
        effects = _steps(was, is_now, (before, after, plan_then), usage or {})
        sides = were_now.get(key, ()), are_now.get(key, ())
        effects[Effect.CORRECTION] = _corrected(is_now, _together(sides[1])) - _corrected(was, _together(sides[0]))
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
    key, item = (was.meter, was.item), was.item
    old, share, base = before.plan, before.share, was
    if (cut := before.cut.get(key)) is not None:
        old, share, plan_then = cut.plan, cut.share, cut.then
        base = _charge(old, item, cut.used, share)
    days = after.share
    if (cut := after.cut.get(key)) is not None:
        used, days = cut.used, cut.share
    # An item that the earlier plan has dropped by then has no price of its own there: its old one goes on.
    plan = plan_then if _prices(plan_then, was) else old
    are_seats = _is_of_seats(was) and _is_of_seats(is_now)
    # Of seats, both their number and the days on which they are there are quantity.
    with_usage = _cost(old, item, used, days if are_seats else share)
    way = Way(
        before=base.derivation.amount,
        scaled=_scaled(in_days(_item_of(old, item), share), base, is_now, with_usage),
        used=with_usage,
        timed=_cost(old, item, used, days),
        repriced=_cost(plan, item, used, days),
        after=is_now.derivation.amount,
    )
    # Nothing is counted of a fixed fee: what has become seats, or was, is priced otherwise now.
    is_alike = _is_of_seats(was) == _is_of_seats(is_now)
    effects = effects_of(_counted(base), _counted(is_now), way) if is_alike else effects_of(ONE, ONE, way)
    # The way begins where one plan had priced all of the earlier period; that others did is of their plans.
    effects[Effect.PLAN] += Fraction(base.derivation.amount) - Fraction(was.derivation.amount)
    return effects


def _is_of_seats(charge: Charge) -> bool:
    return charge.kind is ChargeKind.FIXED and charge.unit == UNIT


def _scaled(item: PlanItem, was: Charge, is_now: Charge, with_usage: Exact) -> Exact:
    """Return what the earlier usage costs, stretched to the later quantity.

    Usage that has one price is the later usage then, so no mix can change; by values of properties, proportions stay.
    """
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
    return _charge(plan, item, used, share).derivation.amount


def _charge(plan: Plan, item: str, used: Mapping[str, MeterUsage], share: DayShare) -> Charge:
    alone = replace(plan, items=(_item_of(plan, item),), bounds=NO_BOUNDS)
    (charge,) = rate_plan(alone, used, share)
    return charge


def _item_of(plan: Plan, item: str) -> PlanItem:
    (found,) = (each for each in plan.items if each.name == item)
    return found


def _prices(plan: Plan, charge: Charge) -> bool:
    return any((each.name, each.meter) == (charge.item, charge.meter) for each in plan.items)


def _by_item(charges: Iterable[Charge]) -> dict[Key, list[Charge]]:
    """Return charges by what they are of: several of one item where plan changes cut the period."""
    found: dict[Key, list[Charge]] = {}
    for charge in without_advance(charges):
        found.setdefault((charge.meter, charge.plan_item), []).append(charge)
    return found


def _together(charges: Sequence[Charge] | None) -> Charge | None:
    """Return the charges of an item as one, of all that they count and come to; a fee stays one."""
    if not charges:
        return None
    last = charges[-1]
    if last.part is None:
        return last
    used, steps = joined([usage_of_charge(charge) for charge in charges]), last.derivation.steps
    amount = total(charge.derivation.amount for charge in charges)
    if _is_of_seats(last):
        # Those of a part are counted over the days of the whole period, so they add up.
        steps = (Step(StepName.CONVERTED, "", total(_counted(charge) for charge in charges)),)
    return replace(
        last,
        item=last.plan_item,
        quantity=used.quantity if last.meter else last.quantity,
        event_count=used.event_count,
        derivation=replace(last.derivation, amount=amount, steps=steps),
        rounded=used.rounded,
        cells=used.cells,
        part=None,
    )


def _corrected(billed: Charge | None, now: Charge | None) -> Fraction:
    """Return by how much late usage has changed what was billed."""
    first, last = (NOTHING if one is None else Fraction(one.derivation.amount) for one in (billed, now))
    return last - first


def _item(
    key: tuple[str, str],
    sides: tuple[Sequence[Charge], Sequence[Charge]],
    effects: Mapping[Effect, Fraction],
    currency: Currency,
) -> ItemVariance:
    before, after = (_compared(side, currency) for side in sides)
    with exact_arithmetic():
        change = _printed(after) - _printed(before)
        by_rounding = change - _rounded_once(sides, currency)
    shown = {effect: effects[effect] for effect in Effect if effects.get(effect)}
    printed = dict(zip(shown, print_parts(list(shown.values()), change - by_rounding, currency), strict=True))
    if by_rounding:
        # A line of each segment is rounded by itself: what that makes is of the plans, as the segments are.
        effect = next((one for one in (Effect.NEW, Effect.ENDED) if one in shown), Effect.PLAN)
        with exact_arithmetic():
            printed[effect] = printed.get(effect, ZERO) + by_rounding
    meter, item = key
    return ItemVariance(
        item,
        meter,
        before,
        after,
        sum(shown.values(), NOTHING),
        change,
        tuple(
            EffectAmount(effect, effects.get(effect, NOTHING), printed[effect])
            for effect in Effect
            if effect in printed
        ),
        next(charge.kind for side in sides for charge in side),
    )


def _compared(charges: Sequence[Charge], currency: Currency) -> Compared | None:
    charge = _together(charges)
    if charge is None:
        return None
    with exact_arithmetic():
        printed = sum((round_to_minor_unit(one.derivation.amount, currency) for one in charges), ZERO)
    return Compared(
        charge.quantity if charge.meter or charge.unit else None, charge.unit, charge.derivation.amount, printed
    )


def _rounded_once(sides: tuple[Sequence[Charge], Sequence[Charge]], currency: Currency) -> Decimal:
    """Return the change of an item whose charges are rounded as one."""
    before, after = (_together(side) for side in sides)
    amounts = (ZERO if one is None else round_to_minor_unit(one.derivation.amount, currency) for one in (after, before))
    with exact_arithmetic():
        return next(amounts) - next(amounts)


def _printed(side: Compared | None) -> Decimal:
    return ZERO if side is None else side.amount
