"""Days of a period: what is charged of a fee, and what usage has of its bounds, where a contract cuts it short."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from money import ZERO, part_of, places_of
from rating.domain.pricing.fields import fields_of
from rating.domain.pricing.rows import Step, StepName
from rating.domain.seats import SeatDays, joined, seat_days

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rating.domain.billing_period import Schedule
    from rating.domain.pauses import Pause
    from rating.domain.plans import PlanItem
    from rating.domain.pricing.price import Price
    from rating.domain.pricing.rows import Derivation, Words
    from rating.domain.seats import SeatCount


FEE_PLACES_MAX: Final = 12
"""Most decimals of a fee that goes by days: with the days of 36 years below the line, an exact amount holds no more."""


class Proration(StrEnum):
    """What an item has in a period that is cut short; the names are those of the contract, without its prefix."""

    NONE = "NONE"
    DAY = "DAY"


@dataclass(frozen=True, slots=True)
class DayShare:
    """How many civil days a period has of those that it would have had if nothing cut it short.

    `seats` are those that the contract has on these days.
    """

    days: int
    of_days: int
    seats: tuple[SeatDays, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing cut it short."""
        return self.days == self.of_days

    @property
    def alone(self) -> DayShare:
        """The days without the seats on them, as all else looks at them."""
        return replace(self, seats=()) if self.seats else self

    @property
    def at_opening(self) -> DayShare:
        """The same, if counts of seats never changed in the period."""
        return replace(self, seats=tuple(own.at_opening for own in self.seats)) if self.seats else self

    def renamed(self, names: Mapping[str, str]) -> DayShare:
        """Return the same with the seats of items by other names of theirs."""
        seats = tuple(replace(own, item=names.get(own.item, own.item)) for own in self.seats)
        return replace(self, seats=seats) if seats else self

    def of_item(self, name: str) -> DayShare:
        """Return the days with the seats of one item alone."""
        return replace(self, seats=tuple(own for own in self.seats if own.item == name))


WHOLE: Final = DayShare(1, 1)
"""That of a period that nothing cuts short."""


def together(shares: Sequence[DayShare]) -> DayShare:
    """Return the days of parts of one period that follow one another, as of one part."""
    return DayShare(sum(one.days for one in shares), shares[0].of_days, joined([one.seats for one in shares]))


def day_share(
    schedule: Schedule, label: str, pauses: Sequence[Pause] = (), seats: Sequence[SeatCount] = ()
) -> DayShare:
    """Return the share of its days that a contract has of a period, without those on which it is paused.

    With it come the seats on them. A day is one, also where it has 23 or 25 hours.
    """
    number = schedule.boundaries.number_labelled(label)
    if number is None:
        return WHOLE
    begins, ends = schedule.boundaries.day(number), schedule.boundaries.day(number + 1)
    first = max(begins, schedule.start)
    after = ends if schedule.end is None else min(ends, schedule.end)
    paused = sum(pause.days_in(first, after) for pause in pauses)
    own = seat_days(seats, first, first, after, pauses) if seats else ()
    return DayShare((after - first).days - paused, (ends - begins).days, own)


def goes_by_days(price: Price) -> bool:
    """Whether each share of a fixed fee, or of what seats cost, can be written exactly."""
    return places_of_fee(price) <= FEE_PLACES_MAX


def places_of_fee(price: Price) -> int:
    """Return the most decimals that the amounts of a fixed fee, or of what seats cost, have."""
    amounts = _amounts_of(price.model) if price.seats else (row.flat for row in price.model.rows(ZERO))
    return max((places_of(amount) or 0 for amount in amounts), default=0)


def _amounts_of(record: object) -> Iterator[Decimal]:
    for field in fields_of(type(record)):
        content = getattr(record, field.name)
        if isinstance(content, tuple):
            for entry in content:
                yield from _amounts_of(entry)
        elif isinstance(content, Decimal):
            yield content


def prorated(derivation: Derivation, share: DayShare, words: Words) -> Derivation:
    """Return what is charged of a fee for a share of its days, exactly; 17 of 31 days of 29.99 are 50983/3100."""
    amount = part_of(derivation.amount, share.days, share.of_days)
    told = f"{share.days} of {share.of_days} days of the period: {words.money(amount)}"
    steps = [step for step in derivation.steps if step.name is not StepName.TOTAL]
    steps += [
        Step(StepName.DAYS, told, amount),
        Step(StepName.TOTAL, f"Exact amount: {words.money(amount)}, not rounded", amount),
    ]
    return replace(derivation, amount=amount, steps=tuple(steps))


def days_of_usage(item: PlanItem, share: DayShare) -> DayShare | None:
    """Return the share of its days for which what surrounds a price for usage holds; None: it holds in full."""
    return None if share.is_whole or item.proration is Proration.NONE else share.alone


def in_days(item: PlanItem, share: DayShare) -> PlanItem:
    """Return an item that prices usage with what it has of included units, a maximum and a minimum in such a period."""
    days = days_of_usage(item, share)
    return item if days is None or item.price.is_fixed else replace(item, price=item.price.of_days(days))
