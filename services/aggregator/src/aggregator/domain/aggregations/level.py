"""A level that events raise and lower: what it is at the end of a window, or the time under it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.aggregations.over_time import OverTime, TimedRow
from aggregator.domain.aggregations.rules import SECOND_US
from aggregator.domain.aggregations.sums import quotient
from aggregator.domain.columns import ScaledNumbers, run_starts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from aggregator.domain.aggregations.over_time import Asked
    from aggregator.domain.aggregations.rules import Rules
    from aggregator.domain.windows import Entries, Windows

    Numbers = NDArray[np.int64] | NDArray[np.object_]

_SECOND_PLACES: Final = 6
_INT64_SURE: Final = 2**62


@dataclass(frozen=True, slots=True)
class Moments:
    """Entries with the customers and the series (a customer and a group) that they belong to, by their codes."""

    customers: NDArray[np.int64]
    series: NDArray[np.int64]
    entries: Entries


@dataclass(frozen=True, slots=True)
class Steps:
    """By how much the level of a series changes at a time."""

    series: NDArray[np.int64]
    times_us: NDArray[np.int64]
    changes: ScaledNumbers

    def in_order(self) -> Steps:
        """Return them by series and time."""
        order = np.lexsort((self.times_us, self.series))
        return Steps(self.series[order], self.times_us[order], self.changes.take(order))


class Level(OverTime):
    """What a level comes to in each window."""

    @abstractmethod
    def steps(self, moments: Moments, rules: Rules) -> Steps:
        """Return how the events change the level of each series, in any order."""
        ...

    @abstractmethod
    def amounts(self, times_us: NDArray[np.int64], changes: Numbers, asked: Asked) -> list[int]:
        """Return what the level of one series comes to in each window; `changes` come by time."""
        ...

    @abstractmethod
    def quantity(self, amount: int, scale: int, rules: Rules) -> Decimal:
        """Return what an amount is of levels in units of 10^-scale."""
        ...

    def rows(self, windows: Windows, rules: Rules, asked: Asked) -> Iterator[TimedRow]:
        """Yield what the level comes to, series by series."""
        moments = self._moments(windows, rules, asked)
        if not len(moments.series):
            return
        steps = self.steps(moments, rules).in_order()
        order = np.lexsort((moments.entries.times_us, moments.series))
        series, times_us = moments.series[order], moments.entries.times_us[order]
        counts = moments.entries.counts[order]
        starts = run_starts(series)
        groups = len(windows.groups.values)
        for first, end in zip(starts.tolist(), [*starts[1:].tolist(), len(series)], strict=True):
            own = slice(*np.searchsorted(steps.series, [series[first], series[first] + 1]).tolist())
            amounts = self.amounts(steps.times_us[own], steps.changes.units[own], asked)
            events = self._events(times_us[first:end], counts[first:end], rules, asked)
            for window, (amount, count) in enumerate(zip(amounts, events, strict=True)):
                if amount or count:
                    quantity = self.quantity(amount, steps.changes.scale, rules)
                    yield TimedRow(*divmod(int(series[first]), groups), window, quantity, count)

    def _moments(self, windows: Windows, rules: Rules, asked: Asked) -> Moments:
        entries, groups = windows.entries, len(windows.groups.values)
        bounds_us, lookback_us = asked.bounds_us, self.lookback_us(rules)
        matters = (entries.times_us >= bounds_us[0] - lookback_us) & (entries.times_us < bounds_us[-1])
        entries = entries.take(matters, entries.windows[matters])
        customers = windows.customers.codes[entries.windows]
        return Moments(customers, customers * groups + windows.groups.codes[entries.windows], entries)

    def _events(self, times_us: NDArray[np.int64], counts: NDArray[np.int64], rules: Rules, asked: Asked) -> list[int]:
        """Return for each window how many events of a series, by time, it rests on."""
        until = np.append(0, np.cumsum(counts))
        ends = until[np.searchsorted(times_us, asked.bounds_us[1:])]
        if asked.running:
            return list(ends.tolist())
        first_us = asked.bounds_us[:-1] - self.lookback_us(rules)
        return list((ends - until[np.searchsorted(times_us, first_us)]).tolist())


class TimeUnderLevel(Level):
    """A level times the time for which it stays, in the meter's unit of time."""

    def amounts(self, times_us: NDArray[np.int64], changes: Numbers, asked: Asked) -> list[int]:
        """Return the level times microseconds."""
        return areas_at(times_us, changes, asked)

    def quantity(self, amount: int, scale: int, rules: Rules) -> Decimal:
        """Return a level times time."""
        return in_units(amount, scale, rules)


class LevelAtEnd(Level):
    """What the level is at the end of a window, or now if that is sooner. A window that has not begun has none."""

    def amounts(self, times_us: NDArray[np.int64], changes: Numbers, asked: Asked) -> list[int]:
        """Return the level just before the end."""
        levels = np.append(0, np.add.accumulate(changes))
        ends_us = np.minimum(asked.bounds_us[1:], asked.now_us)
        begins_us = asked.bounds_us[:1] if asked.running else asked.bounds_us[:-1]
        found = np.where(begins_us < asked.now_us, levels[np.searchsorted(times_us, ends_us)], 0)
        return [int(level) for level in found.tolist()]

    def quantity(self, amount: int, scale: int, rules: Rules) -> Decimal:  # noqa: ARG002 - no time is in it
        """Return the level."""
        # From text, which no context rounds.
        return Decimal(f"{amount}e-{scale}")


def areas_at(times_us: NDArray[np.int64], changes: Numbers, asked: Asked) -> list[int]:
    """Return the level of one series times microseconds in each window, exactly; `changes` come by time."""
    bounds_us = np.minimum(asked.bounds_us, asked.now_us)
    if not len(times_us):
        return [0] * (len(bounds_us) - 1)
    # Up to a moment x, each change adds itself times the time since: x * (sum of changes) - (sum of change * time).
    since_us, ends_us = times_us - asked.bounds_us[0], bounds_us - asked.bounds_us[0]
    largest = max(abs(int(moment)) for moments in (since_us, ends_us) for moment in moments[[0, -1]])
    if 2 * largest * sum(map(abs, changes.tolist())) >= _INT64_SURE:
        changes, since_us, ends_us = (numbers.astype(np.object_) for numbers in (changes, since_us, ends_us))
    levels = np.append(0, np.add.accumulate(changes))
    weighted = np.append(0, np.add.accumulate(changes * since_us))
    places = np.searchsorted(times_us, bounds_us)
    so_far = (ends_us * levels[places] - weighted[places]).tolist()
    if asked.running:
        return [int(area - so_far[0]) for area in so_far[1:]]
    return [int(after - before) for before, after in pairwise(so_far)]


def in_units(area: int, scale: int, rules: Rules) -> Decimal:
    """Return a level (in units of 10^-scale) times microseconds in the unit of time: seconds exactly, else rounded."""
    if rules.unit_us == SECOND_US:
        # From text, which no context rounds.
        return Decimal(f"{area}e-{scale + _SECOND_PLACES}")
    return quotient(area, 10**scale * rules.unit_us)
