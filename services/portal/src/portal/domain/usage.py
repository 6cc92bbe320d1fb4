"""Usage of one meter over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from pydantic import Field

from portal.domain.exploring import Exploration, Window
from portal.domain.views import Freshness, Quantity


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
    reads_log: bool = False
    """Whether it names a property that the meter does not group by: then the events themselves are read."""


@dataclass(frozen=True, slots=True)
class UsageRow:
    """The quantity of one window and group; `group` is empty unless it was asked for."""

    start: datetime
    group: str
    quantity: Decimal
    event_count: int
    is_other: bool = False
    """Whether it is the rest of a question for the largest groups, or of those that the meter does not tell apart."""
    billable: Decimal | None = None
    """What is billed of it; None where that is the quantity itself."""


@dataclass(frozen=True, slots=True)
class UsageAnswer:
    """Rows by time and group; windows in which nothing happened have none."""

    rows: Sequence[UsageRow]
    unit: str
    freshness: Freshness
    filled: bool
    events_read: int = 0
    """Events of the log that were read for it; none where it is from what is counted already."""


@dataclass(frozen=True, slots=True)
class MeterCounts:
    """How many events each meter has counted for a customer in a period, which tells whether something has changed."""

    events: Mapping[str, int]
    freshness: Freshness


class Usage(Exploration):
    """Usage of one meter over time, by the values of a property if asked for."""

    meter: str = Field(description="Name of the meter.")
    unit: str = Field(description="Unit of all quantities, for people; empty if it has none.")
    billed_total: Quantity | None = Field(
        description="What is billed of the total, where the meter rounds each event by itself; null where that is the "
        "total itself."
    )
    events_read: int = Field(
        description="Events that were read anew, because the meter does not group by a property that is asked for; "
        "0 where the answer comes from what is counted already."
    )
