"""Why a period costs what it does, as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventlog.wire import as_of_to_proto, period_to_proto
from metering.rating.v1 import rating_service_pb2 as pb
from metering.rating.v1 import variance_pb2
from money import ZERO, exact_arithmetic, exact_of, format_decimal, format_exact
from rating.domain.variance import Effect, totals
from rating.wire.charges import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal
    from fractions import Fraction

    from money import Currency
    from rating.domain.variance import Compared, EffectAmount, ItemVariance
    from rating.operations.variance import ComparedPeriod, Variance

EFFECTS: Final = {
    Effect.VOLUME: variance_pb2.VARIANCE_EFFECT_VOLUME,
    Effect.TIER: variance_pb2.VARIANCE_EFFECT_TIER,
    Effect.MIX: variance_pb2.VARIANCE_EFFECT_MIX,
    Effect.TIME: variance_pb2.VARIANCE_EFFECT_TIME,
    Effect.PRICE: variance_pb2.VARIANCE_EFFECT_PRICE,
    Effect.PLAN: variance_pb2.VARIANCE_EFFECT_PLAN,
    Effect.NEW: variance_pb2.VARIANCE_EFFECT_NEW,
    Effect.ENDED: variance_pb2.VARIANCE_EFFECT_ENDED,
    Effect.CORRECTION: variance_pb2.VARIANCE_EFFECT_CORRECTION,
    Effect.DISCOUNT: variance_pb2.VARIANCE_EFFECT_DISCOUNT,
    Effect.PLAN_BOUNDS: variance_pb2.VARIANCE_EFFECT_PLAN_BOUNDS,
    Effect.COMMITMENT: variance_pb2.VARIANCE_EFFECT_COMMITMENT,
}


def variance_to_proto(found: Variance) -> pb.ExplainVarianceResponse:
    """Return why two periods differ."""
    unit = found.currency
    sides = [[side for side in of_period if side is not None] for of_period in _sides(found.items)]
    with exact_arithmetic():
        amounts = [sum((side.amount for side in of_period), ZERO) for of_period in sides]
        change = amounts[1] - amounts[0]
    return pb.ExplainVarianceResponse(
        before=_period_to_proto(found.before, amounts[0], unit),
        after=_period_to_proto(found.after, amounts[1], unit),
        currency=unit.code,
        items=(_item_to_proto(item, unit) for item in found.items),
        change=_printed(change, unit),
        effects=_effects_to_proto(totals(found.items), unit),
    )


def _sides(items: Iterable[ItemVariance]) -> tuple[list[Compared | None], list[Compared | None]]:
    return [item.before for item in items], [item.after for item in items]


def _period_to_proto(compared: ComparedPeriod, amount: Decimal, unit: Currency) -> variance_pb2.VariancePeriod:
    rated = compared.rated
    return variance_pb2.VariancePeriod(
        contract=rated.contract,
        billing_period=rated.period.label,
        period=period_to_proto(rated.period),
        plan=rated.plan,
        plan_version=rated.plan_version,
        amount=_printed(amount, unit),
        is_frozen=compared.is_frozen,
        is_open=compared.is_open,
        as_of=as_of_to_proto(rated.as_of),
    )


def _item_to_proto(item: ItemVariance, unit: Currency) -> variance_pb2.VarianceOfItem:
    shown = item.after or item.before
    return variance_pb2.VarianceOfItem(
        item=item.item,
        meter=item.meter,
        kind=KINDS[item.kind],
        unit="" if shown is None else shown.unit,
        before=_side_to_proto(item.before, unit),
        after=_side_to_proto(item.after, unit),
        change=_printed(item.change, unit),
        effects=_effects_to_proto(item.effects, unit),
    )


def _side_to_proto(side: Compared | None, unit: Currency) -> variance_pb2.VarianceSide | None:
    if side is None:
        return None
    return variance_pb2.VarianceSide(
        quantity="" if side.quantity is None else format_decimal(side.quantity),
        amount=_printed(side.amount, unit),
        exact_amount=format_exact(side.exact),
    )


def _effects_to_proto(effects: Iterable[EffectAmount], unit: Currency) -> list[variance_pb2.VarianceAmount]:
    return [
        variance_pb2.VarianceAmount(
            effect=EFFECTS[each.effect], amount=_printed(each.amount, unit), exact_amount=_exact(each.exact)
        )
        for each in effects
    ]


def _exact(amount: Fraction) -> str:
    """Write an exact amount; nothing where its fraction is longer than any amount is written."""
    try:
        return format_exact(exact_of(amount))
    except ValueError:
        return ""


def _printed(amount: Decimal, unit: Currency) -> str:
    return format_decimal(amount, places_min=unit.minor_units)
