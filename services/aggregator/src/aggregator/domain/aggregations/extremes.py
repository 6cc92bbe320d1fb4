"""The smallest and the largest value."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

import numpy as np

from aggregator.domain.aggregations.aggregation import Added, Aggregation, Totals
from aggregator.domain.aggregations.groups import Groups


class Minimum(Aggregation):
    """The smallest value."""

    NAME: ClassVar[str] = "MIN"

    def fold(self, groups: Groups) -> Added:
        """Find the smallest value."""
        return Added(minima=groups.reduced(np.minimum))

    def quantity(self, totals: Totals) -> Decimal | None:
        """Return the smallest value."""
        return totals.minimum


class Maximum(Aggregation):
    """The largest value."""

    NAME: ClassVar[str] = "MAX"

    def fold(self, groups: Groups) -> Added:
        """Find the largest value."""
        return Added(maxima=groups.reduced(np.maximum))

    def quantity(self, totals: Totals) -> Decimal | None:
        """Return the largest value."""
        return totals.maximum
