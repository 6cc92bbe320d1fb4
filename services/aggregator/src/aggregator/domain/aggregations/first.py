"""The value of the earliest event."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from aggregator.domain.aggregations.aggregation import Added, Aggregation, Choice, Totals
from aggregator.domain.aggregations.groups import Groups


class First(Aggregation):
    """The value of the event with the least (time, id, value): the order in which events arrive does not matter."""

    NAME: ClassVar[str] = "FIRST"
    CHOOSES: ClassVar[Choice | None] = Choice.EARLIEST

    def fold(self, groups: Groups) -> Added:
        """Find the earliest event."""
        return Added(chosen=groups.chosen(Choice.EARLIEST))

    def quantity(self, totals: Totals) -> Decimal | None:
        """Return its value."""
        return totals.earliest
