"""Scans: events read to be counted anew, as columns, without more of the log than is allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chassis.errors import Reason, TooBig
from eventlog.columns import EventColumns
from eventlog.feed.kinds import EntryKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventlog.as_of import AsOf
    from eventlog.choice import Choice
    from eventlog.columns import RowNumbers


@dataclass(frozen=True, slots=True)
class ScanQuery:
    """Which events are wanted, up to which point of the log, and how many may be read to find them."""

    choice: Choice
    up_to: AsOf | None
    events_max: int


@dataclass(frozen=True, slots=True)
class ScannedPage:
    """Wanted events of one segment, with their positions; `takes_back` are those of what voids take back."""

    lane: int
    kind: EntryKind
    positions: RowNumbers
    events: EventColumns
    takes_back: Sequence[int]
    events_read: int
    """Events that were read by now."""


def nothing_more(events_read: int) -> ScannedPage:
    """Return the end of a scan."""
    none = np.zeros(0, dtype=np.int64)
    return ScannedPage(0, EntryKind.PLAIN, none, EventColumns([], none, {}), (), events_read)


def check_events(needed: int, events_max: int) -> None:
    """Refuse to read so many events. Raises TooBig SCAN_TOO_LARGE."""
    if needed > events_max:
        message = (
            f"{needed:,} or more events of the log would have to be read, and {events_max:,} are allowed; ask for a "
            "shorter period or for one customer, allow more, or let the meter group by the property"
        )
        raise TooBig(Reason.SCAN_TOO_LARGE, message)
