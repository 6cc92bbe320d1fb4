"""A share of an amount of money and, if it says so, a fee for each event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO, Exact, format_decimal, times, total
from rating.domain.pricing.model import PriceModel, check_not_negative
from rating.domain.pricing.rows import Step, StepName, TierRow, Words, single_row
from rating.domain.pricing.shares import HUNDRED, check_share, of_one, percent_said


@dataclass(frozen=True, slots=True)
class Percentage(PriceModel):
    """`rate` percent of the quantity, which is an amount in the plan's currency.

    And `fee` for each event above zero but for `free_events` of them; or, of each such event, share and fee together
    but no less than `event_minimum` and no more than `event_maximum`. An event of zero or below has its share alone.
    """

    KIND: ClassVar[str] = "percentage"
    IS_OF_MONEY: ClassVar[bool] = True

    rate: Decimal
    fee: Decimal = ZERO
    free_events: Decimal = ZERO
    event_minimum: Decimal | None = None
    event_maximum: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse what is no share, and fees that contradict each other."""
        check_share("rate", self.rate)
        for field in ("fee", "free_events", "event_minimum", "event_maximum"):
            check_not_negative(field, getattr(self, field) or ZERO)
        if self.free_events != self.free_events.to_integral_value():
            raise _refused("free_events", "is a number of events; write a whole one")
        if self.free_events and (self.is_clamped or not self.fee):
            text = (
                "needs a fee, and no eventMinimum or eventMaximum: which events were free would depend on their order"
            )
            raise _refused("free_events", text)
        least, most = self.event_minimum, self.event_maximum
        if least is not None and most is not None and least > most:
            raise _refused("event_minimum", f"is above the eventMaximum of {format_decimal(most)}; lower it")

    @property
    def is_clamped(self) -> bool:
        """Whether what an event costs has bounds."""
        return self.event_minimum is not None or self.event_maximum is not None

    @property
    def needs_events(self) -> bool:
        """Whether the sum alone does not say what it costs."""
        return bool(self.fee) or self.is_clamped

    @property
    def prices_events(self) -> bool:
        """Whether it has fees: without, it costs the same, whatever the scope."""
        return self.needs_events

    @property
    def takes_included_of_events(self) -> bool:
        """Whether an amount may be included: with clamps it would depend on the order of events."""
        return not self.is_clamped

    @property
    def of_single_events(self) -> PriceModel:
        """The same without events that bear no fee."""
        return replace(self, free_events=ZERO)

    @property
    def event_bounds(self) -> Sequence[Fraction]:
        """The values at which a clamp begins or ends to hold."""
        clamps = [clamp for clamp in (self.event_minimum, self.event_maximum) if clamp is not None]
        if not self.rate:
            return []
        return [(Fraction(clamp) - Fraction(self.fee)) * Fraction(HUNDRED) / Fraction(self.rate) for clamp in clamps]

    def of_event(self, value: Exact) -> Exact:
        """Return what an event costs: one of zero or below its share alone, which it takes back."""
        share = times(value, of_one(self.rate))
        if value <= ZERO:
            return share
        cost = total((share, self.fee))
        cost = cost if self.event_minimum is None else max(cost, self.event_minimum)
        return cost if self.event_maximum is None else min(cost, self.event_maximum)

    def rows(self, quantity: Exact) -> tuple[TierRow, ...]:
        """Return the whole amount at its share."""
        return single_row(None, quantity, of_one(self.rate))

    def said(self, words: Words) -> Iterator[str]:
        """Yield the share, and the fees."""
        yield f"It costs {percent_said(self.rate)} of the amount in {words.unit or words.currency}."
        if self.fee:
            free = f" beyond {format_decimal(self.free_events)} of them" if self.free_events else ""
            yield f"For each event above zero{free} it costs {words.money(self.fee)} more."
        if self.event_minimum is not None:
            yield f"Each such event costs at least {words.money(self.event_minimum)}."
        if self.event_maximum is not None:
            yield f"Each such event costs at most {words.money(self.event_maximum)}."

    def tell(self, rows: Sequence[TierRow], quantity: Exact, words: Words) -> Iterator[Step]:
        """Yield the share of the amount."""
        for row in rows:
            yield Step(StepName.TIER, f"{percent_said(self.rate)} of {words.units(quantity)}", row.amount)


def _refused(field: str, text: str) -> Refused:
    return Refused(field, Reason.PRICE_INVALID, text)
