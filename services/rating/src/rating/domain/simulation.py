"""What other prices would charge for what was really used: by customer, and how all of them fare. Pure.

What stands in for a plan is priced by the code that rates, and lines are rounded as those of an invoice, so the
catalog as it is gives the charges as they are. Sums alone are kept of all customers: however many there are, they need
no more room.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.labels import days_of_label, month_after
from money import ZERO, currency, exact_arithmetic, round_to_minor_unit
from rating.domain.charges import MeterUsage, Usage
from rating.domain.fees import BETWEEN, charged_of
from rating.domain.margins import Costs, costs_of, priced_items
from rating.domain.overrides import with_overrides
from rating.domain.rated_period import (
    rate_period,
    rate_plan,
    usage_of_charge,
    usage_of_reads,
    with_discounts,
    without_advance,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from eventlog.period import Period
    from rating.domain.cell_questions import CellQuestion
    from rating.domain.charges import Charge, RatedPeriod, Terms
    from rating.domain.discounts import Discount
    from rating.domain.fees import Place
    from rating.domain.overrides import Override
    from rating.domain.plans import Plan, PlanItem
    from rating.domain.pricing.calendar import Calendar
    from rating.domain.proration import DayShare
    from rating.domain.segments import Segment

MONTHS_MAX: Final = 36
BOUNDS_PERCENT: Final = (0, 5, 10, 20, 50)
"""Where bands of changes begin."""


class Skip(StrEnum):
    """Why a period is left out; the names are those of the contract, without its prefix."""

    CURRENCY = "CURRENCY"
    NO_PLAN = "NO_PLAN"
    METER_MISSING = "METER_MISSING"


@dataclass(frozen=True, slots=True)
class HistoricPeriod:
    """A period as it is rated, with what pricing it anew needs: days, usage, and what the contract has."""

    rated: RatedPeriod
    share: DayShare
    usage: Mapping[str, MeterUsage]
    discounts: tuple[Discount, ...] = ()
    overrides: tuple[Override, ...] = ()
    place: Place = BETWEEN
    cut: Terms | None = None
    """The terms of a period that plan changes cut, with what is tried in its parts; None: nothing cuts it."""
    spans: Mapping[Period, Mapping[str, MeterUsage]] = field(default_factory=dict)
    """Usage of those parts over which `cut` prices items."""
    ruling: Mapping[tuple[str, int], Plan] = field(default_factory=dict)
    """The versions of plans that price it, and with that say what its items cost the seller."""
    tried: Mapping[tuple[str, int], Plan] = field(default_factory=dict)
    """What stands in for each of them; itself where nothing does."""

    def own(self, plan: Plan) -> Plan:
        """Return a plan as the contract would have it in the period."""
        return with_overrides(plan, self.overrides)


@dataclass(frozen=True, slots=True)
class Cheapest:
    """The plan that costs least, and what it would cost."""

    plan: str
    amount: Decimal


@dataclass(slots=True)
class ItemOutcome:
    """What an item costs and would cost."""

    now: Decimal = ZERO
    then: Decimal = ZERO
    exact_now: Fraction = Fraction(0)
    exact_then: Fraction = Fraction(0)
    costs_now: Costs = field(default_factory=Costs)
    costs_then: Costs = field(default_factory=Costs)


@dataclass(slots=True)
class PlanOutcome:
    """What the periods of a plan cost and would cost."""

    periods: int = 0
    now: Decimal = ZERO
    then: Decimal = ZERO
    costs_now: Costs = field(default_factory=Costs)
    costs_then: Costs = field(default_factory=Costs)


@dataclass(slots=True)
class CustomerOutcome:
    """What a customer pays and would pay in one currency, as printed; `plans` by the name of the plan that rules."""

    customer: str
    currency: str
    periods: int = 0
    now: Decimal = ZERO
    then: Decimal = ZERO
    items: dict[str, ItemOutcome] = field(default_factory=dict)
    plans: dict[str, PlanOutcome] = field(default_factory=dict)
    cheapest: Cheapest | None = None
    costs_now: Costs = field(default_factory=Costs)
    costs_then: Costs = field(default_factory=Costs)

    @property
    def difference(self) -> Decimal:
        """By how much more it would pay."""
        with exact_arithmetic():
            return self.then - self.now

    def add(self, period: HistoricPeriod, then: Sequence[Charge]) -> None:
        """Count a period as it is, and as other prices would have it."""
        plan = self.plans.setdefault(period.rated.plan, PlanOutcome())
        self.periods += 1
        plan.periods += 1
        self._add_now(plan, period)
        self._add_then(plan, period, then)

    def _add_now(self, plan: PlanOutcome, period: HistoricPeriod) -> None:
        items = priced_items(period.ruling)
        for charge in without_advance(period.rated.charges):
            item, amount = self.items.setdefault(charge.plan_item, ItemOutcome()), _printed(charge, self.currency)
            costs = costs_of(charge, items.of(period.rated, charge), self.currency, amount)
            with exact_arithmetic():
                item.now += amount
                item.exact_now += Fraction(charge.derivation.amount)
                plan.now += amount
                self.now += amount
            for one in (item, plan, self):
                one.costs_now.add(costs)

    def _add_then(self, plan: PlanOutcome, period: HistoricPeriod, then: Sequence[Charge]) -> None:
        items, ruling = priced_items(period.tried), priced_items(period.ruling)
        for charge in without_advance(then):
            item, amount = self.items.setdefault(charge.plan_item, ItemOutcome()), _printed(charge, self.currency)
            costs = costs_of(charge, ruling.with_cost(items.of(period.rated, charge)), self.currency, amount)
            with exact_arithmetic():
                item.then += amount
                item.exact_then += Fraction(charge.derivation.amount)
                plan.then += amount
                self.then += amount
            for one in (item, plan, self):
                one.costs_then.add(costs)


@dataclass(frozen=True, slots=True, order=True)
class Band:
    """Changes of about the same size, in percent: at least `size`, a place in `BOUNDS_PERCENT`; None: from nothing.

    Ordered from the largest fall to the largest rise: `sign` is -1, 0 or 1, and `place` follows it.
    """

    sign: int
    place: int
    size: int | None = field(compare=False)


@dataclass(slots=True)
class BandOutcome:
    """Customers of a band, and what their changes come to."""

    customers: int = 0
    difference: Decimal = ZERO


@dataclass(slots=True)
class Total:
    """How all customers of a currency fare."""

    customers: int = 0
    periods: int = 0
    now: Decimal = ZERO
    then: Decimal = ZERO
    bands: dict[Band, BandOutcome] = field(default_factory=dict)
    plans: dict[str, PlanOutcome] = field(default_factory=dict)
    costs_now: Costs = field(default_factory=Costs)
    costs_then: Costs = field(default_factory=Costs)
    losing_now: int = 0
    losing_then: int = 0
    """Customers that cost the seller more than they pay, or would pay."""

    def add(self, outcome: CustomerOutcome) -> None:
        """Count a customer."""
        band = self.bands.setdefault(band_of(outcome.now, outcome.then), BandOutcome())
        band.customers += 1
        self.customers += 1
        self.periods += outcome.periods
        self.losing_now += outcome.costs_now.margin_of(outcome.now) < ZERO
        self.losing_then += outcome.costs_then.margin_of(outcome.then) < ZERO
        self.costs_now.add(outcome.costs_now)
        self.costs_then.add(outcome.costs_then)
        with exact_arithmetic():
            self.now += outcome.now
            self.then += outcome.then
            band.difference += outcome.difference
            for name, own in outcome.plans.items():
                plan = self.plans.setdefault(name, PlanOutcome())
                plan.periods += own.periods
                plan.now += own.now
                plan.then += own.then
                plan.costs_now.add(own.costs_now)
                plan.costs_then.add(own.costs_then)


@dataclass(slots=True)
class Summary:
    """How all customers fare, by currency, and what was left out: how many periods, and one of them."""

    totals: dict[str, Total] = field(default_factory=dict)
    skipped: dict[Skip, tuple[int, str]] = field(default_factory=dict)

    def add(self, outcome: CustomerOutcome) -> None:
        """Count a customer."""
        self.totals.setdefault(outcome.currency, Total()).add(outcome)

    def skip(self, reason: Skip, contract: str, label: str) -> None:
        """Count a period that is left out."""
        count, example = self.skipped.get(reason, (0, f"{contract} {label}"))
        self.skipped[reason] = count + 1, example


def months_between(first: str, last: str, now: str) -> list[str]:
    """Return the months from one to another; empty texts stand for `now`, and for the first. Raises Refused."""
    first = first or now
    last = last or first
    for name, label in (("from_month", first), ("until_month", last)):
        if days_of_label(label) is None:
            raise Refused(name, Reason.PERIOD_INVALID, f"{label} is no month; write one such as 2013-01")
    months = [first]
    while months[-1] < last and len(months) < MONTHS_MAX:
        months.append(month_after(months[-1]))
    if months[-1] != last:
        message = f"must be {first} or later, and at most {MONTHS_MAX} months in all; ask in several calls"
        raise Refused("until_month", Reason.PERIOD_INVALID, message)
    return months


def usage_of(rated: RatedPeriod, part: Period | None = None) -> dict[str, MeterUsage]:
    """Return the usage that a period was rated by: of the meters that its plan prices, as finely as it was priced.

    With `part`, what was priced over that part of the period; without it, over all of it.
    """
    found: dict[str, MeterUsage] = {}
    for charge in (one for one in rated.charges if (one.part and one.part.period) == part):
        cells, known = charge.cells, found.get(charge.meter)
        by = () if known is None or known.cells is None else known.cells.by
        if charge.reads:
            found = {**usage_of_reads(charge), **found}
        elif charge.meter and (known is None or (cells is not None and len(cells.by) > len(by))):
            found[charge.meter] = usage_of_charge(charge)
    return found


def told_apart(used: MeterUsage | None, question: CellQuestion | None) -> bool:
    """Whether usage is known as it must be told apart; by a calendar it is not, for it may have been another one."""
    if used is None or question is None:
        return used is not None
    return used.cells is not None and not question.segments and set(question.by) <= set(used.cells.by)


def check_one_calendar(items: Iterable[PlanItem]) -> None:
    """Refuse plans that price one meter by two calendars: usage is cut for one of them."""
    found: dict[str, Calendar] = {}
    for item in items:
        if item.price.calendar and found.setdefault(item.meter, item.price.calendar) != item.price.calendar:
            text = f"the plans have several calendars for the meter {item.meter!r}; try them one by one"
            raise Refused("plan", Reason.PLAN_INVALID, text)


def meters_of(plan: Plan) -> set[str]:
    """Return the meters that a plan prices."""
    return {meter for item in plan.items for meter in item.meters}


def priced_by(plan: Plan, period: HistoricPeriod) -> tuple[Charge, ...]:
    """Return what a plan charges for the usage of a period, as its contract would have it. Raises MissingMeterError."""
    own = period.own(plan)
    charges = rate_plan(own, period.usage, period.share, charged_of(own, period.place))
    return with_discounts(charges, period.discounts, plan)


def tried_in_parts(terms: Terms, in_place_of: Callable[[str], Plan | None]) -> Terms:
    """Return the terms of a period that plan changes cut, with what stands in for the plan of each of its parts."""

    def tried(segment: Segment) -> Segment:
        plan = in_place_of(segment.plan.name)
        if plan is None:
            return segment
        return replace(segment, plan=replace(segment.plan, content=with_overrides(plan, terms.overrides)))

    segments = tuple(map(tried, terms.segments))
    return replace(terms, plan=segments[0].plan, segments=segments)


def priced_in_parts(period: HistoricPeriod, terms: Terms) -> tuple[Charge, ...]:
    """Return what the plans of the parts of a period charge for its usage. Raises MissingMeterError."""
    usage = Usage(period.usage, period.rated.as_of, spans=period.spans)
    return rate_period(terms, usage).charges


def cheapest_of(plans: Mapping[str, Plan], code: str, periods: Sequence[HistoricPeriod]) -> Cheapest | None:
    """Return the plan in a currency that charges least for some periods, of those that price all that is used there.

    Of two that cost the same, the first by name; None if there is none. None too where contracts stood beside one
    another: one plan in place of two would be counted twice, with its fees.
    """
    in_order = sorted((period.rated.period for period in periods), key=lambda period: period.start)
    if any(following.start < period.end for period, following in pairwise(in_order)):
        return None
    used = {meter for period in periods for meter, one in usage_of(period.rated).items() if one.quantity > ZERO}
    found: Cheapest | None = None
    for name, plan in sorted(plans.items()):
        if plan.currency != code or not used <= meters_of(plan):
            continue
        with exact_arithmetic():
            charges = (charge for period in periods for charge in priced_by(plan, period))
            amount = sum((_printed(charge, code) for charge in charges), ZERO)
        if found is None or amount < found.amount:
            found = Cheapest(name, amount)
    return found


def band_of(now: Decimal, then: Decimal) -> Band:
    """Return how large a change is, by the size of what is paid now."""
    with exact_arithmetic():
        change = abs(then - now)
        if not change:
            return Band(0, 0, 0)
        sign = 1 if then > now else -1
        if not now:
            return Band(sign, sign * len(BOUNDS_PERCENT), None)
        # No division: a share of 5 % is reached exactly where it is.
        place = max(place for place, bound in enumerate(BOUNDS_PERCENT) if change * 100 >= bound * abs(now))
        return Band(sign, sign * place, BOUNDS_PERCENT[place])


def _printed(charge: Charge, code: str) -> Decimal:
    return round_to_minor_unit(charge.derivation.amount, currency(code))
