"""The plan and its prices as a customer sees them."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from portal.domain.views import Quantity, View

PriceModel = Literal["fixed", "perUnit", "graduated", "volume", "package", "stairstep"]


class PlanTier(View):
    """A tier or bracket of a price."""

    up_to: Quantity | None = Field(description="Upper bound, inclusive; null for the last one.")
    unit_price: Quantity | None = Field(description="Price of one unit; null for a bracket.")
    flat: Quantity | None = Field(description="Fee of the tier, or amount of the bracket; null = none.")


class PlanItem(View):
    """One item of a plan."""

    item: str
    label: str
    meter: str = Field(description="Meter that is priced; empty for a fixed fee.")
    unit: str
    sentence: str = Field(description="The price in words.")
    model: PriceModel
    amount: Quantity | None = Field(description="Amount of a fixed fee, or of one block of a package.")
    unit_price: Quantity | None = Field(description="Price of one unit, where all units have the same.")
    block_size: Quantity | None = Field(description="Units in a block of a package.")
    included: Quantity | None = Field(description="Units that cost nothing in every period; null = none.")
    minimum: Quantity | None = Field(description="What the item costs at least; null = no minimum.")
    tiers: tuple[PlanTier, ...]


class PlanPage(View):
    """What was agreed."""

    plan: str
    version: int
    description: str
    currency: str
    contract: str
    start: date = Field(description="First day of the contract.")
    end: date | None = Field(description="First day after the contract; null = open.")
    time_zone: str
    billing_period: str
    items: tuple[PlanItem, ...]
