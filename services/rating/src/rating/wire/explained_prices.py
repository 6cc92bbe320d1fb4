"""Prices in plain words as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metering.rating.v1 import rating_service_pb2 as pb
from rating.wire.quotes import quote_to_proto

if TYPE_CHECKING:
    from rating.operations.explained_prices import ExplainedPlan


def explained_plan_to_proto(found: ExplainedPlan) -> pb.ExplainPlanResponse:
    """Return the prices of a plan in words."""
    items = [
        pb.ExplainedItem(
            item=each.item.name,
            meter=each.item.meter,
            unit=each.unit,
            sentence=each.sentence,
            examples=map(quote_to_proto, each.examples),
        )
        for each in found.items
    ]
    return pb.ExplainPlanResponse(
        items=items, currency=found.currency, plan=found.name, plan_version=found.version, bounds=found.bounds
    )
