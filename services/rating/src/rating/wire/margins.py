"""Margins as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metering.rating.v1 import margin_pb2 as pb
from money import currency, format_decimal

if TYPE_CHECKING:
    from decimal import Decimal

    from rating.domain.margins import Costs


def margin_to_proto(amount: Decimal, costs: Costs, code: str) -> pb.Margin | None:
    """Return what is left of a printed amount; None where no item says what it costs."""
    if not costs.known:
        return None
    places = currency(code).minor_units
    return pb.Margin(
        cost=format_decimal(costs.printed, places_min=places),
        margin=format_decimal(costs.margin_of(amount), places_min=places),
        without_cost=format_decimal(costs.without, places_min=places),
    )
