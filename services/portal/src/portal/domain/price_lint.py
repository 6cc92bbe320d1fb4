"""What is odd about the prices of the whole catalog, for the seller's catalog page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import Field

from portal.domain.views import Quantity, View

Level = Literal["error", "warning", "info"]
_ORDER: Final[tuple[Level, ...]] = ("error", "warning", "info")


class PriceFinding(View):
    """Something odd about a price."""

    level: Level = Field(description="error: nothing can be billed like this; warning: hardly meant; info: to know.")
    code: str = Field(description="What it is, in a stable word.", examples=["total-falls"])
    plan: str | None = Field(description="Null where it is about no single plan.")
    item: str | None = Field(description="Null where it is about no single item.")
    meter: str | None = Field(description="Null for a fixed fee, and where it is about no single meter.")
    quantity: Quantity | None = Field(description="Quantity at which it happens; null where it happens at none.")
    message: str = Field(description="What it is and what to do, in English.")


class PriceFindings(View):
    """What is odd about all plans in their newest versions, and about meters and currencies without a price."""

    findings: tuple[PriceFinding, ...] = Field(description="The worst first, then by plan and item; the first of them.")
    finding_count: int = Field(description="How many there are in all.")


def worst_first(found: Sequence[PriceFinding], count_max: int) -> PriceFindings:
    """Return the first `count_max` findings by level; those of one level stay in the order in which they came."""
    ordered = sorted(found, key=lambda finding: _ORDER.index(finding.level))
    return PriceFindings(findings=tuple(ordered[:count_max]), finding_count=len(ordered))
