"""Usage of one meter over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from pydantic import Field

from portal.domain.exploring import Exploration, Window
from portal.domain.views import Freshness


@dataclass(frozen=True, slots=True)
class UsageQuestion:
    """Which usage: by windows of a zone (None = all as one), by groups, and of which groups alone."""

    meter: str
    start: datetime
    end: datetime
    time_zone: str
    window: Window | None = None
    group_by: str | None = None
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    top: int = 0
    """Only so many groups, the largest, and the exact rest; 0: all."""


@dataclass(frozen=True, slots=True)
class UsageRow:
    """The quantity of one window and group; `group` is empty unless it was asked for."""

    start: datetime
    group: str
    quantity: Decimal
    event_count: int
    is_other: bool = False
    """Whether it is the rest of a question for the largest groups."""


@dataclass(frozen=True, slots=True)
class UsageAnswer:
    """Rows by time and group; windows in which nothing happened have none."""

    rows: Sequence[UsageRow]
    unit: str
    freshness: Freshness
    filled: bool


@dataclass(frozen=True, slots=True)
class MeterCounts:
    """How many events each meter has counted for a customer in a period, which tells whether something has changed."""

    events: Mapping[str, int]
    freshness: Freshness


class Usage(Exploration):
    """Usage of one meter over time, by the values of a property if asked for."""

    meter: str = Field(description="Name of the meter.")
    unit: str = Field(description="Unit of all quantities, for people; empty if it has none.")
