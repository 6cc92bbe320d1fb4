"""What did not count: parked events, and ranges of events that no meter asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class UncountedFilter:
    """Which part of the list: one meter, one reason; empty = all."""

    tenant: str
    meter: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class UncountedKey:
    """Place in the list: meter (empty for ranges without one), version, lane, position, type."""

    meter: str
    meter_id: int
    lane: int
    position: int
    event_type: str


@dataclass(frozen=True, slots=True)
class Uncounted:
    """An event, or a range of events, that did not count."""

    key: UncountedKey
    reason: str
    message: str
    customer: str
    source: str
    event_id: str
    time: datetime
    last_position: int
    event_count: int


@dataclass(frozen=True, slots=True)
class UncountedPage:
    """A page of what did not count, and how many events the whole list stands for."""

    entries: list[Uncounted]
    total_count: int
    more: bool
