"""Steps and tiers of a price, as charges, quotes and lines have them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from money import parse_exact
from portal.domain.invoices import Tier
from portal.domain.steps import Step
from portal.wire.values import exact_text, optional_decimal

if TYPE_CHECKING:
    from metering.invoicing.v1 import invoice_pb2
    from metering.rating.v1 import charge_pb2

_DAYS: Final = re.compile(r"(\d+) of (\d+) days of the period")
"""How rating tells a fee by days; the kit says it in the language of the reader."""


def steps_from_proto(messages: Iterable[charge_pb2.DerivationStep]) -> tuple[Step, ...]:
    """Return how an amount came about."""
    return tuple(map(_step, messages))


def _step(message: charge_pb2.DerivationStep) -> Step:
    days = _DAYS.match(message.text) if message.name == "days" else None
    return Step(
        name=message.name,
        text=message.text,
        value=exact_text(message.value),
        days=None if days is None else int(days[1]),
        of_days=None if days is None else int(days[2]),
    )


def tiers_from_proto(
    messages: Iterable[invoice_pb2.InvoiceLineTier | charge_pb2.ChargeTier],
) -> tuple[Tier, ...]:
    """Return the rows of the price model; the quantity ends in the last of them that has a part of it."""
    found = list(messages)
    priced = [place for place, tier in enumerate(found) if parse_exact(tier.quantity)]
    # Of several rows each ends in a tier of its own.
    ends_in = priced[-1] if priced and not any(tier.row for tier in found) else -1
    return tuple(
        Tier(
            up_to=optional_decimal(tier.up_to),
            quantity=exact_text(tier.quantity),
            unit_price=Decimal(tier.unit_price or "0"),
            flat=optional_decimal(tier.flat),
            amount=exact_text(tier.amount),
            here=place == ends_in,
            row=tier.row,
        )
        for place, tier in enumerate(found)
    )
