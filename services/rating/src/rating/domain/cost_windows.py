"""The windows over which cost is told: a billing period, cut by the clock of its contract's zone.

The aggregator cuts usage by the same rules: hours, days, weeks that begin on Monday, months, each at its local start.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import islice, pairwise
from typing import Final
from zoneinfo import ZoneInfo

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.period import Period
from eventlog.rfc3339 import text_of_instant
from rating.domain.billing_period import BillingPeriod
from rating.domain.zone_days import local_midnight

WINDOWS_MAX: Final = 1000
"""Most windows of one question; a month of hours has 745 at most."""
_ONE_DAY: Final = timedelta(days=1)
_MONTHS: Final = 12
_WEEK_DAYS: Final = 7


class WindowSize(StrEnum):
    """Length of the windows; the names are those of the contract, without its prefix."""

    WHOLE = "WHOLE"
    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


@dataclass(frozen=True, slots=True)
class CostWindows:
    """The windows of a billing period from its start up to some time, in order.

    `days` has the first instant of each civil day of the whole billing period: over them a fixed fee is spread.
    """

    windows: tuple[Period, ...]
    days: tuple[datetime, ...]
    bears_rest: bool
    """Whether the last window bears what is of the whole period: the rest of a fee, and what a minimum lifts."""
    zone: str = "UTC"
    """IANA zone whose civil days `days` are."""

    @property
    def span(self) -> Period:
        """The time that the windows cover."""
        return Period(self.windows[0].start, self.windows[-1].end)

    def place_of(self, instant: datetime) -> int:
        """Return which window holds an instant of the span, from 0."""
        return bisect_right(self.windows, instant, key=lambda window: window.start) - 1

    def cut_at(self, bounds: Iterable[datetime]) -> tuple[datetime, ...]:
        """Return where windows begin that are cut also at bounds, but for the start of the span."""
        span = self.span
        starts = {window.start for window in self.windows} | {one for one in bounds if span.start < one < span.end}
        return tuple(sorted(starts - {span.start}))

    def days_before(self, instant: datetime) -> int:
        """Return how many days of the billing period begin before an instant."""
        return bisect_left(self.days, instant)


def cost_windows(
    period: BillingPeriod, zone_name: str, size: WindowSize, until: datetime | None, *, as_draft: bool = False
) -> CostWindows:
    """Cut a billing period into windows, up to `until` (None: to its end). Raises Refused WINDOW_INVALID.

    `until` must be the end of a window or, where the period is one window, the beginning of a day. `as_draft`: what is
    of the whole period counts in full, as it does on the draft of a period that still runs.
    """
    zone = ZoneInfo(zone_name)
    end = period.end if until is None else until
    if not period.start < end <= period.end:
        begins, ends = text_of_instant(period.start), text_of_instant(period.end)
        message = f"must lie after the start of the billing period, {begins}, and not after its end, {ends}"
        raise Refused("until", Reason.WINDOW_INVALID, message)
    days = tuple(_starts(period, zone, WindowSize.DAY))
    starts = list(islice(_starts(period, zone, size), WINDOWS_MAX + 1))
    if len(starts) > WINDOWS_MAX:
        message = f"the period has more than {WINDOWS_MAX} windows of this size; ask for larger ones"
        raise Refused("window_size", Reason.WINDOW_INVALID, message)
    if end != period.end and end not in (days if size is WindowSize.WHOLE else starts):
        message = f"is not the end of a window in {zone_name}; write the time at which a window of the period ends"
        raise Refused("until", Reason.WINDOW_INVALID, message)
    bounds = [*(start for start in starts if start < end), end]
    return CostWindows(
        tuple(Period(*pair) for pair in pairwise(bounds)), days, as_draft or end == period.end, zone_name
    )


def _starts(period: BillingPeriod, zone: ZoneInfo, size: WindowSize) -> Iterator[datetime]:
    """Yield the first instants of the windows of a whole period."""
    start = period.start
    while start < period.end:
        yield start
        start = period.end if size is WindowSize.WHOLE else _following(start, zone, size)


def _following(start: datetime, zone: ZoneInfo, size: WindowSize) -> datetime:
    local = start.astimezone(zone)
    if size is WindowSize.HOUR:
        # In elapsed time, so that an hour that comes twice is two windows.
        into_hour = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return start - into_hour + timedelta(hours=1)
    day = _day_after(local.date(), size)
    # A day that the clocks skipped has no midnight of its own: it begins with the one after it.
    while (following := local_midnight(day, zone)) <= start:
        day = _day_after(day, size)
    return following


def _day_after(day: date, size: WindowSize) -> date:
    match size:
        case WindowSize.WEEK:
            return day + timedelta(days=_WEEK_DAYS - day.weekday())
        case WindowSize.MONTH:
            return date(day.year + day.month // _MONTHS, day.month % _MONTHS + 1, 1)
        case _:
            return day + _ONE_DAY
