"""The smallest and the largest value."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from aggregator.domain.aggregations.aggregation import Added, OfWindows, decimals
from aggregator.domain.columns import ScaledNumbers, run_starts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from aggregator.domain.aggregations.aggregation import Totals
    from aggregator.domain.aggregations.groups import Groups
    from aggregator.domain.windows import Windows


class _Extreme(OfWindows):
    """A value that all others compare with."""

    COMPARES: ClassVar[np.ufunc]
    NOTHING_IS_ZERO: ClassVar[bool] = False

    def fold(self, groups: Groups) -> Added:
        """Gather the values: when the smallest is taken back, another one is."""
        return Added(entries=groups.values())

    def quantities(self, windows: Windows) -> Sequence[Decimal]:
        """Return the value of each window."""
        return decimals(self._values(windows))

    def quantities_so_far(self, windows: Windows) -> Sequence[Decimal]:
        """Return the value so far."""
        values = self._values(windows)
        return decimals(ScaledNumbers(self.COMPARES.accumulate(values.units), values.scale))

    def _values(self, windows: Windows) -> ScaledNumbers:
        entries = windows.entries
        units = self.COMPARES.reduceat(entries.values.units, run_starts(entries.windows))
        return ScaledNumbers(units, entries.values.scale)


class Minimum(_Extreme):
    """The smallest value."""

    NAME: ClassVar[str] = "MIN"
    COMPARES: ClassVar[np.ufunc] = np.minimum

    def quantity(self, totals: Totals) -> Decimal | None:
        """Return the value."""
        return totals.minimum


class Maximum(_Extreme):
    """The largest value."""

    NAME: ClassVar[str] = "MAX"
    COMPARES: ClassVar[np.ufunc] = np.maximum

    def quantity(self, totals: Totals) -> Decimal | None:
        """Return the value."""
        return totals.maximum
