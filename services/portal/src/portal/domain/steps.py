"""How an amount comes about."""

from __future__ import annotations

from pydantic import Field

from portal.domain.views import ExactAmount, View


class Step(View):
    """One step from the quantity to the amount."""

    name: str = Field(description="Stable name.", examples=["included", "tier", "minimum", "total"])
    text: str = Field(description="In plain words.")
    value: ExactAmount = Field(description="Result of the step.")
