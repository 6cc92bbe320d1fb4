"""Why a period costs what it does, as rating tells it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from metering.rating.v1 import rating_service_pb2 as pb
from metering.rating.v1 import variance_pb2
from portal.domain.variance import Variance, VarianceEffect, VarianceEnd, VarianceItem
from portal.wire.values import freshness_from_proto, optional_decimal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portal.domain.variance import EffectName

_EFFECTS: Final[dict[int, EffectName]] = {
    variance_pb2.VARIANCE_EFFECT_VOLUME: "volume",
    variance_pb2.VARIANCE_EFFECT_TIER: "tier",
    variance_pb2.VARIANCE_EFFECT_MIX: "mix",
    variance_pb2.VARIANCE_EFFECT_TIME: "time",
    variance_pb2.VARIANCE_EFFECT_PRICE: "price",
    variance_pb2.VARIANCE_EFFECT_PLAN: "plan",
    variance_pb2.VARIANCE_EFFECT_NEW: "new",
    variance_pb2.VARIANCE_EFFECT_ENDED: "ended",
    variance_pb2.VARIANCE_EFFECT_CORRECTION: "correction",
    variance_pb2.VARIANCE_EFFECT_DISCOUNT: "discount",
    variance_pb2.VARIANCE_EFFECT_PLAN_BOUNDS: "planBounds",
    variance_pb2.VARIANCE_EFFECT_COMMITMENT: "commitment",
}


def variance_from_proto(message: pb.ExplainVarianceResponse) -> Variance:
    """Return why two periods differ. Raises ValueError for an effect that is not known."""
    freshness = freshness_from_proto(message.after.as_of)
    return Variance(
        as_of=freshness.as_of,
        complete_until=freshness.complete_until,
        currency=message.currency,
        start=_end_from_proto(message.before),
        end=_end_from_proto(message.after),
        is_open=message.after.is_open,
        change=Decimal(message.change),
        effects=_effects_from_proto(message.effects),
        items=tuple(map(_item_from_proto, message.items)),
    )


def _end_from_proto(message: variance_pb2.VariancePeriod) -> VarianceEnd:
    return VarianceEnd(billing_period=message.billing_period, amount=Decimal(message.amount))


def _item_from_proto(message: variance_pb2.VarianceOfItem) -> VarianceItem:
    return VarianceItem(
        item=message.item,
        label=message.item,
        unit=message.unit,
        quantity_before=optional_decimal(message.before.quantity),
        quantity=optional_decimal(message.after.quantity),
        change=Decimal(message.change),
        effects=_effects_from_proto(message.effects),
    )


def _effects_from_proto(messages: Iterable[variance_pb2.VarianceAmount]) -> tuple[VarianceEffect, ...]:
    return tuple(VarianceEffect(effect=_effect(one.effect), amount=Decimal(one.amount)) for one in messages)


def _effect(number: int) -> EffectName:
    if number not in _EFFECTS:
        known = number in variance_pb2.VarianceEffect.values()
        name = variance_pb2.VarianceEffect.Name(number) if known else str(number)  # type: ignore[arg-type]
        raise ValueError(f"rating knows an effect that the portal does not: {name}; run the release of the suite")
    return _EFFECTS[number]
