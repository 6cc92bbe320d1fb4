"""Pauses: whole days on which the fixed fees of a contract stand still."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.proration import day_share

if TYPE_CHECKING:
    from rating.domain.billing_period import BillingPeriod, Schedule


@dataclass(frozen=True, slots=True)
class Pause:
    """From the day `start` to before `until`; None: until it is resumed."""

    start: date
    until: date | None

    def days_in(self, first: date, after: date) -> int:
        """Return how many days of [first, after) it has."""
        until = after if self.until is None else min(self.until, after)
        return max((until - max(self.start, first)).days, 0)


def check_pauses(pauses: Sequence[Pause], schedule: Schedule) -> None:
    """Refuse pauses that hold no day, overlap, stand in another order, or lie outside the contract."""
    for place, pause in enumerate(pauses):
        if pause.until is not None and pause.until <= pause.start:
            message = f"{pause.until} is the first day after the pause; it must be later than its start {pause.start}"
            raise Refused(f"pauses[{place}].until", Reason.CONTRACT_INVALID, message)
        if pause.start < schedule.start or (schedule.end is not None and pause.start >= schedule.end):
            raise Refused(f"pauses[{place}].start", Reason.CONTRACT_INVALID, "must be a day of the contract")
    for place, (before, following) in enumerate(pairwise(pauses), start=1):
        if before.until is None or following.start < before.until:
            message = "must not begin before the pause that stands before it has ended; write them in order and apart"
            raise Refused(f"pauses[{place}].start", Reason.CONTRACT_INVALID, message)


def check_kept_days(
    frozen: Iterable[BillingPeriod], schedule: Schedule, before: Sequence[Pause], after: Sequence[Pause]
) -> None:
    """Refuse pauses that change the days of a period that is rated permanently."""
    for kept in frozen:
        if day_share(schedule, kept.label, before) != day_share(schedule, kept.label, after):
            message = f"period {kept.label} is already rated permanently, and keeps its days; pause later ones"
            raise Refused("pauses", Reason.CATALOG_CONFLICT, message)
