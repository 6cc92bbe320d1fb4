"""How a version of a plan takes effect: with the next period or at once, and from when for contracts that are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class TakingEffect:
    """`at_once`: from its midnight on inside a period; else with the first period that starts then.

    `existing_from` is from when it rules contracts that had the plan before it was made, None: as all others; `never`:
    they keep what they have.
    """

    at_once: bool = False
    existing_from: datetime | None = None
    never: bool = False


WITH_PERIODS: Final = TakingEffect()
"""As versions take effect that say nothing of it."""
