"""Sessions: how long they lasted, and how many are open."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from aggregator.domain.aggregations.aggregation import Added, Reads
from aggregator.domain.aggregations.level import Level, LevelAtEnd, Steps, TimeUnderLevel, in_units
from aggregator.domain.aggregations.over_time import EVER_US
from aggregator.domain.aggregations.rules import Phase
from aggregator.domain.columns import ScaledNumbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from aggregator.domain.aggregations.groups import Groups
    from aggregator.domain.aggregations.level import Moments
    from aggregator.domain.aggregations.over_time import Asked, Moment, TimedRow
    from aggregator.domain.aggregations.rules import Rules
    from aggregator.domain.billable import EventRounding
    from aggregator.domain.windows import Windows


class SessionLevel(Level):
    """The number of open sessions as a level.

    Each event that is no stop counts from its time until the next event of its session, or the timeout if none comes
    sooner. So a session is put together from its events alone, whatever the order in which they came, and the time
    after an event is of that event's group.
    """

    READS: ClassVar[Reads] = Reads.SESSION

    def fold(self, groups: Groups) -> Added:
        """Gather the events of sessions."""
        return Added(entries=groups.sessions())

    def lookback_us(self, rules: Rules) -> int:
        """Return the timeout: for longer no event counts."""
        return _timeout_us(rules)

    def steps(self, moments: Moments, rules: Rules) -> Steps:
        """Return +1 where an event lets a session go on, and -1 where the next event or the timeout ends that."""
        found = stretches_of(moments, rules)
        some = np.ones(len(found.series), dtype=np.int64)
        return Steps(
            np.concatenate([found.series, found.series]),
            np.concatenate([found.starts_us, found.ends_us]),
            ScaledNumbers(np.concatenate([some, -some]), 0),
        )


@dataclass(frozen=True, slots=True)
class Stretches:
    """The time [start, end) for which each event lets its session go on, with the series of the event."""

    series: NDArray[np.int64]
    starts_us: NDArray[np.int64]
    ends_us: NDArray[np.int64]


def stretches_of(moments: Moments, rules: Rules) -> Stretches:
    """Return the time after each event that counts, up to the next event of its session or the timeout."""
    entries = moments.entries
    phases = entries.values.units.astype(np.int64)
    # The series last: it only decides between events of one session, time and phase.
    order = np.lexsort((moments.series, phases, entries.times_us, entries.texts.codes, moments.customers))
    customers, sessions = moments.customers[order], entries.texts.codes[order]
    times_us, series = entries.times_us[order], moments.series[order]
    ends_us = times_us + _timeout_us(rules)
    goes_on = (customers[1:] == customers[:-1]) & (sessions[1:] == sessions[:-1])
    ends_us[:-1] = np.where(goes_on, np.minimum(ends_us[:-1], times_us[1:]), ends_us[:-1])
    counts = (phases[order] != Phase.STOP) & (ends_us > times_us)
    return Stretches(series[counts], times_us[counts], ends_us[counts])


class Duration(SessionLevel, TimeUnderLevel):
    """The time of all sessions together."""

    NAME: ClassVar[str] = "DURATION"
    PLACES: ClassVar[int] = 12

    def rows(self, windows: Windows, rules: Rules, asked: Asked) -> Iterator[TimedRow]:
        """Yield the time of sessions, with what is billed of it where each is rounded by itself."""
        if rules.session_rounding is None:
            yield from super().rows(windows, rules, asked)
            return
        stretches = stretches_of(self._moments(windows, rules, asked), rules)
        billed, scale = _billed(stretches, rules.session_rounding, rules, asked)
        groups = len(windows.groups.values)
        so_far: dict[int, int] = {}
        for row in super().rows(windows, rules, asked):
            series = row.customer * groups + row.group
            units = billed.get((series, row.window), 0)
            if asked.running:
                units = so_far[series] = so_far.get(series, 0) + units
            # From text, which no context rounds.
            yield replace(row, billable=Decimal(f"{units}e-{scale}"))

    def recount_billed(self, events: Sequence[Moment], rules: Rules, asked: Asked) -> Fraction | None:
        """Return what is billed of the sessions of these events, one after the other, in fractions."""
        rounding = rules.session_rounding
        if rounding is None:
            return None
        start_us, end_us = int(asked.bounds_us[0]), min(int(asked.bounds_us[-1]), asked.now_us)
        total = Fraction(0)
        for own in _sessions_of(events):
            following_us = [time_us for time_us, _ in own[1:]] + [end_us]
            for (time_us, phase), next_us in zip(own, following_us, strict=True):
                until_us = min(next_us, time_us + rules.session.timeout_us, end_us)
                if phase is not Phase.STOP and until_us > start_us:
                    before, whole = max(start_us - time_us, 0), max(until_us - time_us, 0)
                    total += rounding.round_one(Fraction(whole, rules.unit_us))
                    total -= rounding.round_one(Fraction(before, rules.unit_us))
        return total

    def recount(self, events: Sequence[Moment], rules: Rules, asked: Asked) -> Decimal:
        """Return the time of the sessions of these events, one after the other."""
        start_us, end_us = int(asked.bounds_us[0]), min(int(asked.bounds_us[-1]), asked.now_us)
        total_us = 0
        for own in _sessions_of(events):
            following_us = [time_us for time_us, _ in own[1:]] + [end_us]
            for (time_us, phase), next_us in zip(own, following_us, strict=True):
                until_us = min(next_us, time_us + rules.session.timeout_us, end_us)
                if phase is not Phase.STOP:
                    total_us += max(0, until_us - max(time_us, start_us))
        return in_units(total_us, 0, rules)


class LiveCount(SessionLevel, LevelAtEnd):
    """How many sessions, or members of a set, are there at the end of a window."""

    NAME: ClassVar[str] = "LIVE_COUNT"
    PLACES: ClassVar[int] = 0

    def recount(self, events: Sequence[Moment], rules: Rules, asked: Asked) -> Decimal:
        """Return how many sessions are open after these events."""
        if asked.now_us <= int(asked.bounds_us[0]):
            return Decimal(0)
        end_us = min(int(asked.bounds_us[-1]), asked.now_us)
        count = 0
        for own in _sessions_of(event for event in events if event.time_us < end_us):
            time_us, phase = own[-1]
            is_over = rules.session.timeout_us and time_us + rules.session.timeout_us < end_us
            count += phase is not Phase.STOP and not is_over
        return Decimal(count)


def _billed(
    stretches: Stretches, rounding: EventRounding, rules: Rules, asked: Asked
) -> tuple[dict[tuple[int, int], int], int]:
    """Return what is billed by series and window in units of a scale, and the scale.

    A session is billed in a window by what its rounded length grows there: so windows of any size add up to the whole.
    """
    bounds_us, starts_us = asked.bounds_us, stretches.starts_us
    ends_us = np.minimum(stretches.ends_us, min(int(bounds_us[-1]), asked.now_us))
    since_us = np.maximum(starts_us, bounds_us[0])
    is_there = ends_us > since_us
    starts_us, ends_us, since_us = starts_us[is_there], ends_us[is_there], since_us[is_there]
    firsts = np.searchsorted(bounds_us, since_us, side="right") - 1
    spans = np.searchsorted(bounds_us, ends_us, side="left") - firsts
    # A row for each session and window that it touches.
    rows = np.repeat(np.arange(len(spans)), spans)
    numbers = firsts[rows] + np.arange(len(rows)) - np.repeat(np.cumsum(spans) - spans, spans)
    from_us = np.maximum(bounds_us[numbers], since_us[rows]) - starts_us[rows]
    until_us = np.minimum(bounds_us[numbers + 1], ends_us[rows]) - starts_us[rows]
    before, after = (rounding.round_times(lengths, rules.unit_us) for lengths in (from_us, until_us))
    found: dict[tuple[int, int], int] = {}
    series = stretches.series[is_there][rows].tolist()
    for key, less, more in zip(
        zip(series, numbers.tolist(), strict=True), before.units.tolist(), after.units.tolist(), strict=True
    ):
        found[key] = found.get(key, 0) + more - less
    return found, after.scale


def _timeout_us(rules: Rules) -> int:
    return rules.session.timeout_us or EVER_US


def _sessions_of(events: Iterable[Moment]) -> Iterable[list[tuple[int, Phase]]]:
    sessions: dict[str, list[tuple[int, Phase]]] = {}
    for event in events:
        key, phase = json.loads(event.value)
        sessions.setdefault(key, []).append((event.time_us, Phase[phase]))
    return [sorted(own) for own in sessions.values()]


def session_text(key: str, phase: Phase) -> str:
    """Return what an event says of a session as one text: canonical JSON of the key and the name of the phase."""
    return json.dumps([key, phase.name], ensure_ascii=False, separators=(",", ":"))
