"""What credit pays of a period: each lot for what accrued on days on which it was good.

A line's printed amount after discounts is spread over the days of the period as its cost falls on them (`money.share`);
what has no day of its own - a minimum, a commitment - falls on the last one, and a fee in advance on its first. Days
are put together between those on which lots begin or end. From the first such stretch to the last, each line draws
from the lots that are good in it, in their order, until it is paid. So neither when an invoice is made nor when events
came decides what a lot pays, and what accrued before a lot expired is paid by it whenever it is billed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from money import ZERO, Currency, exact_arithmetic, share
from rating.domain.line_names import covers
from rating.domain.pricing.rows import Derivation, Step, StepName, Words
from rating.domain.wallets import OpenLot, in_order

if TYPE_CHECKING:
    from rating.domain.wallets import Lot

_ONE_DAY: Final = timedelta(days=1)
Profile = Mapping[str, Mapping[date, Decimal]]
"""By line, what of its cost falls on each day."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What a lot pays of a line for the days from `first_day` to `last_day`."""

    line: str
    first_day: date
    last_day: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a charge of a lot says: the lot, how much of it was left for the period, and what it pays."""

    lot: str
    left: Decimal
    draws: tuple[Draw, ...]

    @property
    def amount(self) -> Decimal:
        """What it pays in all."""
        with exact_arithmetic():
            return sum((draw.amount for draw in self.draws), ZERO)


@dataclass(frozen=True, slots=True)
class Line:
    """A line that credit may pay: its printed amount after discounts, and the item of the plan that it is of.

    `day` is the one on which all of it accrues; None: it accrues over the days of the period.
    """

    name: str
    item: str
    amount: Decimal
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Days:
    """The days of a period, both included."""

    first: date
    last: date


def netted(lines: Iterable[Line]) -> list[Line]:
    """Return the lines above zero, less what lines below zero take off them: of the same item first, then the last.

    So credit never pays more than all of them come to.
    """
    found = [line for line in lines if line.amount]
    rest = {line.name: line.amount for line in found if line.amount > ZERO}
    with exact_arithmetic():
        for line in found:
            short = max(-line.amount, ZERO)
            of_item = [other.name for other in found if other.item == line.item]
            for name in (*of_item, *(other.name for other in reversed(found) if other.item != line.item)):
                taken = min(short, rest.get(name, ZERO))
                if taken:
                    rest[name] -= taken
                    short -= taken
    return [replace(line, amount=rest[line.name]) for line in found if rest.get(line.name, ZERO) > ZERO]


def cuts(lots: Iterable[Lot], days: Days) -> list[date]:
    """Return the days of a period, but for its first, on which lots begin to be good, or are no longer."""
    bounds = {bound for lot in lots for bound in (lot.first_day, lot.until) if bound is not None}
    return sorted(bound for bound in bounds if days.first < bound <= days.last)


def accrued(lines: Iterable[Line], days: Days, profile: Profile, lots: Sequence[Lot], unit: Currency) -> list[Draw]:
    """Return what of each line accrues in each stretch between cuts, stretch by stretch, in the order of the lines.

    `profile` is needed where there are cuts: it says what of a line's cost falls on each day.
    """
    bounds = [days.first, *cuts(lots, days), days.last + _ONE_DAY]
    stretches = [Days(first, after - _ONE_DAY) for first, after in pairwise(bounds)]
    found: list[Draw] = []
    for line in lines:
        if line.day is not None:
            found.append(Draw(line.name, line.day, line.day, line.amount))
        elif len(stretches) == 1:
            found.append(Draw(line.name, days.first, days.last, line.amount))
        else:
            parts = _over_stretches(line, stretches, profile.get(line.name, {}), unit)
            found += [Draw(line.name, one.first, one.last, part) for one, part in zip(stretches, parts, strict=True)]
    return sorted((one for one in found if one.amount), key=lambda one: one.first_day)


def drawn(lots: Sequence[OpenLot], wanted: Iterable[Draw], items: Mapping[str, str]) -> list[Drawn]:
    """Return what each lot pays of what accrued, in the order in which lots are drawn.

    `items` has that of each line.
    """
    ordered = in_order(lots)
    left = {one.lot.id: one.left for one in ordered}
    paid: dict[str, list[Draw]] = {one.lot.id: [] for one in ordered}
    with exact_arithmetic():
        for want in wanted:
            lacking = want.amount
            for lot in (one.lot for one in ordered):
                if _is_good(lot, want) and covers(lot.items, items[want.line]):
                    taken = min(lacking, left[lot.id])
                    if taken > ZERO:
                        paid[lot.id].append(replace(want, amount=taken))
                        left[lot.id] -= taken
                        lacking -= taken
    return [Drawn(one.lot.id, one.left, tuple(paid[one.lot.id])) for one in ordered]


def changes(before: Iterable[Draw], after: Iterable[Draw]) -> list[Draw]:
    """Return by what draws differ from those before them: below zero what is given back."""
    found: dict[tuple[str, date, date], Decimal] = {}
    with exact_arithmetic():
        for draws, sign in ((after, 1), (before, -1)):
            for draw in draws:
                key = (draw.line, draw.first_day, draw.last_day)
                found[key] = found.get(key, ZERO) + sign * draw.amount
    return [Draw(*key, amount) for key, amount in found.items() if amount]


def derivation_of(lot: Lot, of: Drawn, words: Words) -> Derivation:
    """Return what a lot takes off a period, and how that came about; it is a printed amount, below zero or zero."""
    ends = "it does not expire" if lot.until is None else f"good before {lot.until}"
    told = f"Left of {words.money(lot.amount)} ({ends}): {words.money(of.left)}"
    steps = [Step(StepName.BASE, told, of.left)]
    for draw in of.draws:
        days = f"{draw.first_day}" if draw.first_day == draw.last_day else f"{draw.first_day} to {draw.last_day}"
        steps.append(Step(StepName.CREDIT, f"Pays for {draw.line}, {days}: {words.money(draw.amount)}", draw.amount))
    amount = -of.amount if of.draws else ZERO
    steps.append(Step(StepName.TOTAL, f"Amount: {words.money(amount)}", amount))
    return Derivation(amount, (), tuple(steps))


def _is_good(lot: Lot, want: Draw) -> bool:
    return lot.first_day <= want.first_day and (lot.until is None or want.last_day < lot.until)


def _over_stretches(
    line: Line, stretches: Sequence[Days], by_day: Mapping[date, Decimal], unit: Currency
) -> list[Decimal]:
    """Share a line's amount by its cost on each day, below zero counting as zero; without any, it is of the last."""
    days = sorted(day for day, cost in by_day.items() if cost > ZERO)
    if not days:
        return [*[ZERO] * (len(stretches) - 1), line.amount]
    parts = dict(zip(days, share(line.amount, [by_day[day] for day in days], unit), strict=True))
    with exact_arithmetic():
        return [sum((part for day, part in parts.items() if one.first <= day <= one.last), ZERO) for one in stretches]
