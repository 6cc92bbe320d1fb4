"""What an aggregation is: one class per file of this package, listed in `AGGREGATIONS`, and known by name nowhere else.

An aggregation says what it reads of an event, what a fold adds to a window, and what the windows of a period amount to.
How windows are stored is decided by the kind of what is added: numbers that add up or compare, or distinct texts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from aggregator.domain.aggregations.groups import Groups


class Reads(Enum):
    """What an aggregation needs of an event: nothing but that it happened, or a text or a decimal in a property."""

    NOTHING = "nothing"
    TEXT = "text"
    DECIMAL = "decimal"


class Choice(Enum):
    """Which event of a window gives it its value: that with the greatest or with the least (time, id, value)."""

    LATEST = "latest"
    EARLIEST = "earliest"


@dataclass(frozen=True, slots=True)
class ScaledValues:
    """Numbers at one scale: units / 10^scale."""

    units: Sequence[int]
    scale: int

    def part(self, first: int, last: int) -> ScaledValues:
        """Return those of the windows [first, last)."""
        return ScaledValues(self.units[first:last], self.scale)


@dataclass(frozen=True, slots=True)
class ChosenValues:
    """The value of one event of each window, with the (time, id) by which it was chosen."""

    values: ScaledValues
    times_us: Sequence[int]
    ids: Sequence[str]
    choice: Choice

    def part(self, first: int, last: int) -> ChosenValues:
        """Return those of the windows [first, last)."""
        return ChosenValues(self.values.part(first, last), self.times_us[first:last], self.ids[first:last], self.choice)


@dataclass(frozen=True, slots=True)
class DistinctTexts:
    """Distinct texts: the n-th is `texts[n]`, seen in the window number `windows[n]` of its fold."""

    windows: Sequence[int]
    texts: Sequence[str]

    def part(self, first: int, last: int) -> DistinctTexts:
        """Return those of the windows [first, last), whose numbers then begin at 0; windows are in order."""
        start, end = bisect_left(self.windows, first), bisect_left(self.windows, last)
        return DistinctTexts([window - first for window in self.windows[start:end]], self.texts[start:end])


@dataclass(frozen=True, slots=True)
class Added:
    """What a fold adds to each window beside the number of events; an aggregation fills what it is about."""

    sums: ScaledValues | None = None
    minima: ScaledValues | None = None
    maxima: ScaledValues | None = None
    chosen: ChosenValues | None = None
    texts: DistinctTexts | None = None

    def part(self, first: int, last: int) -> Added:
        """Return what is added to the windows [first, last)."""
        return Added(
            sums=self.sums and self.sums.part(first, last),
            minima=self.minima and self.minima.part(first, last),
            maxima=self.maxima and self.maxima.part(first, last),
            chosen=self.chosen and self.chosen.part(first, last),
            texts=self.texts and self.texts.part(first, last),
        )


@dataclass(frozen=True, slots=True)
class Totals:
    """Windows of one meter put together: over a window asked for, or over a whole period."""

    event_count: int = 0
    sum: Decimal | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    latest: Decimal | None = None
    earliest: Decimal | None = None
    distinct_count: int = 0


class Aggregation(ABC):
    """How the values of a window become one quantity."""

    NAME: ClassVar[str]
    """Name in the contract (without its prefix), in stored meters and in snapshots."""
    READS: ClassVar[Reads] = Reads.DECIMAL
    CHOOSES: ClassVar[Choice | None] = None
    """Set by those whose windows take the value of one event."""

    @abstractmethod
    def fold(self, groups: Groups) -> Added:
        """Return what grouped events add to their windows, whatever the order in which they came."""
        ...

    @abstractmethod
    def quantity(self, totals: Totals) -> Decimal | None:
        """Return what the windows amount to; None where nothing happened."""
        ...

    def __str__(self) -> str:
        """Return the name, as texts for people write it."""
        return self.NAME
