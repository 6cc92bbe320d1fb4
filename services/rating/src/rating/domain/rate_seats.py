"""What seats cost: each day its share of the price of its whole count, exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from money import ZERO, exact_arithmetic, exact_of, format_exact, part_of, total
from rating.domain.charges import Charge, ChargeKind
from rating.domain.pricing.rows import Derivation, Step, StepName, TierRow, Words, amount_of
from rating.domain.pricing.seats import SeatRule
from rating.domain.seats import UNIT, SeatDays, SeatRun, constant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from money import Exact
    from rating.domain.plans import PlanItem
    from rating.domain.pricing.price import Price
    from rating.domain.proration import DayShare


@dataclass(frozen=True, slots=True)
class ChargedRun:
    """Days one after the other on which the same count is charged, and what it costs a whole period."""

    first: date | None
    days: int
    count: int
    price: Decimal

    def cost(self, of_days: int, days: int | None = None) -> Exact:
        """Return what its days, or the first so many of them, cost of a period of `of_days`."""
        return part_of(self.price, self.days if days is None else days, of_days)


def charge_of_seats(item: PlanItem, currency: str, share: DayShare) -> Charge:
    """Price the seats of an item on the days of a period, or a part of it."""
    own = share.of_item(item.name)
    runs = charged_runs(item.price, own.seats)
    derivation = _derivation(item.price, runs, own.of_days, Words(UNIT, currency))
    closing = Decimal(runs[-1].count if runs else 0)
    return Charge(item.name, ChargeKind.FIXED, "", UNIT, closing, 0, derivation, share=own)


def seats_at(price: Price, count: int, currency: str) -> Derivation:
    """Return what a count costs that does not change in a whole period."""
    return _derivation(price, charged_runs(price, (constant("", count),)), 1, Words(UNIT, currency))


def charged_runs(price: Price, own: Sequence[SeatDays]) -> tuple[ChargedRun, ...]:
    """Return which count is charged when; `own` are the days of one item, none where it has no seats."""
    rule, found = price.seats or SeatRule(), list[ChargedRun]()
    with exact_arithmetic():
        for days in own:
            for run in days.runs:
                count = rule.charged(run, days)
                if found and found[-1].count == count and _goes_on(found[-1], run):
                    found[-1] = replace(found[-1], days=found[-1].days + run.days)
                else:
                    found.append(ChargedRun(run.first, run.days, count, price_of_count(price, count)))
    return tuple(found)


def price_of_count(price: Price, count: int) -> Decimal:
    """Return what so many seats cost a whole period."""
    amount = amount_of(price.model.rows(Decimal(count)))
    for adjustment in price.adjustments:
        amount, _ = adjustment.apply(amount, Words("", ""))
    if not isinstance(amount, Decimal):
        message = f"{count} seats cost {amount}, which no decimal holds"
        raise TypeError(message)
    return amount


def average(runs: Sequence[ChargedRun], of_days: int) -> Exact:
    """Return how many seats are charged over the days of a whole period."""
    return exact_of(Fraction(sum(run.count * run.days for run in runs), of_days))


def _goes_on(charged: ChargedRun, run: SeatRun) -> bool:
    return charged.first is not None and run.first == charged.first + timedelta(days=charged.days)


def _derivation(price: Price, runs: Sequence[ChargedRun], of_days: int, words: Words) -> Derivation:
    with exact_arithmetic():
        charged = [run for run in runs if run.count]
        rows = tuple(_row(run, of_days) for run in charged)
        steps = [step for run in charged for step in _told(price, run, of_days, words)]
        if not charged:
            steps.append(Step(StepName.SEATS, "The contract has no seats on its days", ZERO))
        priced = average(runs, of_days)
        if runs and priced != runs[-1].count:
            days = f"over the {of_days} days of the period" if of_days > 1 else "of the period"
            steps.append(Step(StepName.CONVERTED, f"{format_exact(priced)} seats on average {days}", priced))
        amount = total(row.amount for row in rows)
        steps.append(Step(StepName.TOTAL, f"Exact amount: {words.money(amount)}, not rounded", amount))
        return Derivation(amount, rows, tuple(steps))


def _row(run: ChargedRun, of_days: int) -> TierRow:
    share = exact_of(Fraction(run.days, of_days))
    return TierRow(None, share, run.price, ZERO, run.cost(of_days), row=_named(run))


def _told(price: Price, run: ChargedRun, of_days: int, words: Words) -> Iterator[Step]:
    """Yield what the count of a run costs, and which share of it its days are."""
    cost = run.cost(of_days)
    rows = price.model.rows(Decimal(run.count))
    texts = [step.text for step in price.model.tell(rows, Decimal(run.count), words)]
    amount = amount_of(rows)
    for adjustment in price.adjustments:
        amount, told = adjustment.apply(amount, words)
        texts += [step.text for step in told]
    text = f"{_named(run)}: {words.money(run.price)} a period ({'; '.join(texts)})"
    if run.days != of_days:
        text += f"; {run.days} of {of_days} days of it: {words.money(cost)}"
    yield Step(StepName.SEATS, text, cost)


def _named(run: ChargedRun) -> str:
    seats = f"{run.count} {'seat' if run.count == 1 else UNIT}"
    if run.first is None:
        return seats
    last = run.first + timedelta(days=run.days - 1)
    return f"{seats}, {run.first} to {last}"
