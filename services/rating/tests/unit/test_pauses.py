"""Pauses: days that a contract has and does not pay, against days that are looked at one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from rating.domain.billing_period import Schedule, labels_from, period_labelled
from rating.domain.boundaries import Interval
from rating.domain.charges import RatedPeriod, Terms, Usage
from rating.domain.contracts import Contract
from rating.domain.pauses import Pause, check_kept_days
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.price import Price
from rating.domain.proration import DayShare, Proration, day_share
from rating.domain.rated_period import rate_period, rate_plan
from rating.domain.soundness import is_rated_by
from rating.domain.versions import Version

START = date(2024, 5, 15)
JUNE = Schedule(START, None, 1, "Europe/Vienna")


def fee(proration: Proration) -> PlanItem:
    return PlanItem(proration.value, "", "", Price(FixedFee(Decimal("30.00"))), proration)


PLAN = Plan("USD", (fee(Proration.DAY), fee(Proration.NONE)))


def pause(start: str, until: str = "") -> Pause:
    return Pause(date.fromisoformat(start), date.fromisoformat(until) if until else None)


@pytest.mark.parametrize(
    ("pauses", "by_days", "whole"),
    [
        ((), "30", "30"),
        ((pause("2024-06-11", "2024-06-21"),), "20", "30"),
        ((pause("2024-06-30"),), "29", "30"),
        ((pause("2024-05-20", "2024-06-02"), pause("2024-06-02", "2024-06-03")), "28", "30"),
        ((pause("2024-05-20"),), "0", "0"),
        ((pause("2024-06-01", "2024-07-01"),), "0", "0"),
        ((pause("2024-07-01"),), "30", "30"),
    ],
)
def test_what_fees_of_june_cost(pauses: tuple[Pause, ...], by_days: str, whole: str) -> None:
    charges = rate_plan(PLAN, {}, day_share(JUNE, "2024-06", pauses))

    assert [Fraction(charge.derivation.amount) for charge in charges] == [Fraction(by_days), Fraction(whole)]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([Interval.WEEK, Interval.MONTH, Interval.QUARTER]),
    st.lists(st.integers(1, 60), min_size=1, max_size=8),
    st.integers(1, 400),
)
def test_days_and_paused_days_are_those_counted_one_by_one(
    interval: Interval, lengths: list[int], contract_days: int
) -> None:
    bounds = [START]
    for length in lengths:
        bounds.append(bounds[-1] + timedelta(days=length))
    end = max(START + timedelta(days=contract_days), bounds[-1])
    contract = Schedule(START, end, 15, "America/New_York", interval, 1, START)
    # Every second stretch is a pause.
    pauses = tuple(Pause(a, b) for a, b in zip(bounds[1::2], bounds[2::2], strict=False))
    paused = {
        pause.start + timedelta(days=n)
        for pause in pauses
        for n in range((pause.until or end).toordinal() - pause.start.toordinal())
    }
    by_label: dict[str, int] = {}
    for number in range((end - START).days):
        day = START + timedelta(days=number)
        label = next(iter(labels_from(contract, day)))
        by_label[label] = by_label.get(label, 0) + (day not in paused)

    assert {label: day_share(contract, label, pauses).days for label in by_label} == by_label


@pytest.mark.parametrize(
    ("pauses", "field"),
    [
        ((pause("2024-06-11", "2024-06-11"),), "pauses[0].until"),
        ((pause("2024-05-14", "2024-06-11"),), "pauses[0].start"),
        ((pause("2024-08-01"),), "pauses[0].start"),
        ((pause("2024-06-11"), pause("2024-06-12")), "pauses[1].start"),
        ((pause("2024-06-11", "2024-06-20"), pause("2024-06-19")), "pauses[1].start"),
    ],
)
def test_pauses_that_are_none_are_refused(pauses: tuple[Pause, ...], field: str) -> None:
    with pytest.raises(Refused) as caught:
        Contract("acme", "p", None, replace(JUNE, end=date(2024, 8, 1)), pauses=pauses)

    assert (caught.value.field, caught.value.reason) == (field, Reason.CONTRACT_INVALID)


def test_the_days_of_a_period_that_is_rated_permanently_never_change() -> None:
    june = period_labelled(JUNE, "2024-06")
    assert june is not None

    check_kept_days([june], JUNE, (), (pause("2024-07-01"),))
    check_kept_days([june], JUNE, (pause("2024-06-01"),), (pause("2024-06-01", "2024-07-01"),))
    for pauses in ((pause("2024-06-30"),), (pause("2024-05-20", "2024-06-02"),)):
        with pytest.raises(Refused, match="period 2024-06 is already rated permanently, and keeps its days"):
            check_kept_days([june], JUNE, (), pauses)


def test_stored_charges_are_not_taken_for_those_of_other_days() -> None:
    june = period_labelled(JUNE, "2024-06")
    assert june is not None
    terms = Terms("c", "acme", june, "Europe/Vienna", Version("p", 1, june.start, PLAN))
    shares = [DayShare(30, 30), DayShare(20, 30), DayShare(0, 30)]
    rated: list[RatedPeriod] = [rate_period(replace(terms, share=share), Usage({}, AsOf("", {}))) for share in shares]

    for share in shares:
        found = [is_rated_by(one, replace(terms, share=share)) for one in rated]
        assert found == [share == other for other in shares]
