"""The value of the latest event."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from aggregator.domain.aggregations.chosen import ChosenEvent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from numpy.typing import NDArray

    from aggregator.domain.aggregations.aggregation import Totals
    from aggregator.domain.windows import Windows


class Latest(ChosenEvent):
    """The value of the event with the greatest (time, id, value)."""

    NAME: ClassVar[str] = "LATEST"

    def chosen(self, starts: NDArray[np.int64], end: int) -> NDArray[np.int64]:
        """Return the last of each run."""
        return np.append(starts[1:], end) - 1

    def quantities_so_far(self, windows: Windows) -> Sequence[Decimal]:
        """Return the values of the windows themselves: the latest event so far is in the current one."""
        return self.quantities(windows)

    def quantity(self, totals: Totals) -> Decimal | None:
        """Return its value."""
        return totals.latest
