"""Discounts: what they take of printed charges, against an oracle that keeps a list of what is left."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from money import currency, round_to_minor_unit
from rating.domain.billing_period import Schedule, period_labelled
from rating.domain.charges import MeterUsage, RatedPeriod, Terms, Usage
from rating.domain.contracts import Contract
from rating.domain.discounts import (
    Discount,
    check_discounted,
    check_kept_discounts,
    first_day_after_periods,
    reductions,
    ruling,
)
from rating.domain.plans import ItemDraft, Plan, PlanDraft, PlanItem
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.proration import WHOLE
from rating.domain.rated_period import rate_period
from rating.domain.soundness import is_rated_by
from rating.domain.variance import Effect, Side, variances
from rating.domain.versions import Version
from rating.wire.variance import EFFECTS

START = date(2024, 5, 15)
SCHEDULE = Schedule(START, None, 1, "Europe/Vienna")
USD = currency("USD")
JUNE = period_labelled(SCHEDULE, "2024-06")


def discount(
    name: str, percent: str = "", amount: str = "", items: tuple[str, ...] = (), start: date = START, until: str = ""
) -> Discount:
    return Discount(
        name,
        Decimal(percent) if percent else None,
        Decimal(amount) if amount else None,
        items,
        start,
        date.fromisoformat(until) if until else None,
    )


def taken(discounts: list[Discount], **printed: str) -> list[Fraction]:
    lines = {name: Decimal(amount) for name, amount in printed.items()}
    return [Fraction(one.derivation.amount) for one in reductions(discounts, lines, USD)]


def test_each_takes_of_what_those_before_it_left() -> None:
    tenth = discount("Ten", percent="10")

    assert taken([tenth, replace(tenth, name="Again")], a="100.00") == [-10, -9]
    # The sum is rounded once, so half cents of lines are not lost: 10 % of 0.05 is 0.005.
    assert taken([tenth], a="0.05") == [Fraction(-5, 1000)]
    # The first takes 0.01 of the 0.05 in print, and 0.04 is left.
    assert taken([tenth, discount("Rest", percent="100")], a="0.05") == [Fraction(-5, 1000), Fraction(-4, 100)]
    assert taken([discount("More", amount="500")], a="90.01", b="9.99") == [-100]
    assert taken([discount("Whole", percent="100"), discount("More", amount="5")], a="7.00") == [-7, 0]
    assert taken([discount("Nothing there", percent="50", items=("c",))], a="7.00") == [0]


def test_what_a_discount_of_several_items_takes_is_shared_by_what_is_left_of_them() -> None:
    of_all = discount("Twenty", amount="20.00")
    lines = {"a": "90.01", "b": "50.00", "c": "33.33"}

    rests = [
        Fraction(amount) + taken([of_all, discount("Rest", percent="100", items=(name,))], **lines)[1]
        for name, amount in lines.items()
    ]

    assert rests == [Fraction("10.38"), Fraction("5.77"), Fraction("3.85")]


def nearest_cent(amount: Fraction) -> int:
    """Half away from zero; no amount here is below zero."""
    return (2 * amount.numerator * 100 + amount.denominator) // (2 * amount.denominator)


def oracle(discounts: list[Discount], cents: dict[str, int]) -> list[Fraction]:
    """Give each discount away cent by cent: to whom it owes most, the earlier first."""
    rest, found = dict(cents), []
    for one in discounts:
        names = [name for name in rest if not one.items or name in one.items]
        base = sum(rest[name] for name in names)
        if one.percent is not None:
            exact = Fraction(base, 100) * Fraction(one.percent) / 100
        else:
            exact = min(Fraction(one.amount or 0), Fraction(base, 100))
        found.append(-exact)
        whole = nearest_cent(exact)
        owed = {name: Fraction(whole * rest[name], base) if base else Fraction(0) for name in names}
        given_away = {name: owed[name].numerator // owed[name].denominator for name in names}
        for _ in range(whole - sum(given_away.values())):
            neediest = max(names, key=lambda name: (owed[name] - given_away[name], -names.index(name)))
            given_away[neediest] += 1
        for name in names:
            rest[name] -= given_away[name]
    return found


NAMES = ("a", "b", "c", "d")
DISCOUNTS = st.builds(
    lambda percent, amount, items, is_percent: Discount(
        "any", percent if is_percent else None, None if is_percent else amount, items, START, None
    ),
    st.decimals("0.001", "100", places=3),
    st.decimals("0.01", "400", places=2),
    st.sets(st.sampled_from(NAMES), max_size=3).map(lambda names: tuple(sorted(names))),
    st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from(NAMES), st.integers(0, 20_000), min_size=1),
    st.lists(DISCOUNTS, max_size=5),
)
def test_as_the_oracle_that_gives_cents_away(cents: dict[str, int], discounts: list[Discount]) -> None:
    printed = {name: Decimal(amount).scaleb(-2) for name, amount in cents.items()}

    found = reductions(discounts, printed, USD)

    assert [Fraction(one.derivation.amount) for one in found] == oracle(discounts, cents)
    total = sum(printed.values()) + sum(round_to_minor_unit(one.derivation.amount, USD) for one in found)
    assert 0 <= total <= sum(printed.values())


PLAN = Plan(
    "USD",
    (
        PlanItem("Calls", "calls", "", Price(PerUnit(Decimal("0.005")))),
        PlanItem("Fee", "", "", Price(FixedFee(Decimal("10.00")))),
    ),
)


def terms(*discounts: Discount) -> Terms:
    assert JUNE is not None
    plan = Version("plan", 1, JUNE.start, PLAN)
    return Terms("c", "k", JUNE, SCHEDULE.zone, plan, discounts=ruling(discounts, JUNE, SCHEDULE.zone))


def rated(calls: str, *discounts: Discount) -> RatedPeriod:
    usage = Usage({"calls": MeterUsage(Decimal(calls), "call", 1)}, AsOf("e", {}))
    return rate_period(terms(*discounts), usage)


def test_items_come_before_the_contract_and_each_is_a_charge_of_its_own() -> None:
    period = rated("1001", discount("All", percent="50"), discount("Off fees", amount="4", items=("Fee",)))

    amounts = {charge.item: Fraction(charge.derivation.amount) for charge in period.charges}
    # 5.005 is 5.01 in print; 4 off the fee leave 6; half of 11.01.
    assert amounts == {
        "Calls": Fraction("5.005"),
        "Fee": 10,
        "Discount: Off fees": -4,
        "Discount: All": Fraction("-5.505"),
    }
    assert list(amounts) == ["Calls", "Fee", "Discount: Off fees", "Discount: All"]
    told = [step.text for step in period.charges[-1].derivation.steps]
    assert told[0] == "Taken off what is left of Calls 5.01 USD, Fee 6 USD: 11.01 USD"
    assert told[1] == "All: 50 % off"


def test_charges_are_kept_only_while_the_discounts_are_the_same() -> None:
    one = discount("All", percent="50")
    period = rated("100", one)

    assert is_rated_by(period, terms(one))
    assert not is_rated_by(period, terms())
    assert not is_rated_by(period, terms(replace(one, percent=Decimal(49))))
    assert not is_rated_by(rated("100"), terms(one))
    assert is_rated_by(rated("100"), terms())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=5), st.lists(DISCOUNTS, max_size=3, unique_by=str))
def test_late_usage_ends_at_what_early_usage_costs(batches: list[int], found: list[Discount]) -> None:
    """Each line bills the rounded amount of now less what was billed: its sum is the rounded amount of the last."""
    named = [replace(one, name=str(place), items=()) for place, one in enumerate(found)]
    billed: dict[str, Decimal] = {}
    for number in range(1, len(batches) + 1):
        for charge in rated(str(sum(batches[:number])), *named).charges:
            now = round_to_minor_unit(charge.derivation.amount, USD)
            billed[charge.item] = billed.get(charge.item, Decimal(0)) + (now - billed.get(charge.item, Decimal(0)))

    calls = (Decimal(sum(batches)) * Decimal("0.005")).quantize(Decimal("0.01"), ROUND_HALF_UP)
    cents = {"Calls": int(calls * 100), "Fee": 1000}
    expected = [-Fraction(nearest_cent(-amount), 100) for amount in oracle(named, cents)]
    assert [Fraction(billed[f"Discount: {one.name}"]) for one in named] == expected


def test_a_discount_rules_the_periods_that_start_on_its_days() -> None:
    one = discount("Spring", percent="5", start=date(2024, 6, 1), until="2024-08-01")
    labels = ["2024-05", "2024-06", "2024-07", "2024-08"]
    periods = [period_labelled(SCHEDULE, label) for label in labels]

    assert [bool(ruling([one], period, SCHEDULE.zone)) for period in periods if period] == [False, True, True, False]


def test_a_number_of_periods_is_counted_from_the_first_that_starts_then() -> None:
    assert first_day_after_periods(SCHEDULE, START, 1) == date(2024, 6, 1)
    assert first_day_after_periods(SCHEDULE, START, 3) == date(2024, 8, 1)
    assert first_day_after_periods(SCHEDULE, date(2024, 6, 2), 2) == date(2024, 9, 1)
    ended = replace(SCHEDULE, end=date(2024, 6, 10))
    with pytest.raises(Refused, match="no period of the contract starts on 2024-06-02 or later"):
        first_day_after_periods(ended, date(2024, 6, 2), 1)


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        (discount("x"), "discounts[0]", "one of percent, amount, usage"),
        (discount("x", percent="1", amount="1"), "discounts[0]", "one of percent, amount, usage"),
        (discount("x", percent="100.1"), "discounts[0].percent", "at most 100"),
        (discount("x", percent="0"), "discounts[0].percent", "above 0"),
        (discount("x", amount="0"), "discounts[0].amount", "above 0"),
        (discount("x", percent="1", until="2024-05-15"), "discounts[0].until", "later than 2024-05-15"),
        (discount("x", percent="1", start=date(2024, 5, 14)), "discounts[0].start", "a day of the contract"),
        (discount("x", percent="1", items=("a", "a")), "discounts[0].items", "twice"),
    ],
)
def test_what_is_no_discount_is_refused(wrong: Discount, field: str, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        Contract("k", "plan", None, SCHEDULE, discounts=(wrong,))

    assert refused.value.field == field


def test_a_name_stands_once_at_an_instant() -> None:
    first, second = discount("x", percent="1", until="2024-07-01"), discount("x", percent="2")

    with pytest.raises(Refused, match="stands twice for the same time"):
        Contract("k", "plan", None, SCHEDULE, discounts=(first, second))
    Contract("k", "plan", None, SCHEDULE, discounts=(first, replace(second, start=date(2024, 7, 1))))


def test_a_discount_is_of_items_that_the_plan_has_in_amounts_that_can_be_paid() -> None:
    with pytest.raises(Refused, match="no item 'Call'; its items: Calls, Fee"):
        check_discounted([discount("x", percent="1", items=("Call",))], [PLAN], USD)
    with pytest.raises(Refused, match="at most 2 decimals in USD"):
        check_discounted([discount("x", amount="0.005")], [PLAN], USD)
    check_discounted([discount("x", amount="0.5", items=("Calls",))], [PLAN], USD)
    # One that is not looked at, for it was of the plan before, has its place all the same.
    with pytest.raises(Refused) as second:
        check_discounted([None, discount("y", percent="1", items=("Call",))], [PLAN], USD)
    assert second.value.field == "discounts[1].items"


def test_no_item_of_a_plan_is_named_like_a_discount() -> None:
    with pytest.raises(Refused, match="lines of discounts do"):
        PlanDraft("USD", (ItemDraft("Discount: Spring", "m", "", Price(PerUnit(Decimal(1)))),))


def test_a_period_that_is_rated_permanently_keeps_its_discounts() -> None:
    assert JUNE is not None
    one = discount("Spring", percent="5")

    check_kept_discounts([JUNE], SCHEDULE.zone, [one], [replace(one, until=date(2024, 7, 1))])
    check_kept_discounts([JUNE], SCHEDULE.zone, [], [replace(one, start=date(2024, 7, 1))])
    for changed in ([], [replace(one, percent=Decimal(6))], [one, replace(one, name="More")]):
        with pytest.raises(Refused, match="2024-06 is already rated permanently"):
            check_kept_discounts([JUNE], SCHEDULE.zone, [one], changed)


def test_a_change_of_discounts_is_an_effect_of_its_own() -> None:
    before = rated("100", discount("P", percent="10"), discount("S", amount="4", items=("Fee",)))
    after = rated("0", discount("P", percent="10"))
    sides = [Side(one.charges, one.charges, PLAN, WHOLE) for one in (before, after)]

    found = variances(sides[0], sides[1], PLAN, USD)

    effects = {one.item: {each.effect: each.exact for each in one.effects} for one in found}
    # 0.50 less usage; a tenth of 6.50, then of 10; the 4 off the fee are gone.
    assert effects == {
        "Calls": {Effect.VOLUME: Fraction(-1, 2)},
        "Fee": {},
        "Discount: S": {Effect.DISCOUNT: 4},
        "Discount: P": {Effect.DISCOUNT: Fraction("-0.35")},
    }
    assert set(EFFECTS) == set(Effect)
