"""A half-open span of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from eventlog.instants import microseconds_of


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open span of time [start, end) between aware UTC datetimes."""

    start: datetime
    end: datetime

    @property
    def start_us(self) -> int:
        """Start in microseconds since 1970."""
        return microseconds_of(self.start)

    @property
    def end_us(self) -> int:
        """End in microseconds since 1970."""
        return microseconds_of(self.end)
