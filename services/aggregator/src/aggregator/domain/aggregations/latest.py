"""The value of the latest event."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from aggregator.domain.aggregations.aggregation import Added, Aggregation, Choice, Totals
from aggregator.domain.aggregations.groups import Groups


class Latest(Aggregation):
    """The value of the event with the greatest (time, id, value): the order in which events arrive does not matter."""

    NAME: ClassVar[str] = "LATEST"
    CHOOSES: ClassVar[Choice | None] = Choice.LATEST

    def fold(self, groups: Groups) -> Added:
        """Find the latest event."""
        return Added(chosen=groups.chosen(Choice.LATEST))

    def quantity(self, totals: Totals) -> Decimal | None:
        """Return its value."""
        return totals.latest
