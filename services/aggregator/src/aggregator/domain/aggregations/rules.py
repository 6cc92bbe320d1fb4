"""What a meter says about time beside the names of its properties: sessions, units of time, buckets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Final

from aggregator.domain.readings import NO_READING, Reading

if TYPE_CHECKING:
    from aggregator.domain.aggregations.aggregation import OfWindows
    from aggregator.domain.billable import EventRounding

SECOND_US: Final = 1_000_000
TIMEOUT_MAX_S: Final = 31 * 86_400
"""Longest time for which a session counts without any event: so far back a question has to read."""


class TimeUnit(Enum):
    """The unit in which time is counted, in microseconds."""

    SECOND = SECOND_US
    MINUTE = 60 * SECOND_US
    HOUR = 3_600 * SECOND_US
    DAY = 86_400 * SECOND_US


class Phase(IntEnum):
    """What an event says of a session; of events at the same time, the one with the greatest phase decides."""

    UNKNOWN = -1
    START = 0
    HEARTBEAT = 1
    STOP = 2


@dataclass(frozen=True, slots=True)
class Session:
    """How sessions are told apart, and when one begins and ends. An empty text stands for no such event.

    `timeout_s` after its last event a session is over.
    """

    key: Reading = NO_READING
    phase: Reading = NO_READING
    start: str = ""
    stop: str = ""
    heartbeat: str = ""
    timeout_s: int = 0

    @property
    def timeout_us(self) -> int:
        """The timeout in microseconds."""
        return self.timeout_s * SECOND_US

    def phase_of(self, text: str) -> Phase:
        """Return what a text in the place of the phase stands for."""
        known = {self.start: Phase.START, self.heartbeat: Phase.HEARTBEAT, self.stop: Phase.STOP}
        return known.get(text, Phase.UNKNOWN) if text else Phase.UNKNOWN

    def phases(self) -> list[str]:
        """Return the texts that stand for a phase."""
        return [text for text in (self.start, self.heartbeat, self.stop) if text]


NO_SESSION: Final = Session()


@dataclass(frozen=True, slots=True)
class Rules:
    """All that a meter says about time; what its aggregation does not ask for is left as it is here."""

    session: Session = NO_SESSION
    time_unit: TimeUnit | None = None
    carries_over: bool = False
    """Whether what was there when the time asked about began goes on in it."""
    are_levels: bool = False
    """Whether values are readings of the level, each of which takes the place of the one before in its group."""
    percentile: str = ""
    """Above 0 and up to 100, as decimal text."""
    bucket_aggregation: OfWindows | None = None
    skips_empty_buckets: bool = False
    session_rounding: EventRounding | None = None
    """How each session is rounded by itself, in the unit of time, for what is billed; None: as it is metered."""

    @property
    def unit_us(self) -> int:
        """The unit of time in microseconds: the second unless another one is named."""
        return (self.time_unit or TimeUnit.SECOND).value


NO_RULES: Final = Rules()
