"""Quantities: what the windows of a meter amount to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from money import ZERO

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aggregator.domain.aggregations.aggregation import Aggregation, OfWindows, Totals
    from aggregator.domain.query import RowKey
    from eventlog.as_of import AsOf
    from eventlog.period import Period


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Quantity of one customer, window and group."""

    customer: str
    window: Period
    group: tuple[str, ...]
    quantity: Decimal
    event_count: int
    billable: Decimal | None = None
    is_other: bool = False
    """Whether it is the rest of a question for the largest ones."""
    is_other_group: bool = False
    """Whether it is all groups that the meter does not tell apart."""


@dataclass(frozen=True, slots=True)
class UsageSource:
    """Where an answer comes from: from windows or, because of some properties, from so many events of the log."""

    events_read: int = 0
    properties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupUsage:
    """Quantity of one group of a meter over a whole period, or over a part of it: then `start` is where that begins."""

    group: tuple[str, ...]
    quantity: Decimal
    event_count: int
    billable: Decimal | None = None
    start: datetime | None = None
    is_other_group: bool = False
    """Whether it is all groups that the meter does not tell apart."""


@dataclass(frozen=True, slots=True)
class AskedGroups:
    """By which properties a meter is told apart, and at which times its period is cut."""

    group_by: tuple[str, ...]
    bounds: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class TotalsQuestion:
    """Whose totals, and how some meters are told apart as well."""

    customer: str
    period: Period
    groups: Mapping[str, AskedGroups]


@dataclass(frozen=True, slots=True)
class MeterUsage:
    """Quantity of one meter over a whole period.

    `versions` contribute; `newest_version` was the meter's newest when it was read, which fixes the spans of all.
    """

    meter: str
    versions: tuple[int, ...]
    newest_version: int
    aggregation: Aggregation
    unit: str
    quantity: Decimal
    event_count: int
    parked_count: int = 0
    billable: Decimal | None = None
    """What is billed of it, where the meter rounds each event by itself."""
    groups: tuple[GroupUsage, ...] = ()
    """Its groups by the properties asked for, if any were."""


@dataclass(frozen=True, slots=True)
class UsageAnswer:
    """A page of rows; `last` is where it ends if there are more."""

    rows: list[UsageRow]
    unit: str
    as_of: AsOf
    last: RowKey | None
    filled: bool
    other_series: int = 0
    """How many series the rest holds."""
    source: UsageSource = UsageSource()
    other_left_out: bool = False
    """Whether filters left out groups that the meter does not tell apart."""


@dataclass(frozen=True, slots=True)
class TotalsAnswer:
    """Whole quantities, by meter name."""

    usage: tuple[MeterUsage, ...]
    as_of: AsOf


def quantity_of(aggregation: OfWindows, totals: Totals) -> Decimal:
    """Return the exact quantity; zero when nothing happened."""
    quantity = aggregation.quantity(totals)
    return ZERO if quantity is None else quantity
