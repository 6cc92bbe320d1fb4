"""The value of the first event."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from aggregator.domain.aggregations.chosen import ChosenEvent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    import numpy as np
    from numpy.typing import NDArray

    from aggregator.domain.aggregations.aggregation import Totals
    from aggregator.domain.windows import Windows


class First(ChosenEvent):
    """The value of the event with the least (time, id, value)."""

    NAME: ClassVar[str] = "FIRST"

    def chosen(self, starts: NDArray[np.int64], end: int) -> NDArray[np.int64]:  # noqa: ARG002
        """Return the first of each run."""
        return starts

    def quantities_so_far(self, windows: Windows) -> Sequence[Decimal]:
        """Return the value of the first window for all: the first event of all is in it."""
        return [self.quantities(windows)[0]] * len(windows)

    def quantity(self, totals: Totals) -> Decimal | None:
        """Return its value."""
        return totals.earliest
