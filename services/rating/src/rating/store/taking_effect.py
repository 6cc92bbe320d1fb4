"""How a version of a plan takes effect, as a document: empty for one that says nothing of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from rating.domain.taking_effect import TakingEffect

if TYPE_CHECKING:
    from collections.abc import Mapping


def effect_to_document(effect: TakingEffect) -> dict[str, Any]:
    """Return the document."""
    return {
        **({"atOnce": True} if effect.at_once else {}),
        **({} if effect.existing_from is None else {"existingFrom": effect.existing_from.isoformat()}),
        **({"never": True} if effect.never else {}),
    }


def effect_from_document(document: Mapping[str, Any]) -> TakingEffect:
    """Return what a document says."""
    existing = document.get("existingFrom")
    return TakingEffect(
        at_once="atOnce" in document,
        existing_from=None if existing is None else datetime.fromisoformat(existing),
        never="never" in document,
    )
