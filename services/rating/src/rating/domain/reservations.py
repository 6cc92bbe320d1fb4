"""Reservations: a quantity that is kept for a customer until it is used, and how long each holds.

A reservation holds its quantity until its time is over. Once it is settled it holds what was used, until that is
counted: so there is no instant at which neither counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from eventlog.as_of import AsOf
from money import ZERO, exact_arithmetic

TTL_DEFAULT_S: Final = 60
TTL_MAX_S: Final = 86_400
LINGER_S: Final = 60
"""So long a settled quantity is held where nobody says which event tells it."""
LINGER_MAX_S: Final = 86_400
"""So long at most it is held where one is named that is never counted."""
HOLDS_MAX_S: Final = TTL_MAX_S + LINGER_MAX_S
"""No reservation holds anything so long after it was made, but for one that is settled later than its time."""


class ReservationState(StrEnum):
    """What a reservation has become; the names are those of the contract, without its prefix."""

    HELD = "HELD"
    SETTLED = "SETTLED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a reservation ended: with a quantity that was used, or None: it was released.

    `reported` is where the event of that usage lies in the log; None: nobody said.
    """

    quantity: Decimal | None
    at: datetime
    reported: AsOf | None = None

    def holds_until(self) -> datetime:
        """Return until when its quantity is held, if its event is not counted before."""
        return self.at + timedelta(seconds=LINGER_S if self.reported is None else LINGER_MAX_S)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A quantity of a feature that is kept for a customer; `id` is chosen by the caller, unique within the tenant.

    `asked` is what was asked for, of which `quantity` is held.
    """

    id: str
    customer: str
    feature: str
    asked: Decimal
    quantity: Decimal
    is_partial: bool
    ttl_s: int
    made_at: datetime
    outcome: Outcome | None = None

    @property
    def expires_at(self) -> datetime:
        """Until when it holds, unless it ends before."""
        return self.made_at + timedelta(seconds=self.ttl_s)

    def state(self, now: datetime) -> ReservationState:
        """Return what it has become."""
        if self.outcome is not None:
            return ReservationState.RELEASED if self.outcome.quantity is None else ReservationState.SETTLED
        return ReservationState.HELD if now < self.expires_at else ReservationState.EXPIRED

    def held(self, as_of: AsOf, now: datetime) -> Decimal:
        """Return what it holds beside usage that is counted up to `as_of`."""
        outcome = self.outcome
        if outcome is None:
            return self.quantity if now < self.expires_at else ZERO
        if outcome.quantity is None or now >= outcome.holds_until():
            return ZERO
        is_counted = outcome.reported is not None and as_of.covers(outcome.reported)
        return ZERO if is_counted else outcome.quantity

    def same_request(self, other: Reservation) -> bool:
        """Whether another one asks for the same."""
        own, its = ((each.customer, each.feature, each.asked, each.is_partial, each.ttl_s) for each in (self, other))
        return own == its


def held_by(reservations: Iterable[Reservation], as_of: AsOf, now: datetime) -> Decimal:
    """Return what reservations hold together."""
    with exact_arithmetic():
        return sum((reservation.held(as_of, now) for reservation in reservations), ZERO)
