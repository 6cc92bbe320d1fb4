"""Features of plans as plain JSON documents: decimals as text, names are added and never change."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from money import format_decimal
from rating.domain.features import Feature, Rollover

if TYPE_CHECKING:
    from collections.abc import Mapping


def feature_to_document(feature: Feature) -> dict[str, Any]:
    """Return a feature as a document."""
    rollover = feature.rollover
    return {
        "name": feature.name,
        "value": feature.value,
        "meter": feature.meter,
        "limit": None if feature.limit is None else format_decimal(feature.limit),
        "soft": feature.is_soft,
        "rollover": None
        if rollover is None
        else {"most": format_decimal(rollover.most), "expiresAfter": rollover.expires_after},
    }


def feature_from_document(document: Mapping[str, Any]) -> Feature:
    """Return a feature."""
    rollover = document["rollover"]
    return Feature(
        document["name"],
        document["value"],
        document["meter"],
        None if document["limit"] is None else Decimal(document["limit"]),
        document["soft"],
        None if rollover is None else Rollover(Decimal(rollover["most"]), rollover["expiresAfter"]),
    )
