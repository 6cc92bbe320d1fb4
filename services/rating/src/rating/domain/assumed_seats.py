"""Seats that are assumed for a period of which a price is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.contract_seats import check_seated
from rating.domain.proration import DayShare
from rating.domain.seats import seat_days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rating.domain.billing_period import BillingPeriod
    from rating.domain.plans import Plan
    from rating.domain.seats import SeatCount


def with_seats(share: DayShare, period: BillingPeriod, zone: str, counts: Sequence[SeatCount], plan: Plan) -> DayShare:
    """Return the days of a period with the seats that are assumed on them; `date.min` is its first day.

    Raises Refused for an item that is not sold by seats, and for days outside the period or out of order.
    """
    if not counts:
        return share
    check_seated(counts, [plan])
    first, after = (instant.astimezone(ZoneInfo(zone)).date() for instant in (period.start, period.end))
    found: list[SeatCount] = []
    for place, count in enumerate(counts):
        day = first if count.start == date.min else count.start
        last = max((one.start for one in found if one.item == count.item), default=day)
        if not max(first, last) <= day < after:
            text = f"must be a day of the period, {first} to before {after}, and not before that of the count above it"
            raise Refused(f"seats[{place}].start", Reason.FIELD_INVALID, text)
        found.append(replace(count, start=day))
    days = (after - first).days
    # Of a month that nothing cuts, the share says no days.
    of_days = days if share.is_whole else share.of_days
    return DayShare(days, of_days, seat_days(found, first, first, after))
