"""Values that stay: weighted by the time for which they hold, or added up without ever beginning anew."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from aggregator.domain.aggregations.aggregation import Added
from aggregator.domain.aggregations.level import Level, LevelAtEnd, Steps, TimeUnderLevel, in_units
from aggregator.domain.aggregations.over_time import EVER_US
from aggregator.domain.columns import ScaledNumbers
from money import exact_arithmetic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aggregator.domain.aggregations.groups import Groups
    from aggregator.domain.aggregations.level import Moments
    from aggregator.domain.aggregations.over_time import Asked, Moment
    from aggregator.domain.aggregations.rules import Rules

_INT64_LIMIT: Final = 2**63


class ValueLevel(Level):
    """A level that each value raises (or, below zero, lowers) from its time on."""

    def fold(self, groups: Groups) -> Added:
        """Gather the values with their times."""
        return Added(entries=groups.moments())

    def steps(self, moments: Moments, rules: Rules) -> Steps:  # noqa: ARG002 - values are changes of the level
        """Return the values, each as often as it is there."""
        entries = moments.entries
        units, counts = entries.values.units, entries.counts
        if sum(map(abs, units.tolist())) * int(np.abs(counts).max(initial=1)) >= _INT64_LIMIT:
            units = units.astype(np.object_)
        return Steps(moments.series, entries.times_us, ScaledNumbers(units * counts, entries.values.scale))


class WeightedSum(ValueLevel, TimeUnderLevel):
    """A level of values times the time for which it stays.

    The level begins at zero with the time asked about, unless the meter carries it over: then it is the sum of all
    values before.
    """

    NAME: ClassVar[str] = "WEIGHTED_SUM"

    def lookback_us(self, rules: Rules) -> int:
        """Return all time where the level is carried over; else none."""
        return EVER_US if rules.carries_over else 0

    def recount(self, events: Sequence[Moment], rules: Rules, asked: Asked) -> Decimal:
        """Return what each value comes to from its time on, added up."""
        start_us, end_us = int(asked.bounds_us[0]), min(int(asked.bounds_us[-1]), asked.now_us)
        with exact_arithmetic():
            total = sum(
                (Decimal(event.value) * max(0, end_us - max(event.time_us, start_us)) for event in events), Decimal(0)
            )
            scale = max(0, -int(total.as_tuple().exponent))
            return in_units(int(total.scaleb(scale)), scale, rules)


class RunningTotal(ValueLevel, LevelAtEnd):
    """The sum of all values up to the end of a window, from the first one ever: it never begins anew."""

    NAME: ClassVar[str] = "RUNNING_TOTAL"

    def lookback_us(self, rules: Rules) -> int:  # noqa: ARG002 - it has none
        """Return all time."""
        return EVER_US

    def recount(self, events: Sequence[Moment], rules: Rules, asked: Asked) -> Decimal:  # noqa: ARG002 - it has none
        """Return the sum of the values."""
        end_us = min(int(asked.bounds_us[-1]), asked.now_us)
        with exact_arithmetic():
            return sum((Decimal(event.value) for event in events if event.time_us < end_us), Decimal(0))
