"""Commitments of contracts, and what their charges were made from, as documents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from money import format_decimal
from rating.domain.commitments import Commitment, CommitmentBasis, EarlyEnd, Shortfall, Window


def commitment_to_document(commitment: Commitment) -> dict[str, Any]:
    """Return a commitment as a document."""
    return {
        "name": commitment.name,
        "schedule": [
            [window.start.isoformat(), window.until.isoformat(), format_decimal(window.amount)]
            for window in commitment.windows
        ],
        "items": list(commitment.items),
        "overage": format_decimal(commitment.overage),
        "shortfall": commitment.shortfall.value,
        "onEarlyEnd": commitment.on_early_end.value,
        **({"isPrepaid": True} if commitment.is_prepaid else {}),
    }


def commitment_from_document(document: Mapping[str, Any]) -> Commitment:
    """Return a commitment."""
    windows = (
        Window(date.fromisoformat(start), date.fromisoformat(until), Decimal(amount))
        for start, until, amount in document["schedule"]
    )
    return Commitment(
        document["name"],
        tuple(windows),
        tuple(document["items"]),
        Decimal(document["overage"]),
        Shortfall(document["shortfall"]),
        EarlyEnd(document["onEarlyEnd"]),
        document.get("isPrepaid", False),
    )


def basis_to_document(basis: CommitmentBasis) -> dict[str, Any]:
    """Return what a charge was made from as a document."""
    return {"amount": format_decimal(basis.amount), "last": basis.last, "periods": list(map(list, basis.periods))}


def basis_from_document(document: Mapping[str, Any]) -> CommitmentBasis:
    """Return what a charge was made from."""
    periods = tuple((label, snapshot_id) for label, snapshot_id in document["periods"])
    return CommitmentBasis(Decimal(document["amount"]), document["last"], periods)
