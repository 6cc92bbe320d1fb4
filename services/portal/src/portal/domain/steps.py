"""How an amount comes about."""

from __future__ import annotations

from pydantic import Field

from portal.domain.views import ExactAmount, View


class Step(View):
    """One step from the quantity to the amount."""

    name: str = Field(description="Stable name.", examples=["included", "tier", "minimum", "total"])
    text: str = Field(description="In plain words.")
    value: ExactAmount = Field(description="Result of the step.")
    days: int | None = Field(default=None, description="Of a fee by days, for how many of them it is; else null.")
    of_days: int | None = Field(default=None, description="Of a fee by days, how many the whole period has; else null.")
