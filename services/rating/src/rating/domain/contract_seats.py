"""Which counts of seats a contract may have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chassis.errors import Reason
from chassis.errors.refused import Refused, inside
from rating.domain.proration import day_share
from rating.domain.seats import COUNT_MAX

if TYPE_CHECKING:
    from datetime import date

    from rating.domain.billing_period import BillingPeriod, Schedule
    from rating.domain.pauses import Pause
    from rating.domain.plans import Plan
    from rating.domain.seats import SeatCount


def check_seats(counts: Sequence[SeatCount], schedule: Schedule) -> None:
    """Refuse counts outside the contract, or not in the order of their days."""
    last: dict[str, date] = {}
    for place, count in enumerate(counts):
        with inside(f"seats[{place}]"):
            if not 0 <= count.count <= COUNT_MAX:
                raise Refused("count", Reason.CONTRACT_INVALID, f"must be 0 to {COUNT_MAX:,} whole seats")
            if count.start < schedule.start or (schedule.end is not None and count.start >= schedule.end):
                raise Refused("start", Reason.CONTRACT_INVALID, "must be a day of the contract")
            if count.start < last.get(count.item, count.start):
                message = f"comes before {last[count.item]}, which stands above it; write the days in order"
                raise Refused("start", Reason.CONTRACT_INVALID, message)
        last[count.item] = count.start


def check_seated(counts: Sequence[SeatCount | None], plans: Sequence[Plan]) -> None:
    """Refuse seats of what no version of the plan sells by seats. None stands for one that is not looked at."""
    known = list(dict.fromkeys(item.name for plan in plans for item in plan.items if item.price.seats is not None))
    for place, count in enumerate(counts):
        if count is not None and count.item not in known:
            there = f"its items with seats: {', '.join(known)}" if known else "it has none that is sold by seats"
            message = f"the plan has no item {count.item!a} with seats; {there}"
            raise Refused(f"seats[{place}].item", Reason.CONTRACT_INVALID, message)


def check_kept_seats(
    frozen: Iterable[BillingPeriod],
    schedule: Schedule,
    pauses: Sequence[Pause],
    before: Sequence[SeatCount],
    after: Sequence[SeatCount],
) -> None:
    """Refuse counts that change the days of a period that is rated permanently."""
    if before == after:
        return
    for kept in frozen:
        was, is_now = (day_share(schedule, kept.label, pauses, counts).seats for counts in (before, after))
        if set(was) != set(is_now):
            message = (
                f"period {kept.label} is already rated permanently, and keeps its seats; change them on later days"
            )
            raise Refused("seats", Reason.CATALOG_CONFLICT, message)
