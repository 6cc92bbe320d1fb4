"""Seats: how many a contract has on which days. A count holds from the midnight of its day on, until the next one.

What of it a period is charged, the price says (`rating.domain.pricing.seats`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rating.domain.pauses import Pause

COUNT_MAX: Final = 10**9
"""Most seats of an item."""
UNIT: Final = "seats"
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SeatCount:
    """So many seats of an item from a day on. Of several of one day the highest counts on it, the last one after it."""

    item: str
    start: date
    count: int


@dataclass(frozen=True, slots=True)
class SeatRun:
    """Days one after the other, from `first` on, with one count; `peak` is the highest so far in the period.

    `first` None: nobody knows which days they are.
    """

    first: date | None
    days: int
    count: int
    peak: int


@dataclass(frozen=True, slots=True)
class SeatDays:
    """The seats of an item on the charged days of a period, or of a part of one; `opening` is its first count."""

    item: str
    opening: int
    runs: tuple[SeatRun, ...]

    @property
    def at_opening(self) -> SeatDays:
        """The same days, if the count never changed in the period."""
        runs = (replace(run, count=self.opening, peak=self.opening) for run in self.runs)
        return replace(self, runs=tuple(runs))

    def and_then(self, other: SeatDays) -> SeatDays:
        """Return these days and, after them, others of the same period."""
        return replace(self, runs=(*self.runs, *other.runs))


def constant(item: str, count: int, days: int = 1) -> SeatDays:
    """Return one count on all days of a period."""
    return SeatDays(item, count, (SeatRun(None, days, count, count),))


def seat_days(
    counts: Sequence[SeatCount], begins: date, first: date, after: date, pauses: Sequence[Pause] = ()
) -> tuple[SeatDays, ...]:
    """Return the seats on the days [first, after) of a period of the contract that begins at `begins`.

    Days on which the contract is paused have none, and are not looked at. An item without any seat up to then is left
    out. Each item's counts stand in the order of their days.
    """
    names = dict.fromkeys(count.item for count in counts)
    found = (_of_item(name, [each for each in counts if each.item == name], begins, after, pauses) for name in names)
    parts = (replace(own, runs=tuple(_from(own.runs, first))) for own in found)
    return tuple(own for own in parts if any(run.peak for run in own.runs))


def joined(parts: Sequence[tuple[SeatDays, ...]]) -> tuple[SeatDays, ...]:
    """Return the seats of parts of a period that follow one another, as of one part."""
    found: dict[str, SeatDays] = {}
    for own in (own for part in parts for own in part):
        found[own.item] = found[own.item].and_then(own) if own.item in found else own
    return tuple(found.values())


def _of_item(name: str, own: Sequence[SeatCount], begins: date, after: date, pauses: Sequence[Pause]) -> SeatDays:
    cuts = {begins, after} | {day for each in own for day in (each.start, each.start + _DAY)}
    cuts |= {day for pause in pauses for day in (pause.start, pause.until) if day is not None}
    by_day = [(day, [each.count for each in those]) for day, those in groupby(own, key=lambda each: each.start)]
    opening: int | None = None
    peak, runs = 0, []
    for day, following in pairwise(sorted(cut for cut in cuts if begins <= cut <= after)):
        if any(pause.days_in(day, following) for pause in pauses):
            continue
        count = _count_on(by_day, day)
        opening, peak = count if opening is None else opening, max(peak, count)
        runs.append(SeatRun(day, (following - day).days, count, peak))
    return SeatDays(name, opening or 0, tuple(runs))


def _count_on(by_day: Sequence[tuple[date, Sequence[int]]], day: date) -> int:
    place = bisect_right(by_day, day, key=lambda each: each[0])
    if not place:
        return 0
    start, counts = by_day[place - 1]
    return max(counts) if start == day else counts[-1]


def _from(runs: Sequence[SeatRun], first: date) -> Iterator[SeatRun]:
    """Yield the days of runs from a day on; neighbors that are alike are one run."""
    kept: SeatRun | None = None
    for run in runs:
        if run.first is None or run.first + timedelta(days=run.days) <= first:
            continue
        begins = max(run.first, first)
        part = replace(run, first=begins, days=run.days - (begins - run.first).days)
        if kept is not None and kept.first is not None and _go_on(kept, part, begins):
            kept = replace(kept, days=kept.days + part.days)
            continue
        if kept is not None:
            yield kept
        kept = part
    if kept is not None:
        yield kept


def _go_on(run: SeatRun, following: SeatRun, day: date) -> bool:
    ends = run.first and run.first + timedelta(days=run.days)
    return ends == day and (run.count, run.peak) == (following.count, following.peak)
