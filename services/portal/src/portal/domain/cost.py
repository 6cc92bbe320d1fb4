"""Cost over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from portal.domain.exploring import Comparison, EqualLine, Exploration, SamePoint, Series, Window
from portal.domain.views import Amount, Freshness, Quantity


class CostPart(StrEnum):
    """What a row of cost comes from."""

    USAGE = "usage"
    MINIMUM = "minimum"
    FIXED = "fixed"
    DISCOUNT = "discount"
    PLAN_BOUND = "plan_bound"
    COMMITMENT = "commitment"


@dataclass(frozen=True, slots=True)
class CostQuestion:
    """Which cost: of one billing period of a contract, of some items (none = all), with usage before `until` alone.

    `as_draft`: fees in full and minimums, as on the draft of a period that runs.
    """

    contract: str
    billing_period: str
    window: Window | None = None
    group_by: str | None = None
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    items: Sequence[str] = ()
    until: datetime | None = None
    as_draft: bool = False


@dataclass(frozen=True, slots=True)
class CostRow:
    """What one item, window and group cost, as it is printed. `group` is None for what comes from no group.

    `quantity` is None where quantities of several groups fall together that don't add up.
    """

    item: str
    meter: str
    part: CostPart
    start: datetime
    group: str | None
    quantity: Decimal | None
    unit: str
    amount: Decimal
    is_other_group: bool = False
    """Whether it is of all groups that the meter does not tell apart."""


@dataclass(frozen=True, slots=True)
class CostAnswer:
    """Rows by item, time and group."""

    rows: Sequence[CostRow]
    currency: str
    start: datetime
    end: datetime
    time_zone: str
    freshness: Freshness
    filled: bool


class CostSeries(Series):
    """One line or one colour of a chart, in amounts."""

    values: tuple[Amount | None, ...] = Field(description="One for each bucket; null where nothing happened.")
    total: Amount = Field(description="Over the whole span.")


class CostSamePoint(SamePoint):
    """What the span before had cost at the same point."""

    total: Amount = Field(description="What the first that many days of the span before came to.")


class CostComparison(Comparison):
    """What the span before cost."""

    totals: tuple[Amount | None, ...] = Field(description="One for each bucket of the span before.")
    total: Amount = Field(description="Over the whole span before.")
    same_point: CostSamePoint | None = Field(description="Null unless the span that is looked at still runs.")


class EqualAmount(EqualLine):
    """The line, or for all items the total, of the invoice or draft that is what is shown."""

    quantity: Amount = Field(description="Amount of the line.")


class Cost(Exploration):
    """Cost over time, by item or by the values of a property. All values are amounts, as they are printed.

    What does not come from usage of any group (fees, a minimum) is a series of its own, with an empty key.
    """

    currency: str = Field(description="ISO 4217 code.")
    series: tuple[CostSeries, ...] = Field(description="The largest first; the rest, and what has no group, last.")
    totals: tuple[Amount | None, ...] = Field(description="One for each bucket, over all series.")
    total: Amount = Field(description="Over the whole span.")
    compare: CostComparison | None = Field(description="Null unless asked for, or where there is nothing before.")
    line: EqualAmount | None = Field(description="Null where none bills just this, or events were counted meanwhile.")
    items: tuple[str, ...] = Field(description="Items that are in it; empty = all.")
    meters: Mapping[str, str] = Field(description="Meter of each item that prices usage, by item.")
    unit_prices: tuple[Quantity | None, ...] = Field(
        description="Amount divided by quantity for each bucket, rounded to six places; null where nothing was used or "
        "more than one item is shown."
    )
