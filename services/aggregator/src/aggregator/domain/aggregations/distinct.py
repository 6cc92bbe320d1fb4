"""The number of distinct texts."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from aggregator.domain.aggregations.aggregation import Added, OfWindows, Reads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aggregator.domain.aggregations.aggregation import Totals
    from aggregator.domain.aggregations.groups import Groups
    from aggregator.domain.windows import Windows


class CountUnique(OfWindows):
    """How many distinct texts a property had; one that several windows saw counts once over all of them."""

    NAME: ClassVar[str] = "COUNT_UNIQUE"
    PLACES: ClassVar[int] = 0
    READS: ClassVar[Reads] = Reads.TEXT

    def fold(self, groups: Groups) -> Added:
        """Gather the texts."""
        return Added(entries=groups.distinct())

    def quantities(self, windows: Windows) -> Sequence[Decimal]:
        """Return the numbers of texts."""
        return [Decimal(count) for count in np.bincount(windows.entries.windows, minlength=len(windows)).tolist()]

    def quantities_so_far(self, windows: Windows) -> Sequence[Decimal]:
        """Return the numbers of texts so far: each counts in the window that saw it first."""
        _, firsts = np.unique(windows.entries.texts.codes, return_index=True)
        new = np.bincount(windows.entries.windows[firsts], minlength=len(windows))
        return [Decimal(count) for count in np.cumsum(new).tolist()]

    def quantity(self, totals: Totals) -> Decimal | None:
        """Return their number."""
        return Decimal(totals.distinct_count)
