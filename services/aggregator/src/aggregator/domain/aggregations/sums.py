"""What adds up: the sum of values, the number of events, and their quotient."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from aggregator.domain.aggregations.aggregation import Added, OfWindows, Reads, decimals
from aggregator.domain.columns import ScaledNumbers
from money import exact_arithmetic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aggregator.domain.aggregations.aggregation import Totals
    from aggregator.domain.aggregations.groups import Groups
    from aggregator.domain.windows import Windows

AVERAGE_PLACES: Final = 12
_AVERAGE_STEP: Final = Decimal(1).scaleb(-AVERAGE_PLACES)


class Sum(OfWindows):
    """The sum of the values."""

    NAME: ClassVar[str] = "SUM"

    def fold(self, groups: Groups) -> Added:
        """Add the values up."""
        return Added(sums=groups.sums())

    def quantities(self, windows: Windows) -> Sequence[Decimal]:
        """Return the sums."""
        return decimals(windows.sums)

    def quantity(self, totals: Totals) -> Decimal | None:
        """Return the sum."""
        return totals.sum


class RoundedSum(Sum):
    """The sum of the values, and beside it that of the values as they are billed, each rounded by itself.

    The billed values are entries, so that whatever is taken back, and whoever puts windows together, finds them.
    """

    def fold(self, groups: Groups) -> Added:
        """Add the values up, and gather what each is billed as."""
        return Added(sums=groups.sums(), entries=groups.billed())

    def billable(self, windows: Windows) -> Sequence[Decimal] | None:
        """Return the sums of what is billed."""
        entries = windows.entries
        totals = np.zeros(len(windows), dtype=np.object_)
        # Python's integers: a sum of very many, as large as they may be, must not wrap around.
        np.add.at(totals, entries.windows, entries.values.units.astype(np.object_) * entries.counts)
        return decimals(ScaledNumbers(totals, entries.values.scale))


class Count(OfWindows):
    """The number of events."""

    NAME: ClassVar[str] = "COUNT"
    PLACES: ClassVar[int] = 0
    READS: ClassVar[Reads] = Reads.NOTHING

    def fold(self, groups: Groups) -> Added:  # noqa: ARG002 - every window counts its events anyway
        """Add nothing else."""
        return Added()

    def quantities(self, windows: Windows) -> Sequence[Decimal]:
        """Return the numbers of events."""
        return [Decimal(count) for count in windows.event_counts.tolist()]

    def quantity(self, totals: Totals) -> Decimal | None:
        """Return the number of events."""
        return Decimal(totals.event_count)


class Average(Sum):
    """The sum of the values divided by their number."""

    NAME: ClassVar[str] = "AVG"
    PLACES: ClassVar[int] = AVERAGE_PLACES
    NOTHING_IS_ZERO: ClassVar[bool] = False

    def quantities(self, windows: Windows) -> Sequence[Decimal]:
        """Return the average of the whole, not of averages."""
        totals = decimals(windows.sums)
        return [average(total, count) for total, count in zip(totals, windows.event_counts.tolist(), strict=True)]

    def quantity(self, totals: Totals) -> Decimal | None:
        """Return the average of the whole."""
        return None if totals.sum is None else average(totals.sum, totals.event_count)


def average(total: Decimal, count: int) -> Decimal:
    """Divide a sum by a count of at least 1, rounded as `quotient` does."""
    numerator, denominator = total.as_integer_ratio()
    return quotient(numerator, denominator * count)


def quotient(numerator: int, denominator: int) -> Decimal:
    """Divide by a number above zero, rounded half away from zero to 12 places: the one quotient of the suite.

    Decided on integers, so that no digit is lost on the way: a quotient rounded twice could be one step off.
    """
    with exact_arithmetic():
        numerator *= 10**AVERAGE_PLACES
        steps = (2 * abs(numerator) + denominator) // (2 * denominator)
        return Decimal(steps if numerator >= 0 else -steps) * _AVERAGE_STEP
