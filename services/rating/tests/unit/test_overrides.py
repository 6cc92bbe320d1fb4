"""Prices that a contract has of its own, against the same plan written with these prices."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from rating.domain.billing_period import Schedule, period_labelled
from rating.domain.cells import Cell, Cells
from rating.domain.charges import MeterUsage, Terms, Usage
from rating.domain.contracts import Contract
from rating.domain.overrides import Override, check_kept_overrides, check_overridden, ruling, with_overrides
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.adjust import Included, Maximum, Minimum
from rating.domain.pricing.calendar import Calendar, CalendarClass
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.per_key import PerKey
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.pricing.rows import StepName
from rating.domain.pricing.spread import Ladder
from rating.domain.pricing.tiers import Tier
from rating.domain.proration import DayShare, Proration
from rating.domain.rated_period import rate_period, rate_plan
from rating.domain.soundness import is_rated_by, is_sound
from rating.domain.versions import Version
from rating.store.documents import price_from_document, price_to_document

START = date(2024, 5, 15)
SCHEDULE = Schedule(START, None, 1, "Europe/Vienna")
LADDER = Graduated((Tier(Decimal(100), Decimal("0.10"), Decimal(0)), Tier(None, Decimal("0.05"), Decimal(2))))
PLAN = Plan(
    "USD",
    (
        PlanItem("Calls", "calls", "", Price(PerUnit(Decimal("0.05")), (Maximum(Decimal(50)), Minimum(Decimal(1))))),
        PlanItem("Data", "data", "", Price(LADDER, (Included(Decimal(10)),))),
        PlanItem("Fee", "", "", Price(FixedFee(Decimal("30.00"))), Proration.DAY),
    ),
)


def override(item: str, change: Price | str, start: date = START, until: str = "") -> Override:
    price, factor = (change, None) if isinstance(change, Price) else (None, Decimal(change))
    return Override(item, price, factor, start, date.fromisoformat(until) if until else None)


def fee(amount: str) -> Price:
    return Price(FixedFee(Decimal(amount)))


def amounts(plan: Plan, calls: str, data: str, share: DayShare) -> list[Fraction]:
    usage = {"calls": MeterUsage(Decimal(calls), "", 1), "data": MeterUsage(Decimal(data), "", 1)}
    return [Fraction(charge.derivation.amount) for charge in rate_plan(plan, usage, share)]


def oracle(
    calls: Fraction, data: Fraction, factors: tuple[Fraction, Fraction, Fraction], share: Fraction
) -> list[Fraction]:
    by_call = min(max(calls, Fraction(0)) / 20 * factors[0], Fraction(50))
    beyond = max(data - 10, Fraction(0))
    ladder = beyond / 10 if beyond <= 100 else 10 + (beyond - 100) / 20 + 2
    return [max(by_call, Fraction(1)), ladder * factors[1], 30 * factors[2] * share]


QUANTITIES = st.decimals("-5", "5000", places=2)
FACTORS = st.decimals("0", "3", places=3)


@settings(max_examples=300, deadline=None)
@given(QUANTITIES, QUANTITIES, st.tuples(FACTORS, FACTORS, FACTORS), st.integers(0, 31))
def test_a_multiplier_is_of_what_the_model_says_before_maximum_and_minimum(
    calls: Decimal, data: Decimal, factors: tuple[Decimal, Decimal, Decimal], days: int
) -> None:
    own = [override(item.name, str(factor)) for item, factor in zip(PLAN.items, factors, strict=True)]

    found = amounts(with_overrides(PLAN, own), str(calls), str(data), DayShare(days, 31))

    of_each = (Fraction(factors[0]), Fraction(factors[1]), Fraction(factors[2]))
    assert found == oracle(Fraction(calls), Fraction(data), of_each, Fraction(days, 31))


def test_the_worked_example() -> None:
    plan = Plan("USD", (PlanItem("Calls", "calls", "", Price(PerUnit(Decimal("0.05")))),))
    changed = with_overrides(plan, [override("Calls", "0.9")])
    (charge,) = rate_plan(changed, {"calls": MeterUsage(Decimal(150), "call", 1)})

    assert charge.derivation.amount == Decimal("6.75")
    told = [step.text for step in charge.derivation.steps if step.name is StepName.MULTIPLIER]
    assert told == ["The customer's own price: 7.5 USD times 0.9 is 6.75 USD"]
    assert is_sound(charge, changed.items[0], "USD")
    assert not is_sound(charge, plan.items[0], "USD")


def test_another_price_stands_in_place_of_that_of_the_plan_and_is_multiplied_too() -> None:
    other = Price(PerUnit(Decimal("0.02")))
    same = replace(
        PLAN, items=(replace(PLAN.items[0], price=other), PLAN.items[1], replace(PLAN.items[2], price=fee("20")))
    )

    own = [override("Calls", other), override("Fee", fee("20")), override("Gone", "0")]

    assert with_overrides(PLAN, own) == same
    (calls, *_) = amounts(with_overrides(PLAN, [*own, override("Calls", "0.5")]), "100", "0", DayShare(1, 1))
    assert calls == 1
    # A price that the item can't have any more, since it is a fee by now, does nothing.
    assert with_overrides(PLAN, [override("Fee", other)]) == PLAN


def test_parts_are_multiplied_together() -> None:
    price = Price(LADDER, (Maximum(Decimal(20)),), spread=PerKey(("region",), Ladder.OWN)).multiplied(Decimal("0.5"))
    cells = Cells(("region",), (Cell(("eu",), Decimal(100), 1), Cell(("us",), Decimal(200), 1)))
    usage = MeterUsage(Decimal(300), "", 2, adds_up=True, cells=cells)

    (charge,) = rate_plan(Plan("USD", (PlanItem("Calls", "calls", "", price),)), {"calls": usage})

    # 10 and 17; half of it is below the maximum, which is not halved.
    assert charge.derivation.amount == Decimal("13.5")


def test_it_rules_the_periods_that_start_on_its_days_other_prices_first() -> None:
    spring = override("Calls", "0.5", date(2024, 6, 1), "2024-08-01")
    price = override("Calls", Price(PerUnit(Decimal(1))))
    periods = [period_labelled(SCHEDULE, label) for label in ("2024-05", "2024-06", "2024-07", "2024-08")]

    assert [len(ruling([spring], period, SCHEDULE.zone)) for period in periods if period] == [0, 1, 1, 0]
    (_, june, *_) = periods
    assert june is not None
    assert ruling([spring, price], june, SCHEDULE.zone) == (price, spring)


CLOCK = Calendar((CalendarClass("night", ends=360),), "day")


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        (Override("Calls", None, None, START, None), "overrides[0].change", "a price or a multiplier"),
        (override("Calls", "-0.1"), "overrides[0].multiplier", "not be below zero"),
        (override("Calls", "0.1234567"), "overrides[0].multiplier", "at most 6 decimals"),
        (override("Calls", "1", until="2024-05-15"), "overrides[0].until", "later than 2024-05-15"),
        (override("Calls", "1", date(2024, 5, 14)), "overrides[0].start", "a day of the contract"),
        (
            override("Calls", Price(PerUnit(Decimal(1)), spread=PerKey(("calendar",), Ladder.OWN), calendar=CLOCK)),
            "overrides[0].usage.calendar",
            "leave it out",
        ),
    ],
)
def test_what_is_no_price_is_refused(wrong: Override, field: str, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        Contract("k", "plan", None, SCHEDULE, overrides=(wrong,))

    assert refused.value.field == field


def test_an_item_has_one_price_and_one_multiplier_at_a_time() -> None:
    first, second = override("Calls", "0.9", until="2024-07-01"), override("Calls", "0.8")

    with pytest.raises(Refused, match="gives 'Calls' a second multiplier for the same time"):
        Contract("k", "plan", None, SCHEDULE, overrides=(first, second))
    Contract("k", "plan", None, SCHEDULE, overrides=(first, replace(second, start=date(2024, 7, 1))))
    Contract("k", "plan", None, SCHEDULE, overrides=(first, override("Calls", fee("1"))))


def test_it_is_of_an_item_that_the_plan_has_and_of_its_kind() -> None:
    with pytest.raises(Refused, match="no item 'Call'; its items: Calls, Data, Fee"):
        check_overridden([override("Call", "1")], [PLAN])
    with pytest.raises(Refused, match="'Fee' is a fixed fee; write its price so"):
        check_overridden([override("Fee", Price(PerUnit(Decimal(1))))], [PLAN])
    with pytest.raises(Refused, match="'Calls' is priced by usage; write its price so"):
        check_overridden([override("Calls", fee("1"))], [PLAN])
    with pytest.raises(Refused, match="at most 6 decimals") as second:
        check_overridden([None, override("Fee", fee("0.1234567"))], [PLAN])
    assert second.value.field == "overrides[1].fixed"
    check_overridden([override("Calls", "1"), override("Fee", "0.5")], [PLAN])


def test_what_is_rated_permanently_keeps_its_prices() -> None:
    may = period_labelled(SCHEDULE, "2024-05")
    assert may is not None
    before, after = [override("Calls", "0.9")], [override("Calls", "0.9", until="2024-06-01")]

    check_kept_overrides([may], SCHEDULE.zone, before, after)
    with pytest.raises(Refused, match="2024-05 is already rated permanently, and keeps its prices"):
        check_kept_overrides([may], SCHEDULE.zone, before, [override("Calls", "0.8")])


def test_a_price_is_read_as_it_was_written() -> None:
    for item in PLAN.items:
        assert price_from_document(price_to_document(item.price)) == item.price


def test_a_ramp_is_a_list_of_overrides_that_follow_one_another() -> None:
    schedule = Schedule(date(2024, 1, 1), None, 1, "Europe/Vienna")
    bounds = [date(2024, 1, 1), date(2025, 1, 1), date(2026, 1, 1), date(2027, 1, 1)]
    ramp = tuple(
        override("Fee", fee(amount), start, until.isoformat())
        for amount, start, until in zip(("1000", "1500", "2000"), bounds, bounds[1:], strict=False)
    )
    contract = Contract("c", "p", None, schedule, overrides=ramp)

    def charged(label: str) -> Fraction:
        period = period_labelled(schedule, label)
        assert period is not None
        plan = with_overrides(PLAN, ruling(contract.overrides, period, schedule.zone))
        return amounts(plan, "0", "0", DayShare(1, 1))[-1]

    labels = ("2024-01", "2024-12", "2025-01", "2025-12", "2026-01", "2026-12", "2027-01")
    assert [charged(label) for label in labels] == [1000, 1000, 1500, 1500, 2000, 2000, 30]


def test_charges_are_kept_only_while_the_prices_of_the_contract_are_the_same() -> None:
    june = period_labelled(SCHEDULE, "2024-06")
    assert june is not None

    def terms(*own: Override) -> Terms:
        plan = Version("plan", 1, june.start, with_overrides(PLAN, own))
        return Terms("c", "k", june, SCHEDULE.zone, plan, overrides=own)

    usage = {"calls": MeterUsage(Decimal(100), "", 1), "data": MeterUsage(Decimal(50), "", 1)}
    rated = rate_period(terms(), Usage(usage, AsOf("e", {})))

    assert is_rated_by(rated, terms())
    assert not is_rated_by(rated, terms(override("Calls", "0.9")))
    assert not is_rated_by(rated, terms(override("Fee", fee("20"))))
