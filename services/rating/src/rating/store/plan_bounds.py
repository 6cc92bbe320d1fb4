"""Bounds of plans as documents; None where a plan has none."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from money import format_decimal
from rating.domain.plan_bounds import NO_BOUNDS, PlanBound, PlanBounds
from rating.domain.proration import Proration


def bounds_to_document(bounds: PlanBounds) -> dict[str, Any] | None:
    """Return bounds as a document."""
    if not bounds:
        return None
    return {"minimum": _to_document(bounds.minimum), "maximum": _to_document(bounds.maximum)}


def bounds_from_document(document: Mapping[str, Any] | None) -> PlanBounds:
    """Return bounds."""
    if document is None:
        return NO_BOUNDS
    return PlanBounds(_from_document(document["minimum"]), _from_document(document["maximum"]))


def _to_document(bound: PlanBound | None) -> dict[str, Any] | None:
    if bound is None:
        return None
    return {"amount": format_decimal(bound.amount), "items": list(bound.items), "proration": bound.proration.value}


def _from_document(document: Mapping[str, Any] | None) -> PlanBound | None:
    if document is None:
        return None
    return PlanBound(Decimal(document["amount"]), tuple(document["items"]), Proration(document["proration"]))
