"""The first page: what the bill is so far, and why."""

from __future__ import annotations

from pydantic import Field

from portal.domain.exploring import ExploredPeriod
from portal.domain.views import Amount, Answer, Quantity, Span, View


class Bill(View):
    """What a period has cost so far."""

    amount: Amount
    currency: str
    final: bool = Field(description="Whether it is the invoice's total.")


class AmountAtSamePoint(View):
    """What the period before had cost at the same point."""

    amount: Amount
    days: int = Field(description="Whole days of both periods that are compared.")
    change: str | None = Field(description="In percent with its sign, rounded to one place; null from nothing.")


class LastInvoice(View):
    """The newest invoice."""

    number: str
    total: Amount
    currency: str
    billing_period: str


class Cumulative(View):
    """The bill as it grew, day by day."""

    buckets: tuple[Span, ...]
    amounts: tuple[Amount | None, ...] = Field(description="The bill at the end of each day; null for days to come.")
    previous: tuple[Amount | None, ...] = Field(
        description="The bill of the period before at the end of its day of the same number; null beyond its last."
    )


class WaterfallStep(View):
    """What one item adds to the bill, or takes off it, against the period before."""

    item: str
    label: str
    amount: Amount
    quantity_before: Quantity | None
    quantity: Quantity | None
    unit: str


class WaterfallEnd(View):
    """Where a waterfall begins or ends."""

    label: str
    amount: Amount


class Waterfall(View):
    """Why the bill changed: the steps add up from one end to the other."""

    start: WaterfallEnd = Field(serialization_alias="from")
    steps: tuple[WaterfallStep, ...]
    end: WaterfallEnd = Field(serialization_alias="to")


class OverviewItem(View):
    """What one line of the bill comes to."""

    item: str
    label: str
    amount: Amount
    quantity: Quantity
    unit: str
    line_id: str


class IncludedUnits(View):
    """Units that cost nothing, and how many of them are left."""

    item: str
    label: str
    unit: str
    included: Quantity
    used: Quantity = Field(description="Quantity of the period; it may be more than what is included.")
    left: Quantity


class Overview(Answer):
    """The first page."""

    period: ExploredPeriod
    time_zone: str
    bill_so_far: Bill
    same_point: AmountAtSamePoint | None
    last_invoice: LastInvoice | None
    cumulative: Cumulative | None = Field(description="Null where cost over time is not known.")
    waterfall: Waterfall | None = Field(description="Null without a period before.")
    items: tuple[OverviewItem, ...]
    included: tuple[IncludedUnits, ...]
    adjustments: Amount = Field(description="What adjustments of earlier periods come to, on this bill.")
