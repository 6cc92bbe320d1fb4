"""Bounds of plans as messages."""

from __future__ import annotations

from typing import Final

from chassis.errors.refused import inside
from metering.rating.v1 import catalog_pb2
from money import format_decimal
from rating.domain.plan_bounds import PlanBound, PlanBounds
from rating.domain.proration import Proration
from rating.wire.values import decimal_in

_TO_PROTO: Final = {
    Proration.NONE: catalog_pb2.PRORATION_UNSPECIFIED,
    Proration.DAY: catalog_pb2.PRORATION_DAY,
}


def bounds_from_proto(spec: catalog_pb2.PlanSpec) -> PlanBounds:
    """Return the bounds of a plan. Raises Refused."""
    return PlanBounds(*(_from_proto(spec, field) for field in ("minimum", "maximum")))


def bound_to_proto(bound: PlanBound | None) -> catalog_pb2.PlanBound | None:
    """Return the message of a bound; None for none."""
    if bound is None:
        return None
    return catalog_pb2.PlanBound(
        amount=format_decimal(bound.amount), items=bound.items, proration=_TO_PROTO[bound.proration]
    )


def _from_proto(spec: catalog_pb2.PlanSpec, field: str) -> PlanBound | None:
    if not spec.HasField(field):  # type: ignore[arg-type]  # the two names above
        return None
    message: catalog_pb2.PlanBound = getattr(spec, field)
    with inside(field):
        proration = Proration.DAY if message.proration == catalog_pb2.PRORATION_DAY else Proration.NONE
        return PlanBound(decimal_in("amount", message.amount), tuple(message.items), proration)
