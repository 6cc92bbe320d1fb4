"""What an aggregation is: a class per file of this package, listed in `AGGREGATIONS`, and known by name nowhere else.

An aggregation says what it reads of an event, what a fold adds to a window, and what windows amount to. It adds
numbers, or entries that are there so and so often; both can be taken back, so that no correction has to read the log.
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
    """What an aggregation needs of an event: nothing but that it happened, or a text or a decimal in a property."""

    NOTHING = "nothing"
    TEXT = "text"
    DECIMAL = "decimal"


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

    @abstractmethod
    def fold(self, groups: Groups) -> Added:
        """Return what grouped events add to their windows, whatever the order in which they came."""
        ...

    @abstractmethod
    def quantities(self, windows: Windows) -> Sequence[Decimal]:
        """Return what each window amounts to; each has at least one event."""
        ...

    def quantities_so_far(self, windows: Windows) -> Sequence[Decimal]:
        """Return what windows of one customer and group, by time, amount to from the first one to each."""
        return self.quantities(accumulated(windows))

    @abstractmethod
    def quantity(self, totals: Totals) -> Decimal | None:
        """Return what single events amount to; None where nothing happened."""
        ...

    def billable(self, windows: Windows) -> Sequence[Decimal] | None:  # noqa: ARG002 - most bill what they meter
        """Return what is billed of each window, where that is not its quantity."""
        return None

    def __str__(self) -> str:
        """Return the name, as texts for people write it."""
        return self.NAME


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
