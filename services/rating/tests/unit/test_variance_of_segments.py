"""Why a bill changed where plan changes cut a period: an item's charges together, as if its last plan had ruled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from eventlog.period import Period
from money import currency, round_to_minor_unit
from rating.domain.charges import Charge, MeterUsage
from rating.domain.joined_usage import joined_meters
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.price import Price
from rating.domain.pricing.tiers import Tier
from rating.domain.proration import DayShare, Proration
from rating.domain.rated_period import rate_plan
from rating.domain.segments import ChargedPart
from rating.domain.variance import CutItem, Effect, Side, totals, variances

USD = currency("USD")
START = datetime(2024, 6, 1, tzinfo=UTC)
CALLS, FEE = ("calls", "Calls"), ("", "Fee")


@dataclass(frozen=True)
class Prices:
    """0.0001 of the currency: a call up to 100, one beyond, and the month's fee."""

    low: int
    high: int
    fee: int

    @property
    def plan(self) -> Plan:
        low, high, fee = (Decimal(each).scaleb(-4) for each in (self.low, self.high, self.fee))
        ladder = Graduated((Tier(Decimal(100), low, Decimal(0)), Tier(None, high, Decimal(0))))
        calls = PlanItem("Calls", "calls", "", Price(ladder))
        return Plan("USD", (calls, PlanItem("Fee", "", "", Price(FixedFee(fee)), Proration.DAY)))

    def calls(self, quantity: Fraction) -> Fraction:
        return (min(quantity, Fraction(100)) * self.low + max(quantity - 100, Fraction(0)) * self.high) / 10_000


@dataclass(frozen=True)
class Part:
    """So many days of a month of 30, with these prices and so many calls, and those that came late."""

    days: int
    prices: Prices
    calls: int
    late: int = 0


def cut(*parts: Part, then: Prices | None = None) -> Side:
    """Return a month in parts; `then` is what its last plan says in the other month."""
    billed: list[Charge] = []
    now: list[Charge] = []
    begins = START
    for number, part in enumerate(parts):
        period = Period(begins, begins + timedelta(days=part.days))
        of = ChargedPart(period, f"plan-{number}", 1, "")
        for found, calls in ((billed, part.calls), (now, part.calls + part.late)):
            charges = rate_plan(part.prices.plan, used(calls), DayShare(part.days, 30))
            found += [replace(one, item=f"{one.item} ({number})", part=replace(of, item=one.item)) for one in charges]
        begins = period.end
    last = parts[-1].prices.plan
    together = joined_meters(used(part.calls) for part in parts)
    days = DayShare(sum(part.days for part in parts), 30)
    item = CutItem(last, days, together, last if then is None else then.plan)
    return Side(billed, now, last, days, {CALLS: item, FEE: item})


def used(calls: int) -> dict[str, MeterUsage]:
    return {"calls": MeterUsage(Decimal(calls), "call", calls)}


def test_a_plan_change_inside_the_later_month_is_of_the_plan() -> None:
    small, large = Prices(1000, 500, 500_000), Prices(2000, 2000, 1_000_000)
    before = cut(Part(30, small, 150))
    after = cut(Part(10, small, 120), Part(20, large, 180))

    calls, fee = variances(before, after, small.plan, USD)

    # 12.50 becomes 11.00 + 36.00; by the old plan 300 calls would have cost 20.00.
    assert {one.effect.value: str(one.amount) for one in calls.effects} == {
        "VOLUME": "12.50",
        "TIER": "-5.00",
        "PLAN": "27.00",
    }
    assert [side.quantity for side in (calls.before, calls.after) if side is not None] == [150, 300]
    # 50.00 becomes 16.67 + 66.67, which is a cent more than what is printed of their sum.
    assert {one.effect.value: str(one.amount) for one in fee.effects} == {"PLAN": "33.34"}
    assert fee.exact_change == Fraction(100, 3)


def test_after_a_month_in_segments_its_last_plan_goes_on() -> None:
    small, large, dearer = Prices(1000, 500, 0), Prices(2000, 2000, 0), Prices(3000, 3000, 0)
    before = cut(Part(10, small, 120), Part(20, large, 180), then=dearer)
    after = cut(Part(30, dearer, 400))

    calls, _ = variances(before, after, small.plan, USD)

    # All 300 calls by the last plan would have cost 60.00, and not the 47.00 that they cost.
    assert {one.effect.value: str(one.amount) for one in calls.effects} == {
        "VOLUME": "20.00",
        "PRICE": "40.00",
        "PLAN": "13.00",
    }


small = st.integers(0, 40_000)
prices = st.builds(Prices, small, small, small)
parts = st.builds(Part, st.integers(1, 10), prices, st.integers(0, 400), st.integers(-3, 20))
sides = st.lists(parts, min_size=1, max_size=3)


@given(sides, sides, prices)
def test_effects_are_those_of_the_definition_and_add_up(was: list[Part], is_now: list[Part], then: Prices) -> None:
    found = variances(cut(*was, then=then), cut(*is_now), then.plan, USD)

    calls, fee = found
    assert {one.effect: one.exact for one in calls.effects if one.exact} == of_calls(was, is_now, then)
    for item, old, new in ((calls, was, is_now), (fee, was, is_now)):
        costs = [[cost(part, item.meter) for part in side] for side in (old, new)]
        printed = [sum(round_to_minor_unit(one, USD) for one in side) for side in costs]
        assert item.exact_change == sum(costs[1]) - sum(costs[0])
        assert sum(one.amount for one in item.effects) == item.change == printed[1] - printed[0]
    assert sum((one.exact for one in totals(found)), Fraction(0)) == calls.exact_change + fee.exact_change


@given(sides)
def test_the_same_month_in_segments_twice_has_no_effects(one: list[Part]) -> None:
    side = cut(*one, then=one[-1].prices)

    assert [item.effects for item in variances(side, side, one[-1].prices.plan, USD)] == [(), ()]


def cost(part: Part, meter: str) -> Fraction:
    late = part.calls + part.late
    return part.prices.calls(Fraction(max(late, 0))) if meter else Fraction(part.prices.fee * part.days, 300_000)


def of_calls(was: list[Part], is_now: list[Part], then: Prices) -> dict[Effect, Fraction]:
    """The effects as docs/pricing.md says them: the last old plan for all, and what it had not ruled is the plan's."""
    old = was[-1].prices
    first, last = (Fraction(sum(part.calls for part in side)) for side in (was, is_now))
    billed = [sum((part.prices.calls(Fraction(part.calls)) for part in side), Fraction(0)) for side in (was, is_now)]
    late = [sum((cost(part, "calls") for part in side), Fraction(0)) for side in (was, is_now)]
    begins, ends = old.calls(first), old.calls(last)
    volume = begins * (last - first) / first if first else ends - begins
    effects = {
        Effect.VOLUME: volume,
        Effect.TIER: ends - begins - volume,
        Effect.PRICE: then.calls(last) - ends,
        Effect.PLAN: billed[1] - then.calls(last) + begins - billed[0],
        Effect.CORRECTION: (late[1] - billed[1]) - (late[0] - billed[0]),
    }
    return {effect: amount for effect, amount in effects.items() if amount}
