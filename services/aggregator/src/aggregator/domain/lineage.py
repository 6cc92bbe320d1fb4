"""What listed events amount to: compared with what was sealed, so that a list never contradicts the quantity unseen."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from aggregator.domain.aggregations.aggregation import OfWindows, Reads, Totals
from aggregator.domain.aggregations.groups import group_key
from aggregator.domain.aggregations.over_time import Asked, Moment, OverTime
from aggregator.domain.usage import quantity_of
from eventlog.instants import microseconds_of
from money import ZERO, exact_arithmetic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from aggregator.domain.aggregations.aggregation import Aggregation
    from aggregator.domain.matching import CountedEvent
    from aggregator.domain.meters import CountingMeter, MeterSpec
    from aggregator.domain.usage import MeterUsage
    from eventlog.period import Period

_Chosen = tuple[int, str, Decimal]


@dataclass(frozen=True, slots=True)
class TimeAsked:
    """An aggregation over time, its meter, and the one window that is asked for."""

    aggregation: OverTime
    spec: MeterSpec
    asked: Asked

    def moment(self, counted: CountedEvent) -> Moment:
        """Return an event as the aggregation counts it again."""
        group = group_key([counted.event.read(self.spec.group(name)) for name in self.spec.group_by])
        return Moment(counted.event.time_us, counted.event.id, counted.value, group)


def time_asked(meters: Sequence[CountingMeter], period: Period, at: datetime) -> TimeAsked | None:
    """Return what is asked of the versions of a meter over a period; None where they don't count over time."""
    spec = meters[-1].spec if meters else None
    if spec is None or not isinstance(spec.aggregation, OverTime):
        return None
    bounds_us = np.array([period.start_us, period.end_us], dtype=np.int64)
    return TimeAsked(spec.aggregation, spec, Asked(bounds_us, microseconds_of(at), spec.bucket_us))


@dataclass(slots=True)
class Lineage:
    """The events of one meter, as they are listed: the windows' rules again, over single events."""

    aggregation: Aggregation
    over_time: TimeAsked | None = None
    """What is asked of an aggregation over time."""
    event_count: int = 0
    """One that takes an event back counts as one less."""
    listed: int = 0
    _sum: Decimal = ZERO
    _billed: Decimal = ZERO
    _least: Decimal | None = None
    _greatest: Decimal | None = None
    _earliest: _Chosen | None = None
    _latest: _Chosen | None = None
    _texts: set[str] = field(default_factory=set)
    _moments: list[Moment] = field(default_factory=list)

    def add(self, events: Sequence[CountedEvent]) -> None:
        """Count events that are listed."""
        self.listed += len(events)
        self.event_count += sum(counted.event.sign for counted in events)
        if self.over_time is not None:
            self._moments += map(self.over_time.moment, events)
        elif self.aggregation.READS is Reads.TEXT:
            self._texts.update(counted.value for counted in events)
        elif self.aggregation.READS is Reads.DECIMAL and events:
            self._add_numbers(events)

    def _add_numbers(self, events: Sequence[CountedEvent]) -> None:
        chosen = [(counted.event.time_us, counted.event.id, Decimal(counted.value)) for counted in events]
        values = [value for _, _, value in chosen]
        with exact_arithmetic():
            signed = (counted.event.sign * Decimal(counted.value) for counted in events)
            self._sum = sum(signed, self._sum)
            billed = (counted.event.sign * Decimal(counted.billable) for counted in events if counted.billable)
            self._billed = sum(billed, self._billed)
        self._least = min(values) if self._least is None else min(self._least, *values)
        self._greatest = max(values) if self._greatest is None else max(self._greatest, *values)
        self._earliest = min(chosen) if self._earliest is None else min(self._earliest, *chosen)
        self._latest = max(chosen) if self._latest is None else max(self._latest, *chosen)

    @property
    def quantity(self) -> Decimal:
        """What the events amount to."""
        if self.over_time is not None:
            return self.over_time.aggregation.recount(self._moments, self.over_time.spec.rules, self.over_time.asked)
        if not isinstance(self.aggregation, OfWindows):
            # No version of the meter counted in the time.
            return ZERO
        totals = Totals(
            event_count=self.event_count,
            sum=self._sum if self.event_count else None,
            minimum=self._least,
            maximum=self._greatest,
            latest=None if self._latest is None else self._latest[2],
            earliest=None if self._earliest is None else self._earliest[2],
            distinct_count=len(self._texts),
        )
        return quantity_of(self.aggregation, totals)

    @property
    def billed(self) -> Fraction:
        """What is billed of them, where events or sessions are rounded one by one."""
        over_time = self.over_time
        if over_time is None:
            return Fraction(self._billed)
        billed = over_time.aggregation.recount_billed(self._moments, over_time.spec.rules, over_time.asked)
        return Fraction(self._billed) if billed is None else billed

    def agrees_with(self, sealed: MeterUsage, before: MeterUsage | None) -> bool:
        """Whether the events are those that were sealed: all of them, or those beyond what was sealed `before`.

        Beyond an earlier seal only the number is compared, for most quantities are no differences; and nothing where
        the meter has had another version since, which may have counted earlier events anew.
        """
        if before is None:
            is_billed = sealed.billable is None or sealed.billable == self.billed
            return is_billed and (self.event_count, self.quantity) == (sealed.event_count, sealed.quantity)
        if before.newest_version != sealed.newest_version:
            return True
        return self.event_count == sealed.event_count - before.event_count
