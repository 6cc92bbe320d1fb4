"""Cost over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from portal.domain.exploring import Exploration, Window
from portal.domain.views import Freshness, Quantity


class CostPart(StrEnum):
    """What a row of cost comes from."""

    USAGE = "usage"
    MINIMUM = "minimum"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class CostQuestion:
    """Which cost: of one billing period of a contract, of some items (none = all), with usage before `until` alone."""

    contract: str
    billing_period: str
    window: Window | None = None
    group_by: str | None = None
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    items: Sequence[str] = ()
    until: datetime | None = None


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


class Cost(Exploration):
    """Cost over time, by item or by the values of a property. All values are amounts, as they are printed.

    What does not come from usage of any group (fees, a minimum) is a series of its own, with an empty key.
    """

    currency: str = Field(description="ISO 4217 code.")
    items: tuple[str, ...] = Field(description="Items that are in it; empty = all.")
    meters: Mapping[str, str] = Field(description="Meter of each item that prices usage, by item.")
    unit_prices: tuple[Quantity | None, ...] = Field(
        description="Amount divided by quantity for each bucket, rounded to six places; null where nothing was used or "
        "more than one item is shown."
    )
