"""The number of distinct texts."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from aggregator.domain.aggregations.aggregation import Added, Aggregation, Reads, Totals
from aggregator.domain.aggregations.groups import Groups


class CountUnique(Aggregation):
    """How many distinct texts a property had; one that several windows saw counts once over all of them."""

    NAME: ClassVar[str] = "COUNT_UNIQUE"
    READS: ClassVar[Reads] = Reads.TEXT

    def fold(self, groups: Groups) -> Added:
        """Gather the texts."""
        return Added(texts=groups.distinct())

    def quantity(self, totals: Totals) -> Decimal | None:
        """Return their number."""
        return Decimal(totals.distinct_count)
