"""What an aggregation is: a class per file of this package, listed in `AGGREGATIONS`, and known by name nowhere else.

An aggregation says what it reads of an event, what a fold adds to a window, and what windows amount to. It adds
numbers, or entries that are there so and so often; both can be taken back, so that no correction has to read the log.

Most form a quantity from the windows put together (`OfWindows`). Some ask when things happened, also before the time
that is asked about (`over_time.OverTime`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from aggregator.domain.columns import ScaledNumbers, joined_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aggregator.domain.aggregations.groups import Groups
    from aggregator.domain.windows import Entries, Windows


class Reads(Enum):
    """What an aggregation needs of an event.

    Nothing but that it happened, a text or a decimal in a property, or the key and the phase of a session.
    """

    NOTHING = "nothing"
    TEXT = "text"
    DECIMAL = "decimal"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Added:
    """What a fold adds to each window beside the number of events; an aggregation fills what it is about."""

    sums: ScaledNumbers | None = None
    entries: Entries | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """What single events come to, as those who list them see it."""

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
    NOTHING_IS_ZERO: ClassVar[bool] = True
    """Whether zero is the quantity of a window in which nothing happened, and not only what is written for it."""
    PLACES: ClassVar[int] = 18
    """Most digits after the point of its quantity: those of the values, unless an aggregation has fewer or more."""

    @abstractmethod
    def fold(self, groups: Groups) -> Added:
        """Return what grouped events add to their windows, whatever the order in which they came."""
        ...

    def __str__(self) -> str:
        """Return the name, as texts for people write it."""
        return self.NAME


class OfWindows(Aggregation):
    """One whose windows put together amount to something, whatever came before them."""

    @abstractmethod
    def quantities(self, windows: Windows) -> Sequence[Decimal]:
        """Return what each window amounts to; each has at least one event."""
        ...

    def quantities_so_far(self, windows: Windows) -> Sequence[Decimal]:
        """Return what windows of one customer and group, by time, amount to from the first one to each."""
        return self.quantities(accumulated(windows))

    def billable(self, windows: Windows) -> Sequence[Decimal] | None:  # noqa: ARG002 - most bill what they meter
        """Return what is billed of each window, where that is not its quantity."""
        return None

    @abstractmethod
    def quantity(self, totals: Totals) -> Decimal | None:
        """Return what single events amount to; None where nothing happened."""
        ...


def accumulated(windows: Windows) -> Windows:
    """Return windows of one customer and group, by time, each with the events and the sum of all up to it."""
    sums = joined_numbers([windows.sums])
    return replace(
        windows,
        event_counts=np.cumsum(windows.event_counts),
        sums=ScaledNumbers(np.add.accumulate(sums.units), sums.scale),
    )


def decimals(numbers: ScaledNumbers) -> list[Decimal]:
    """Return numbers as exact decimals."""
    # From text, which no context rounds.
    return [Decimal(f"{units}e-{numbers.scale}") for units in numbers.units.tolist()]
