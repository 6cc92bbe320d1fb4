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
    from collections.abc import Iterator, Sequence

    from aggregator.domain.aggregations.groups import Groups
    from aggregator.domain.aggregations.level import Moments
    from aggregator.domain.aggregations.over_time import Asked, Moment
    from aggregator.domain.aggregations.rules import Rules

_INT64_LIMIT: Final = 2**63


class ValueLevel(Level):
    """A level that each value raises (or, below zero, lowers) from its time on."""

    def fold(self, groups: Groups) -> Added:
        """Gather the values with their times."""
        return Added(entries=groups.readings() if groups.rules.are_levels else groups.moments())

    def steps(self, moments: Moments, rules: Rules) -> Steps:
        """Return the values, each as often as it is there; of readings, by how much they differ from those before."""
        entries = moments.entries
        if rules.are_levels:
            return _between_readings(moments)
        units, counts = entries.values.units, entries.counts
        if sum(map(abs, units.tolist())) * int(np.abs(counts).max(initial=1)) >= _INT64_LIMIT:
            units = units.astype(np.object_)
        return Steps(moments.series, entries.times_us, ScaledNumbers(units * counts, entries.values.scale))


def _between_readings(moments: Moments) -> Steps:
    """Return by how much each reading of a group differs from the one before; of those at one time the greatest."""
    entries, units = moments.entries, moments.entries.values.units
    order = np.lexsort((units, entries.times_us, entries.texts.codes, moments.customers))
    owners, times_us = np.stack([moments.customers, entries.texts.codes], axis=1)[order], entries.times_us[order]
    is_next = np.append(False, (owners[1:] == owners[:-1]).all(axis=1))
    # The last one of a time holds.
    holds = np.append(~(is_next[1:] & (times_us[1:] == times_us[:-1])), True)
    kept = order[holds]
    owners = owners[holds]
    is_next = np.append(False, (owners[1:] == owners[:-1]).all(axis=1))
    readings = units[kept].astype(np.object_)
    changes = readings - np.where(is_next, np.roll(readings, 1), 0)
    if sum(map(abs, changes.tolist())) < _INT64_LIMIT:
        changes = changes.astype(np.int64)
    return Steps(moments.series[kept], entries.times_us[kept], ScaledNumbers(changes, entries.values.scale))


class WeightedSum(ValueLevel, TimeUnderLevel):
    """A level of values times the time for which it stays.

    The level begins at zero with the time asked about, unless the meter carries it over: then it is the sum of all
    values before.
    """

    NAME: ClassVar[str] = "WEIGHTED_SUM"
    PLACES: ClassVar[int] = 24

    def lookback_us(self, rules: Rules) -> int:
        """Return all time where the level is carried over; else none."""
        return EVER_US if rules.carries_over else 0

    def recount(self, events: Sequence[Moment], rules: Rules, asked: Asked) -> Decimal:
        """Return what each value comes to from its time on, added up; of a reading, until the next one of its group."""
        start_us, end_us = int(asked.bounds_us[0]), min(int(asked.bounds_us[-1]), asked.now_us)
        with exact_arithmetic():
            held = _held(events) if rules.are_levels else ((event.time_us, event.value, end_us) for event in events)
            total = sum(
                (
                    Decimal(value) * max(0, min(until_us, end_us) - max(time_us, start_us))
                    for time_us, value, until_us in held
                ),
                Decimal(0),
            )
            scale = max(0, -int(total.as_tuple().exponent))
            return in_units(int(total.scaleb(scale)), scale, rules)


def _held(events: Sequence[Moment]) -> Iterator[tuple[int, str, int]]:
    """Yield each reading with its time and that of the next one of its group."""
    by_group: dict[str, dict[int, Decimal]] = {}
    for event in events:
        own, value = by_group.setdefault(event.group, {}), Decimal(event.value)
        own[event.time_us] = max(value, own.get(event.time_us, value))
    for own in by_group.values():
        times_us = sorted(own)
        for time_us, until_us in zip(times_us, [*times_us[1:], EVER_US], strict=True):
            yield time_us, str(own[time_us]), until_us


class RunningTotal(ValueLevel, LevelAtEnd):
    """The sum of all values up to the end of a window, from the first one ever: it never begins anew."""

    NAME: ClassVar[str] = "RUNNING_TOTAL"

    def lookback_us(self, rules: Rules) -> int:  # noqa: ARG002 - it has none
        """Return all time."""
        return EVER_US

    def recount(self, events: Sequence[Moment], rules: Rules, asked: Asked) -> Decimal:  # noqa: ARG002 - it has none
        """Return the sum of the values."""
        end_us = min(int(asked.bounds_us[-1]), asked.now_us)
        if asked.now_us <= int(asked.bounds_us[0]):
            return Decimal(0)
        with exact_arithmetic():
            return sum((Decimal(event.value) for event in events if event.time_us < end_us), Decimal(0))
