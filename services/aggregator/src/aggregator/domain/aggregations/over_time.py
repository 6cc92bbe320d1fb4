"""Aggregations that ask when things happened: what came before the time asked about may reach into it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aggregator.domain.aggregations.aggregation import Aggregation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal
    from fractions import Fraction

    import numpy as np
    from numpy.typing import NDArray

    from aggregator.domain.aggregations.rules import Rules
    from aggregator.domain.windows import Windows

EVER_US: Final = 2**61
"""A lookback to the first event of all."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The windows that are asked for, one after the other: `bounds_us` has one more than there are windows.

    What is still going on counts up to `now_us`. `running`: each window is about all from the first bound to its end.
    """

    bounds_us: NDArray[np.int64]
    now_us: int
    bucket_us: int
    running: bool = False


@dataclass(frozen=True, slots=True)
class TimedRow:
    """What one customer and group, by their codes, amount to in a window, by its number."""

    customer: int
    group: int
    window: int
    quantity: Decimal
    event_count: int
    billable: Decimal | None = None
    """What is billed of it, where the meter rounds each session by itself."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One event as lists of events have it: when it happened, and what the meter read."""

    time_us: int
    id: str
    value: str
    group: str = ""
    """By all properties that the meter groups by, as canonical text."""


class OverTime(Aggregation):
    """One whose quantity depends on when things happened.

    The events of the lookback before a window count among those that its quantity rests on.
    """

    def lookback_us(self, rules: Rules) -> int:  # noqa: ARG002 - most look at nothing before
        """Return how long before a window events may matter to it; an event matters as long after its time."""
        return 0

    @abstractmethod
    def rows(self, windows: Windows, rules: Rules, asked: Asked) -> Iterator[TimedRow]:
        """Yield what stored windows amount to in those asked for; what has no events and amounts to nothing has no row.

        `windows` are of the time asked about and of the lookback before it, put together by the customers and groups of
        the answer.
        """
        ...

    @abstractmethod
    def recount(self, events: Sequence[Moment], rules: Rules, asked: Asked) -> Decimal:
        """Return what single events of one customer amount to in the one window asked for.

        Written plainly and apart from `rows`, for it is the proof of what that came to.
        """
        ...

    def recount_billed(
        self,
        events: Sequence[Moment],  # noqa: ARG002 - most bill what they meter
        rules: Rules,  # noqa: ARG002
        asked: Asked,  # noqa: ARG002
    ) -> Fraction | None:
        """Return what is billed of single events as `recount` has them; None where that is the quantity."""
        return None
