"""The plan and its prices as a customer sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import Field

from portal.domain.invoices import Tier
from portal.domain.steps import Step
from portal.domain.views import Amount, ExactAmount, Quantity, View

PriceModel = Literal[
    "fixed",
    "perUnit",
    "graduated",
    "volume",
    "package",
    "stairstep",
    "percentage",
    "graduatedPercentage",
    "dynamic",
    "costPlus",
    "matrix",
    "formula",
]


class PlanTier(View):
    """A tier or bracket of a price."""

    up_to: Quantity | None = Field(description="Upper bound, inclusive; null for the last one.")
    unit_price: Quantity | None = Field(description="Price of one unit; null for a bracket.")
    flat: Quantity | None = Field(description="Fee of the tier, or amount of the bracket; null = none.")
    percent: Quantity | None = Field(default=None, description="Share of the amount, of a price in percent.")


class PlanItem(View):
    """One item of a plan."""

    item: str
    label: str
    meter: str = Field(description="Meter that is priced; empty for a fixed fee.")
    unit: str
    model: PriceModel
    amount: Quantity | None = Field(description="Amount of a fixed fee, or of one block of a package.")
    unit_price: Quantity | None = Field(description="Price of one unit, where all units have the same.")
    block_size: Quantity | None = Field(description="Units in a block of a package.")
    is_converted: bool = Field(
        description="Whether the metered quantity is brought to `unit`, or whole steps of it, before it is priced."
    )
    included: Quantity | None = Field(description="Units that cost nothing in every period; null = none.")
    minimum: Quantity | None = Field(description="What the item costs at least; null = no minimum.")
    maximum: Quantity | None = Field(default=None, description="What the item costs at most; null = no maximum.")
    times: Quantity | None = Field(
        default=None,
        description="By what the customer's contract multiplies the amount, before both; null = not at all.",
    )
    percent: Quantity | None = Field(
        default=None, description="Share of the amount, or markup on it, of a price in percent."
    )
    factor: Quantity | None = Field(default=None, description="What the prices that events carry are multiplied by.")
    tiers: tuple[PlanTier, ...]
    per_key: tuple[str, ...] = Field(default=(), description="Properties each of whose values is priced by itself.")
    is_together: bool = Field(
        default=False, description="Whether rows, or values of a key, climb their tiers together."
    )
    calendar: str = Field(
        default="", description='Hours of its classes, as the catalog has them. Example: "peak MO, TU 08:00-20:00".'
    )
    rows: tuple[PlanRow, ...] = Field(default=(), description="Of a matrix: which values cost what.")

    is_each_event: bool = Field(default=False, description="Whether each event is priced by itself.")
    event_fee: Quantity | None = Field(default=None, description="Fee for each event, beside its share of the amount.")
    free_events: Quantity | None = Field(default=None, description="So many events of a period have no fee.")
    event_minimum: Quantity | None = Field(default=None, description="What an event costs at least.")
    event_maximum: Quantity | None = Field(default=None, description="What an event costs at most.")
    formula: str = Field(
        default="",
        description='Of a price formula: the expression, and the meter of each name. Example: "a + b (a: x, b: y)".',
    )

    @property
    def goes_by_values(self) -> bool:
        """Whether a quantity alone does not say what it costs."""
        return bool(self.per_key or self.rows or self.formula or self.is_each_event)


class PlanRow(View):
    """A row of a price that goes by values of properties."""

    values: str = Field(description='For which values; empty for all others. Example: "country AT, DE".')
    price: PlanItem = Field(description="What they cost, like an item of its own.")


class Example(View):
    """What one quantity of an item costs."""

    quantity: Quantity
    amount: Amount = Field(description="As an invoice prints it.")
    is_own: bool = Field(description="Whether it is what was used in the last whole period.")


class ItemExamples(View):
    """Examples of one item."""

    item: str
    examples: tuple[Example, ...]


class Effect(View):
    """What the usage of the last whole period would cost at prices to come."""

    billing_period: str
    amount: Amount = Field(description="At the prices of today, fees and minimums included.")
    amount_to_come: Amount
    change: Amount = Field(description="To come less today.")


class ComingChange(View):
    """Other prices, from a period to come on."""

    billing_period: str = Field(description="The first period that has them.")
    start: date = Field(description="Its first day.")
    plan: str
    version: int
    items: tuple[PlanItem, ...] = Field(description="Items whose price is another one, or new.")
    ended: tuple[str, ...] = Field(description="Items that are no longer there, for people.")
    effect: Effect | None = Field(description="Null where no whole period has been billed by the plan of today.")


class Quote(View):
    """What a quantity of an item would cost in a period, with the steps that lead there."""

    item: str
    label: str = Field(description="For people.")
    unit: str
    quantity: Quantity
    amount: Amount = Field(description="As an invoice prints it.")
    exact_amount: ExactAmount
    currency: str
    steps: tuple[Step, ...]
    tiers: tuple[Tier, ...]
    price: PlanItem


class Agreed(View):
    """A discount or a commitment of the customer's contract that rules in the period, or later."""

    kind: Literal["Discount", "Commitment"]
    name: str = Field(description="A redeemed coupon is a discount by its code.")
    percent: Quantity | None = Field(default=None, description="Of a discount: of the charges that it is taken off.")
    amount: Amount | None = Field(default=None, description="Off each period; or what is promised for the days.")
    usage: Quantity | None = Field(default=None, description="Units off the quantity of each item.")
    usage_percent: Quantity | None = Field(default=None, description="Percent off the quantity of each item.")
    items: tuple[str, ...] = Field(default=(), description="Labels of the items that count; empty: all.")
    start: date = Field(description="First day.")
    until: date | None = Field(description="First day after it; null = open.")


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
    agreed: tuple[Agreed, ...] = Field(default=(), description="Discounts and commitments of the contract.")
    examples: tuple[ItemExamples, ...] = Field(default=(), description="Of each item that prices usage.")
    coming: tuple[ComingChange, ...] = Field(default=(), description="Changes of the prices within a year.")


@dataclass(frozen=True, slots=True)
class PriceQuestion:
    """An item at a quantity of a whole period."""

    item: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class PriceQuote:
    """What it would cost, as rating says."""

    item: str
    quantity: Decimal
    amount: Decimal
    exact_amount: str
    steps: tuple[Step, ...]
    tiers: tuple[Tier, ...]
