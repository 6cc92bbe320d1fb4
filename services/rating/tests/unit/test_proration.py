"""Fees by days: of each cut of a period the share of its days, against days that are counted one by one."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from money import currency, round_to_minor_unit
from rating.domain.billing_period import Schedule, labels_from, period_labelled
from rating.domain.boundaries import Interval
from rating.domain.cost import Breakdown, cost_rows
from rating.domain.cost_windows import WindowSize, cost_windows
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.proration import DayShare, Proration, day_share, goes_by_days
from rating.domain.rated_period import rate_plan
from rating.domain.soundness import is_sound
from rating.store.documents import charge_from_document, charge_to_document, item_from_document, item_to_document

USD = currency("USD")
ZONES = ["UTC", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia"]


def fee(amount: str, proration: Proration = Proration.DAY) -> PlanItem:
    return PlanItem("Fee", "", "", Price(FixedFee(Decimal(amount))), proration)


@pytest.mark.parametrize(
    ("amount", "share", "exact", "printed"),
    [
        ("29.99", DayShare(17, 31), Fraction(50983, 3100), "16.45"),
        ("29.99", DayShare(14, 31), Fraction(20993, 1550), "13.54"),
        ("30.00", DayShare(10, 29), Fraction(300, 29), "10.34"),
        ("30.00", DayShare(20, 30), Fraction(20), "20.00"),
        ("29.99", DayShare(31, 31), Fraction("29.99"), "29.99"),
        ("0", DayShare(1, 31), Fraction(0), "0.00"),
    ],
)
def test_the_published_examples(amount: str, share: DayShare, exact: Fraction, printed: str) -> None:
    item = fee(amount)

    (charge,) = rate_plan(Plan("USD", (item,)), {}, share)

    assert Fraction(charge.derivation.amount) == exact
    assert str(round_to_minor_unit(charge.derivation.amount, USD)) == printed
    assert charge.derivation.steps[-1].value == charge.derivation.amount
    assert charge_from_document(charge_to_document(charge)) == charge
    assert item_from_document(item_to_document(item)) == item
    assert is_sound(charge, item, "USD")
    assert is_sound(charge, fee(amount + "1" if "." in amount else "7"), "USD") is False


def test_a_fee_says_of_how_many_days_it_is() -> None:
    (charge,) = rate_plan(Plan("USD", (fee("29.99"),)), {}, DayShare(17, 31))

    assert [step.text for step in charge.derivation.steps] == [
        "Fixed fee of 29.99 USD a period, whatever the usage",
        "17 of 31 days of the period: 50983/3100 USD",
        "Exact amount: 50983/3100 USD, not rounded",
    ]


def test_without_proration_a_short_period_costs_the_whole_fee() -> None:
    plan = Plan("USD", (fee("29.99", Proration.NONE),))

    assert rate_plan(plan, {}, DayShare(1, 31)) == rate_plan(plan, {})


@settings(max_examples=40, deadline=None)
@given(
    st.dates(date(2000, 1, 1), date(2030, 1, 1)),
    st.sampled_from(list(Interval)),
    st.sampled_from(ZONES),
    st.lists(st.integers(1, 150), min_size=1, max_size=4),
    st.integers(0, 10**6),
)
def test_contracts_that_follow_one_another_pay_each_day_once(
    anchor: date, interval: Interval, zone: str, lengths: list[int], cents: int
) -> None:
    """However time is split into contracts of one anchor, the parts of a period add up to its whole fee."""
    plan = Plan("USD", (fee(f"{Decimal(cents) / 100:f}"),))
    paid: dict[str, Fraction] = {}
    days: dict[str, int] = {}
    start, first = anchor, anchor
    for length in lengths:
        end = start + timedelta(days=length)
        contract = Schedule(start, end, anchor.day, zone, interval, 1, anchor)
        for label in labels_from(contract, start):
            (charge,) = rate_plan(plan, {}, day_share(contract, label))
            paid[label] = paid.get(label, Fraction(0)) + Fraction(charge.derivation.amount)
            days[label] = days.get(label, 0) + day_share(contract, label).days
        start = end
    whole = Schedule(first, start, anchor.day, zone, interval, 1, anchor)
    endless = Schedule(first, None, anchor.day, zone, interval, 1, anchor)

    assert sum(days.values()) == (start - first).days
    for label, amount in paid.items():
        assert amount == Fraction(cents, 100) * days[label] / day_share(endless, label).of_days
        if day_share(whole, label).is_whole:
            assert amount == Fraction(cents, 100)


@given(st.integers(1, 31), st.integers(0, 10**5), st.sampled_from(ZONES), st.sampled_from(list(WindowSize)))
def test_cost_over_time_adds_up_to_the_line(start: int, cents: int, zone: str, size: WindowSize) -> None:
    contract = Schedule(date(2025, 10, start), None, 1, zone)
    item = fee(f"{Decimal(cents) / 100:f}")
    period = period_labelled(contract, "2025-10")
    assert period is not None
    share = day_share(contract, "2025-10")
    (charge,) = rate_plan(Plan("USD", (item,)), {}, share)

    rows = cost_rows([item], {}, cost_windows(period, zone, size, None), Breakdown((), {}), USD, share)

    assert sum((row.amount for row in rows), Decimal(0)) == round_to_minor_unit(charge.derivation.amount, USD)


@pytest.mark.parametrize(
    "build",
    [
        lambda: PlanItem("Calls", "calls", "", Price(PerUnit(Decimal(1))), Proration.DAY),
        lambda: fee("0.1234567890123"),
    ],
)
def test_what_can_not_go_by_days_is_refused(build: object) -> None:
    assert callable(build)
    with pytest.raises(Refused) as caught:
        build()

    assert caught.value.field == "proration"


@pytest.mark.parametrize(
    ("amount", "is_fit"),
    [
        ("29.99", True),
        ("0.123456789012", True),
        ("0.1234567890123", False),
        # More digits than Python's own context keeps.
        ("123456789012345678.123456789012", True),
        ("123456789012345678.1234567890123", False),
    ],
)
def test_only_fees_of_twelve_decimals_go_by_days(amount: str, is_fit: bool) -> None:
    assert goes_by_days(Price(FixedFee(Decimal(amount)))) == is_fit
