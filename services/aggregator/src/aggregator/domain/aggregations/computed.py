"""FORMULA: computed from what other meters hold (`domain.formulas`); it counts no events, and has no windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from aggregator.domain.aggregations.aggregation import Added, Aggregation, Reads

if TYPE_CHECKING:
    from aggregator.domain.aggregations.groups import Groups


class Computed(Aggregation):
    """What a formula gives for the quantities of other meters, of the same customer, time and group."""

    NAME: ClassVar[str] = "FORMULA"
    READS: ClassVar[Reads] = Reads.NOTHING

    def fold(self, groups: Groups) -> Added:
        """Add nothing: no event asks for it."""
        del groups
        return Added()
