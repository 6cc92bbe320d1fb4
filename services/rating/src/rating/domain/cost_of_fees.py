"""What fees cost over time: a fixed fee falls on all days alike, the seats of a day on that day. Pure, and exact."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from money import ZERO, exact_of, part_of, total
from rating.domain.proration import WHOLE, DayShare, Proration
from rating.domain.rate import rate
from rating.domain.rate_seats import charged_runs

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from money import Exact
    from rating.domain.cost_windows import CostWindows
    from rating.domain.plans import PlanItem
    from rating.domain.rate_seats import ChargedRun


def cost_until(item: PlanItem, windows: CostWindows, share: DayShare) -> Callable[[int], Exact]:
    """Return a function that says what the first so many days of the windows' period cost of a fee, or of seats.

    `share` is that of the days of the period which the contract has.
    """
    if item.price.seats is not None:
        return _seats_until(item, windows, share.of_item(item.name))
    # A fee that does not go by days is whole, or not due.
    charged = WHOLE if item.proration is Proration.NONE and share.days else share
    fee = Fraction(part_of(rate(ZERO, item.price).amount, charged.days, charged.of_days))
    return lambda days: exact_of(fee * days / len(windows.days))


def _seats_until(item: PlanItem, windows: CostWindows, own: DayShare) -> Callable[[int], Exact]:
    runs, zone = charged_runs(item.price, own.seats), ZoneInfo(windows.zone)

    def until(days: int) -> Exact:
        if days == len(windows.days):
            return total(run.cost(own.of_days) for run in runs)
        day = windows.days[days].astimezone(zone).date()
        return total(run.cost(own.of_days, _days_before(run, day)) for run in runs)

    return until


def _days_before(run: ChargedRun, day: date) -> int:
    return run.days if run.first is None else max(min(run.days, (day - run.first).days), 0)
