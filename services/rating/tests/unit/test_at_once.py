"""Versions of a plan that take effect at once: where they turn a period, and that ladders go on, against fractions."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from money import currency
from rating.domain.at_once import check_at_once, turns
from rating.domain.billing_period import BillingPeriod, Schedule
from rating.domain.cell_questions import cell_questions
from rating.domain.cells import Cell, cells_of, one_cell
from rating.domain.charges import MeterUsage, RatedPeriod, Terms, Usage
from rating.domain.cost import Breakdown, UsageByWindow, UsageRow, cost_rows, usage_by_cells
from rating.domain.cost_windows import WindowSize, cost_windows
from rating.domain.meters import KnownMeter
from rating.domain.notices import for_existing
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.adjust import Included, Maximum, Minimum
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.per_key import PerKey
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.pricing.spread import Ladder
from rating.domain.pricing.tiers import Tier
from rating.domain.pricing.volume import Volume
from rating.domain.proration import Proration, day_share
from rating.domain.rated_period import rate_period
from rating.domain.ruling import FrozenPeriod, RuledSegment, Ruling
from rating.domain.segments import Segment, segment_share
from rating.domain.soundness import is_rated_by
from rating.domain.taking_effect import TakingEffect
from rating.domain.versions import Version
from rating.store.documents import (
    charge_from_document,
    charge_to_document,
    segments_from_document,
    segments_to_document,
)
from testkit.oracle.exact import round_half_away
from testkit.oracle.prices import cost_of

ZONE, USD = "Europe/Vienna", currency("USD")
SCHEDULE = Schedule(date(2024, 1, 1), None, 1, ZONE)
APPLIED = datetime(2024, 1, 1, tzinfo=UTC)
AT_ONCE = TakingEffect(at_once=True)
JUNE = range(1, 31)


def midnight(day: int) -> datetime:
    month, day = (6, day) if day <= 30 else (7, day - 30)
    return datetime(2024, month, day, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


PERIOD = BillingPeriod("2024-06", midnight(1), midnight(31))


def ladder(bound: int, first: str, rest: str, *adjustments: Any) -> Price:
    return Price(Graduated((Tier(Decimal(bound), Decimal(first)), Tier(None, Decimal(rest)))), adjustments)


def calls(price: Price, **fields: Any) -> PlanItem:
    return PlanItem("Calls", "calls", "", price, **fields)


def fee(amount: str, proration: Proration = Proration.NONE) -> PlanItem:
    return PlanItem("Fee", "", "", Price(FixedFee(Decimal(amount))), proration)


def version(
    number: int, *items: PlanItem, effective: datetime | None = None, effect: TakingEffect = AT_ONCE
) -> Version[Plan]:
    return Version("p", number, APPLIED, Plan("USD", items, effective_from=effective, effect=effect))


def terms(*at: tuple[int, Version[Plan]]) -> Terms:
    """Return the terms of June 2024, whose versions take effect at once on days of it; the first is there before."""
    starts = [midnight(day) for day, _ in at]
    ends = [*starts[1:], PERIOD.end]
    segments = tuple(
        Segment(start, end, each, segment_share(SCHEDULE, "2024-06", start, end), continues=place > 0)
        for place, (start, end, (_, each)) in enumerate(zip(starts, ends, at, strict=True))
    )
    share = day_share(SCHEDULE, "2024-06")
    return Terms("c", "UA", PERIOD, ZONE, at[0][1], None, share, segments=segments if len(at) > 1 else ())


def used(of: Terms, by_day: dict[int, int]) -> Usage:
    """Return calls by day of June, told apart as the terms ask for it."""

    def counted(start: datetime, end: datetime, items: Any) -> dict[str, MeterUsage]:
        own = {day: n for day, n in by_day.items() if start <= midnight(day) < end}
        question = cell_questions(items, BillingPeriod("", start, end), ZONE).get("calls")
        cells = None
        if question is not None:
            found = (Cell(question.values((), midnight(day)), Decimal(n), 1) for day, n in own.items())
            cells = cells_of(question.by, found)
        return {"calls": MeterUsage(Decimal(sum(own.values())), "call", len(own), adds_up=True, cells=cells)}

    spans = {part: counted(part.start, part.end, of.items_of(part)) for part in of.parts}
    return Usage(counted(PERIOD.start, PERIOD.end, of.items_of(None)), AsOf(), "snap-1", spans=spans)


def amounts(rated: RatedPeriod) -> dict[str, Fraction]:
    return {charge.item: Fraction(charge.derivation.amount) for charge in rated.charges}


def test_the_published_example_goes_on_at_the_position_that_is_reached() -> None:
    """70 for the first 700, then 1300 by the new prices less the first 700 of them: 92 - 56."""
    of = terms(
        (1, version(1, calls(ladder(1000, "0.10", "0.05")))), (16, version(2, calls(ladder(1000, "0.08", "0.04"))))
    )

    rated = rate_period(of, used(of, {3: 400, 15: 300, 16: 600}))

    (charge,) = rated.charges
    assert (charge.item, charge.quantity, charge.part) == ("Calls", Decimal(1300), None)
    assert [Fraction(row.amount) for row in charge.derivation.rows] == [70, 80, 12, -56]
    assert charge.derivation.amount == 106
    assert [step.text for step in charge.derivation.steps][-5:-1] == [
        "from 2024-06-16: 600 call, which makes 1300",
        "from 2024-06-16: 1000 call in the tier up to 1000 call at 0.08 USD each",
        "from 2024-06-16: 300 call at 0.04 USD each",
        "from 2024-06-16: less 56 USD, what 700 call used before cost by this price",
    ]
    assert charge_from_document(json.loads(json.dumps(charge_to_document(charge)))) == charge
    assert segments_from_document(json.loads(json.dumps(segments_to_document(rated.segments)))) == rated.segments
    assert is_rated_by(rated, of)
    assert not is_rated_by(rated, terms((1, of.segments[0].plan), (17, of.segments[1].plan)))


def test_the_last_version_bounds_what_all_of_them_charge() -> None:
    first = version(1, calls(ladder(100, "1", "1", Maximum(Decimal(5)), Minimum(Decimal(2)))))
    second = version(2, calls(ladder(100, "1", "1", Maximum(Decimal(40)), Minimum(Decimal(20)))))
    of = terms((1, first), (11, second))

    costs = [amounts(rate_period(of, used(of, {2: n, 12: n})))["Calls"] for n in (5, 15, 50)]

    assert costs == [20, 30, 40]


def test_a_fee_goes_by_days_whether_it_stands_for_periods_or_not() -> None:
    for proration in Proration:
        of = terms((1, version(1, fee("30", proration))), (11, version(2, fee("60", proration))))

        rated = rate_period(of, used(of, {}))

        assert amounts(rated) == {"Fee (2024-06-01 to 2024-06-10)": 10, "Fee (2024-06-11 to 2024-06-30)": 40}
        assert is_rated_by(rated, of)


def test_what_begins_or_ends_with_a_version_is_priced_by_itself() -> None:
    other = PlanItem("Others", "calls", "", Price(PerUnit(Decimal(2))))
    of = terms((1, version(1, calls(ladder(10, "1", "0")))), (11, version(2, other)))

    assert amounts(rate_period(of, used(of, {2: 7, 12: 20}))) == {
        "Calls (2024-06-01 to 2024-06-10)": 7,
        "Others (2024-06-11 to 2024-06-30)": 40,
    }


@st.composite
def _versions(draw: st.DrawFn) -> list[tuple[int, Price, dict[str, Any]]]:
    """Return days of June on which prices begin, the first of them the 1st, each price also as a catalog has it."""
    days = sorted(draw(st.sets(st.integers(2, 30), max_size=3)))
    found = []
    for day in (1, *days):
        bound, included = draw(st.integers(1, 60)), draw(st.integers(0, 30))
        first, rest = (str(Decimal(draw(st.integers(0, 400))).scaleb(-2)) for _ in range(2))
        model = draw(st.sampled_from([Graduated, Volume]))
        tiers = (Tier(Decimal(bound), Decimal(first)), Tier(None, Decimal(rest)))
        around = (Included(Decimal(included)),) if included else ()
        name = "graduated" if model is Graduated else "volume"
        written = {name: {"tiers": [{"upTo": str(bound), "unit": first}, {"unit": rest}]}, "included": str(included)}
        found.append((day, Price(model(tiers), around), written))
    return found


def by_hand(found: list[tuple[int, Price, dict[str, Any]]], by_day: dict[int, int]) -> Fraction:
    """Return what days of June cost, one day after the other: by the price of the day, at the position reached."""
    cost, reached = Fraction(0), Fraction(0)
    for day in JUNE:
        written = [each for begins, _, each in found if begins <= day][-1]
        before, reached = reached, reached + by_day.get(day, 0)
        cost += cost_of(reached, written).amount - cost_of(before, written).amount
    return max(cost, Fraction(0))


BY_DAY = st.dictionaries(st.integers(1, 30), st.integers(0, 40), max_size=12)


@given(_versions(), BY_DAY)
def test_each_unit_costs_what_its_day_says_at_the_position_it_has(found: Any, by_day: dict[int, int]) -> None:
    of = terms(*((day, version(place, calls(price))) for place, (day, price, _) in enumerate(found, 1)))

    rated = rate_period(of, used(of, by_day))

    assert amounts(rated) == {"Calls": by_hand(found, by_day)}
    assert is_rated_by(rated, of)


@given(_versions(), BY_DAY)
def test_versions_that_are_alike_change_nothing(found: Any, by_day: dict[int, int]) -> None:
    price = found[0][1]
    one = terms((1, version(1, calls(price))))
    many = terms(*((day, version(place, calls(price), fee("3"))) for place, (day, _, _) in enumerate(found, 1)))

    assert rate_period(many, used(many, by_day)).charges[:1] == rate_period(one, used(one, by_day)).charges


@given(_versions(), BY_DAY)
def test_windows_of_the_period_add_up_to_the_charge(found: Any, by_day: dict[int, int]) -> None:
    of = terms(*((day, version(place, calls(price))) for place, (day, price, _) in enumerate(found, 1)))
    question = cell_questions(of.items_of(None), PERIOD, ZONE).get("calls")
    if question is None:
        return
    windows = cost_windows(PERIOD, ZONE, WindowSize.WEEK, None)
    rows = [UsageRow(midnight(day), (), Decimal(n), event_count=1) for day, n in sorted(by_day.items())]
    told = UsageByWindow(rows, "call", AsOf(), is_filled=True)
    over_time = usage_by_cells(told, windows, question, ())

    costs = cost_rows([run.item for run in of.runs], {"calls": over_time}, windows, Breakdown(), USD)

    whole = by_hand(found, by_day)
    assert sum(Fraction(row.exact_amount or 0) for row in costs) == whole
    assert sum(Fraction(row.amount) for row in costs) == round_half_away(whole, 2)


def _at(number: int, day: int, *, at_once: bool = True, hour: int = 0) -> Version[Plan]:
    effective = midnight(day).replace(minute=0) if not hour else datetime(2024, 6, day, hour, tzinfo=UTC)
    return version(number, effective=effective, effect=TakingEffect(at_once=at_once))


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ([_at(2, 11)], [(1, 1), (11, 2)]),
        # Not at midnight: from the next one on.
        ([_at(2, 11, hour=9)], [(1, 1), (12, 2)]),
        # One that waits for a period turns none, and one that it follows does not rule after it.
        ([_at(2, 11, at_once=False)], [(1, 1)]),
        ([_at(2, 11), _at(3, 5, at_once=False)], [(1, 1)]),
        ([_at(2, 11), _at(3, 15, at_once=False)], [(1, 1), (11, 2)]),
        ([_at(2, 21), _at(3, 11)], [(1, 1), (11, 3)]),
        ([_at(2, 11), _at(3, 21)], [(1, 1), (11, 2), (21, 3)]),
        ([_at(2, 11), _at(3, 11)], [(1, 1), (11, 3)]),
    ],
)
def test_where_versions_turn_a_period(later: list[Version[Plan]], expected: list[tuple[int, int]]) -> None:
    base = version(1, effect=TakingEffect())

    found = turns([base, *later], base, PERIOD.start, PERIOD.end, ZONE)

    assert found == [(midnight(day), ([base, *later])[number - 1]) for day, number in expected]


def test_contracts_that_are_there_may_have_another_day_or_none() -> None:
    agreed, later = datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)
    dated = version(2, effective=midnight(1), effect=TakingEffect(existing_from=midnight(16)))
    never = version(2, effective=midnight(1), effect=TakingEffect(never=True))

    old, new = for_existing(dated, agreed), for_existing(dated, later)

    assert old is not None
    assert old.content.effective_from == midnight(16)
    assert new == for_existing(dated, None) == dated
    assert for_existing(never, agreed) is None
    assert for_existing(never, later) == never


LADDER = calls(ladder(10, "1", "2"))
METERS = {"calls": KnownMeter("call")}


@pytest.mark.parametrize(
    ("before", "item", "meters", "why"),
    [
        (LADDER, calls(Price(PerUnit(Decimal(1)), spread=PerKey(("to",), Ladder.OWN))), METERS, "only one ladder"),
        (LADDER, calls(ladder(10, "1", "3")), {"calls": KnownMeter("call", adds_up=False)}, "does not add up"),
        (
            calls(ladder(10, "1", "2", Included(Decimal(5)))),
            calls(ladder(10, "1", "2", Included(Decimal(6))), proration=Proration.DAY),
            METERS,
            "its proration is another one",
        ),
        (fee("1"), fee("1.1234567890123"), METERS, "a fee goes by days with at most 12 decimals"),
    ],
)
def test_what_can_not_go_on_is_refused(before: PlanItem, item: PlanItem, meters: Any, why: str) -> None:
    earlier = version(1, before, effect=TakingEffect())

    with pytest.raises(Refused, match=why):
        check_at_once([earlier], Plan("USD", (item,), effect=AT_ONCE), meters)

    check_at_once([earlier], Plan("USD", (item,)), meters)
    check_at_once([earlier], Plan("USD", (before,), effect=AT_ONCE), meters)
    with pytest.raises(Refused, match="the first one of a plan"):
        check_at_once([], Plan("USD", (item,), effect=AT_ONCE), meters)


def test_a_period_that_versions_turned_is_of_the_plan_that_the_contract_says() -> None:
    of = terms((1, version(1, LADDER)), (16, version(2, calls(ladder(10, "1", "3")))))
    rated = rate_period(of, used(of, {3: 5, 20: 5}))
    kept = FrozenPeriod(PERIOD, "p", 1, rated.segments)

    def ruled(plan: str, pinned: int | None) -> list[RuledSegment]:
        return [RuledSegment(PERIOD.start, PERIOD.end, Ruling(date(2024, 1, 1), plan, pinned, 1))]

    assert kept.is_priced_by(ruled("p", None))
    assert not kept.is_priced_by(ruled("p", 1))
    assert not kept.is_priced_by(ruled("q", None))


def test_usage_that_is_not_told_by_stretches_is_not_sound() -> None:
    of = terms((1, version(1, LADDER)), (16, version(2, calls(ladder(10, "1", "3")))))
    rated = rate_period(of, used(of, {3: 5, 20: 8}))
    (charge,) = rated.charges
    assert charge.cells is not None

    forged = replace(charge, cells=replace(charge.cells, cells=charge.cells.cells[:1]))

    assert is_rated_by(replace(rated, charges=(forged,)), of) is False
    assert is_rated_by(replace(rated, charges=(replace(charge, cells=one_cell(Decimal(13))),)), of) is False
