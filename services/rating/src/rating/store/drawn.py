"""What charges of credit say of their lots, as documents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from money import format_decimal
from rating.domain.draws import Draw, Drawn


def drawn_to_document(drawn: Drawn) -> dict[str, Any]:
    """Return what a charge says of a lot as a document."""
    draws = [
        [draw.line, draw.first_day.isoformat(), draw.last_day.isoformat(), format_decimal(draw.amount)]
        for draw in drawn.draws
    ]
    return {"lot": drawn.lot, "left": format_decimal(drawn.left), "draws": draws}


def drawn_from_document(document: Mapping[str, Any]) -> Drawn:
    """Return what a charge says of a lot."""
    draws = (
        Draw(line, date.fromisoformat(first), date.fromisoformat(last), Decimal(amount))
        for line, first, last, amount in document["draws"]
    )
    return Drawn(document["lot"], Decimal(document["left"]), tuple(draws))
