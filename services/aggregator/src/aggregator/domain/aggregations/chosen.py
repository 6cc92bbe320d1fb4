"""The value of one event of all: which one does not depend on the order in which they arrive."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from aggregator.domain.aggregations.aggregation import Added, OfWindows, decimals
from aggregator.domain.columns import run_starts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from numpy.typing import NDArray

    from aggregator.domain.aggregations.groups import Groups
    from aggregator.domain.windows import Windows


class ChosenEvent(OfWindows):
    """The value of the event at one end of the order by (time, id, value)."""

    NOTHING_IS_ZERO: ClassVar[bool] = False

    def fold(self, groups: Groups) -> Added:
        """Gather the events: when the chosen one is taken back, another one is."""
        return Added(entries=groups.events())

    def quantities(self, windows: Windows) -> Sequence[Decimal]:
        """Return the value of the chosen event of each window."""
        entries = windows.entries
        # Ids are coded in their order, which is that of their UTF-8 bytes.
        order = np.lexsort((entries.values.units, entries.texts.codes, entries.times_us, entries.windows))
        return decimals(entries.values.take(order[self.chosen(run_starts(entries.windows), len(order))]))

    @abstractmethod
    def chosen(self, starts: NDArray[np.int64], end: int) -> NDArray[np.int64]:
        """Return the places of the chosen events, by the starts of runs of events in order, the last of which ends."""
        ...
