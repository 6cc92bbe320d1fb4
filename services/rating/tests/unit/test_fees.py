"""One-off fees: each is charged once in the life of a contract, whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from rating.domain.billing_period import Schedule, labels_from, period_labelled
from rating.domain.boundaries import Interval
from rating.domain.charges import RatedPeriod, Terms, Usage
from rating.domain.explained_prices import explained_plan
from rating.domain.fees import BETWEEN, Billing, Once, charged_of, check_intervals, place_of
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.proration import DayShare, Proration, day_share
from rating.domain.quotes import quoted_plan
from rating.domain.rated_period import fees_ahead, rate_period
from rating.domain.soundness import is_rated_by, is_sound
from rating.domain.versions import Version
from rating.store.documents import item_from_document, item_to_document


def fee(name: str, once: Once = Once.NONE, proration: Proration = Proration.NONE) -> PlanItem:
    return PlanItem(name, "", "", Price(FixedFee(Decimal("99.50"))), proration, once=once)


PLAN = Plan("EUR", (fee("Setup", Once.START), fee("Base"), fee("Removal", Once.END)))


def rated(schedule: Schedule, label: str, kept: frozenset[str] | None = None) -> tuple[Terms, RatedPeriod]:
    period = period_labelled(schedule, label)
    assert period is not None
    plan = Version("p", 1, period.start, PLAN)
    share = day_share(schedule, label)
    place = place_of(schedule, label)
    terms = Terms("c", "customer", period, schedule.zone, plan, share=share, place=place, kept=kept)
    return terms, rate_period(terms, Usage({}, AsOf("", {})))


@given(
    st.dates(date(2023, 12, 1), date(2024, 3, 5)),
    st.integers(1, 200),
    st.sampled_from(Interval),
    st.integers(1, 3),
    st.sampled_from(["UTC", "Australia/Lord_Howe", "America/Havana"]),
)
@settings(max_examples=60, deadline=None)
def test_each_is_charged_in_one_period_of_a_contract_whole(
    start: date, days: int, interval: Interval, every: int, zone: str
) -> None:
    end = start + timedelta(days=days)
    schedule = Schedule(start, end, start.day, zone, interval, every)

    charged = [
        [(c.item, c.derivation.amount) for c in rated(schedule, label)[1].charges] for label in _labels(schedule)
    ]

    # Written down plainly: all have the base fee, the first the one before it, the last the one after it.
    expected = [[("Base", Decimal("99.50"))] for _ in charged]
    expected[0].insert(0, ("Setup", Decimal("99.50")))
    expected[-1].append(("Removal", Decimal("99.50")))
    assert charged == expected


def _labels(schedule: Schedule) -> list[str]:
    return list(labels_from(schedule, schedule.start))


def test_a_contract_without_end_has_no_last_period() -> None:
    schedule = Schedule(date(2024, 1, 15), None, 1, "Europe/Vienna")

    places = [place_of(schedule, label) for label in ("2024-01", "2024-02")]
    assert [(place.is_first, place.is_last) for place in places] == [(True, False), (False, False)]


def test_live_charges_of_a_period_that_becomes_the_last_are_out_of_date() -> None:
    open_ended = Schedule(date(2024, 1, 15), None, 1, "Europe/Vienna")
    ended = replace(open_ended, end=date(2024, 3, 1))

    terms, stored = rated(open_ended, "2024-02")
    then, anew = rated(ended, "2024-02")

    assert is_rated_by(stored, terms) is True
    assert is_rated_by(stored, then) is False
    assert [charge.item for charge in anew.charges] == ["Base", "Removal"]


def test_a_period_that_is_rated_permanently_keeps_its_fees() -> None:
    ended = Schedule(date(2024, 1, 15), date(2024, 3, 1), 1, "Europe/Vienna")
    billed = frozenset(charge.item for charge in rated(ended, "2024-02")[1].charges)

    _, again = rated(replace(ended, end=date(2024, 6, 1)), "2024-02", billed)

    assert [charge.item for charge in again.charges] == ["Base", "Removal"]
    assert [charge.item for charge in rated(ended, "2024-02", frozenset({"Base"}))[1].charges] == ["Base"]


def test_it_costs_all_in_a_period_that_is_cut_and_says_when_it_is_charged() -> None:
    item = fee("Setup", Once.START)
    quote = quoted_plan(PLAN, [], DayShare(0, 31))

    assert [line.amount for line in quote.lines if line.item != "Base"] == [Decimal("99.50")] * 2
    assert quote.lines[0].derivation.steps[0].text == "Fixed fee of 99.5 EUR once, in the first period of the contract"
    (explained,) = explained_plan(Plan("EUR", (item,)), {})
    assert explained.sentence == "99.5 EUR once, in the first period of the contract."
    assert item_from_document(item_to_document(item)) == item
    assert is_sound(rated(Schedule(date(2024, 1, 15), None, 1, "UTC"), "2024-01")[1].charges[0], item, "EUR")
    assert charged_of(PLAN, BETWEEN) == (PLAN.items[1],)


YEARLY = PlanItem("Licence", "", "", Price(FixedFee(Decimal(1200))), interval=Interval.YEAR)


@given(
    st.dates(date(2022, 1, 1), date(2024, 3, 5)),
    st.integers(1, 900),
    st.sampled_from([(Interval.MONTH, 1), (Interval.MONTH, 3), (Interval.QUARTER, 1), (Interval.QUARTER, 2)]),
    st.sampled_from([date(2020, 1, 31), date(2021, 7, 15), None]),
    st.sampled_from(Billing),
)
@settings(max_examples=100, deadline=None)
def test_a_yearly_fee_is_charged_with_the_month_in_which_a_year_of_it_begins_or_ends(
    start: date, days: int, periods: tuple[Interval, int], anchor: date | None, billing: Billing
) -> None:
    end = start + timedelta(days=days)
    schedule = Schedule(start, end, (anchor or start).day, "UTC", *periods, anchor)
    item = replace(YEARLY, billing=billing)

    found = [label for label in _labels(schedule) if place_of(schedule, label).has(item)]

    # Counted month by month from the anchor: every twelfth one is the first of a year.
    months = periods[1] * {Interval.MONTH: 1, Interval.QUARTER: 3}[periods[0]]
    expected, labels = [], _labels(schedule)
    for place, label in enumerate(labels):
        begun = schedule.boundaries.day(schedule.boundaries.number_labelled(label) or 0)
        since = (begun.year - schedule.origin.year) * 12 + begun.month - schedule.origin.month
        is_edge = place == (0 if billing is Billing.ADVANCE else len(labels) - 1)
        if is_edge or (since if billing is Billing.ADVANCE else since + months) % 12 == 0:
            expected.append(label)
    assert found == expected


def test_a_yearly_fee_in_advance_names_its_year() -> None:
    plan = Plan("EUR", (replace(YEARLY, billing=Billing.ADVANCE),))
    schedule = Schedule(date(2024, 3, 15), None, 1, "Europe/Vienna")
    period = period_labelled(schedule, "2025-03")
    assert period is not None
    terms = Terms(
        "c", "k", period, schedule.zone, Version("p", 1, period.start, plan), place=place_of(schedule, "2025-03")
    )

    (ahead,) = fees_ahead(terms)

    assert (ahead.item, ahead.derivation.amount) == ("Licence (2025-03-01 to 2026-02-28)", Decimal(1200))
    assert ahead.derivation.steps[0].text == "Fixed fee of 1200 EUR a year"
    assert fees_ahead(replace(terms, place=place_of(schedule, "2025-04"))) == ()
    assert item_from_document(item_to_document(plan.items[0])) == plan.items[0]


def test_an_interval_that_is_no_multiple_of_the_contracts_is_refused() -> None:
    plan = Plan("EUR", (YEARLY,))
    for interval, every in ((Interval.MONTH, 1), (Interval.MONTH, 6), (Interval.QUARTER, 2)):
        check_intervals([plan], Schedule(date(2024, 1, 1), None, 1, "UTC", interval, every))
    for interval, every in ((Interval.YEAR, 1), (Interval.MONTH, 5), (Interval.WEEK, 1), (Interval.MONTH, 12)):
        with pytest.raises(Refused, match="no multiple of the contract's periods"):
            check_intervals([plan], Schedule(date(2024, 1, 1), None, 1, "UTC", interval, every))
    with pytest.raises(Refused, match="charged whole, again and again"):
        replace(YEARLY, proration=Proration.DAY)
    with pytest.raises(Refused, match="charged whole, again and again"):
        replace(YEARLY, once=Once.END)


def test_what_can_not_be_charged_once_is_refused() -> None:
    with pytest.raises(Refused, match="usage is charged in the period in which it happened"):
        PlanItem("Calls", "calls", "", Price(PerUnit(Decimal(1))), once=Once.START)
    with pytest.raises(Refused, match="never goes by days"):
        fee("Setup", Once.START, Proration.DAY)
