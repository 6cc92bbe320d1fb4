"""How long before new prices their customers must be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chassis.errors import Reason
from chassis.errors.refused import Refused

DAYS_MAX: Final = 366
PERIODS_MAX: Final = 12
PERIODS_DEFAULT: Final = 3


@dataclass(frozen=True, slots=True)
class NoticeRule:
    """A version of a plan rules a contract from the first period on that starts `days` after its notice, or later.

    A notice shows what the version changes in the last `periods` periods. `increase_only`: one is needed only where
    something would have cost more in them.
    """

    days: int
    periods: int = PERIODS_DEFAULT
    increase_only: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no notice."""
        if not 1 <= self.days <= DAYS_MAX:
            raise Refused(
                "days", Reason.PLAN_INVALID, f"must be 1 to {DAYS_MAX}; leave notice out where none is needed"
            )
        if not 1 <= self.periods <= PERIODS_MAX:
            raise Refused(
                "periods", Reason.PLAN_INVALID, f"must be 1 to {PERIODS_MAX}; leave it out for {PERIODS_DEFAULT}"
            )
