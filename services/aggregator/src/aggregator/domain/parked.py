"""What did not count: parked events, and ranges of events that no meter asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

ALL: Final = ""
ONLY_PARKED: Final = "PARKED"
"""Only what meters could not read."""
ONLY_HELD: Final = "HELD"
"""Only what schemas hold."""

if TYPE_CHECKING:
    from datetime import datetime

    from eventlog.period import Period


@dataclass(frozen=True, slots=True)
class ParkedFilter:
    """Which part of the list: one meter, reason, customer, type of events, and when they happened; empty = all.

    What a schema holds belongs to every meter that asks for its type. `what` is ALL, ONLY_PARKED or ONLY_HELD.
    """

    tenant: str
    meter: str = ""
    reason: str = ""
    customer: str = ""
    event_type: str = ""
    period: Period | None = None
    what: str = ALL


@dataclass(frozen=True, slots=True)
class ParkedKey:
    """Place in the list: meter (empty for ranges without one), version, lane, position, type."""

    meter: str
    meter_id: int
    lane: int
    position: int
    event_type: str

    def place(self) -> tuple[str, int, int, int, str]:
        """Return the parts of the key, in the order of the list."""
        return self.meter, self.meter_id, self.lane, self.position, self.event_type


@dataclass(frozen=True, slots=True)
class ParkedEntry:
    """An event, or a range of events, that did not count."""

    key: ParkedKey
    reason: str
    message: str
    customer: str
    source: str
    event_id: str
    time: datetime
    last_position: int
    event_count: int


@dataclass(frozen=True, slots=True)
class ParkedCount:
    """How many events of one meter (empty for those without one), reason and type did not count, and since when."""

    meter: str
    reason: str
    event_type: str
    event_count: int
    first_time: datetime
