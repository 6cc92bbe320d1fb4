"""Plan changes inside a period: its segments and what each costs, against an oracle that goes day by day."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from eventlog.period import Period
from money import currency
from rating.domain.billing_period import BillingPeriod, Schedule, period_labelled
from rating.domain.charges import MeterUsage, RatedPeriod, Terms, Usage
from rating.domain.contract_changes import contract_change
from rating.domain.contracts import Contract
from rating.domain.cost import Breakdown, CostQuestion, cost_rows
from rating.domain.cost_slices import cost_slices
from rating.domain.cost_windows import WindowSize, cost_windows
from rating.domain.discounts import Discount
from rating.domain.pauses import Pause
from rating.domain.plan_bounds import PlanBound, PlanBounds
from rating.domain.plans import ItemDraft, Plan, PlanDraft, PlanItem
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.pricing.tiers import Tier
from rating.domain.proration import Proration, day_share
from rating.domain.rated_period import rate_period
from rating.domain.ruling import FrozenPeriod, check_past, check_priced, is_same, ruled_segments, rulings, settle
from rating.domain.segments import Segment, check_kept_segments, segment_share
from rating.domain.soundness import is_rated_by, is_sound
from rating.domain.versions import Version
from rating.store.documents import (
    charge_from_document,
    charge_to_document,
    segments_from_document,
    segments_to_document,
)
from testkit.oracle.exact import round_half_away

ZONE, USD = "Europe/Vienna", currency("USD")
SCHEDULE = Schedule(date(2024, 5, 15), None, 1, ZONE)
APPLIED = datetime(2024, 6, 11, 9, tzinfo=UTC)
TIERS = (Tier(Decimal(100), Decimal("0.10")), Tier(None, Decimal("0.05")))


def fee(amount: str, proration: Proration = Proration.DAY, name: str = "Fee") -> PlanItem:
    return PlanItem(name, "", "", Price(FixedFee(Decimal(amount))), proration)


def calls(unit: str, name: str = "Calls", meter: str = "calls") -> PlanItem:
    return PlanItem(name, meter, "", Price(PerUnit(Decimal(unit))))


def plan(name: str, *items: PlanItem, version: int = 1) -> Version[Plan]:
    return Version(name, version, APPLIED, Plan("USD", items))


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def month(label: str = "2024-06", schedule: Schedule = SCHEDULE) -> BillingPeriod:
    period = period_labelled(schedule, label)
    assert period is not None
    return period


def terms(*turns: tuple[int, Version[Plan]], pauses: tuple[Pause, ...] = (), **fields: Any) -> Terms:
    """Return the terms of June 2024, whose plans change on days of the month; the first one is there from the 1st."""
    period = month()
    starts = [midnight(date(2024, 6, day)) for day, _ in turns]
    ends = [*starts[1:], period.end]
    segments = tuple(
        Segment(start, end, each, segment_share(SCHEDULE, "2024-06", start, end, pauses))
        for start, end, (_, each) in zip(starts, ends, turns, strict=True)
    )
    share = day_share(SCHEDULE, "2024-06", pauses)
    return Terms("UA-1", "UA", period, ZONE, turns[0][1], None, share, segments=segments, **fields)


def used(of: Terms, by_day: Mapping[str, Mapping[int, int]]) -> Usage:
    """Return usage of meters, by day of the month, over the period and each part of it."""

    def over(start: datetime, end: datetime) -> dict[str, MeterUsage]:
        return {
            meter: _counted([n for day, n in days.items() if start <= midnight(date(2024, 6, day)) < end])
            for meter, days in by_day.items()
        }

    spans = {part: over(part.start, part.end) for part in of.parts}
    return Usage(over(of.period.start, of.period.end), AsOf(), "snap-1", spans=spans)


def _counted(quantities: Sequence[int]) -> MeterUsage:
    return MeterUsage(Decimal(sum(quantities)), "call", len(quantities), adds_up=True)


def amounts(rated: RatedPeriod) -> dict[str, Fraction]:
    assert len({charge.item for charge in rated.charges}) == len(rated.charges)
    return {charge.item: Fraction(charge.derivation.amount) for charge in rated.charges}


def test_the_published_example_of_an_upgrade_on_the_eleventh_of_thirty_days() -> None:
    """Flexprice publishes -33.33 and +66.67 for 50.00 in advance; in arrears the first ten days stay to be paid."""
    of = terms((1, plan("small", fee("50.00"))), (11, plan("large", fee("100.00"))))

    rated = rate_period(of, used(of, {}))

    assert amounts(rated) == {
        "Fee (2024-06-01 to 2024-06-10)": Fraction(50) * 10 / 30,
        "Fee (2024-06-11 to 2024-06-30)": Fraction(100) * 20 / 30,
    }
    assert sum(amounts(rated).values()) - 50 == Fraction("33.34").limit_denominator(3)
    assert [(charge.plan_item, charge.part and charge.part.plan) for charge in rated.charges] == [
        ("Fee", "small"),
        ("Fee", "large"),
    ]
    assert (rated.plan, [one.plan for one in rated.segments]) == ("small", ["small", "large"])


def test_ladders_restart_and_a_fee_without_days_is_whole_in_each_segment_that_has_a_day() -> None:
    ladder = PlanItem("Calls", "calls", "", Price(Graduated(TIERS)))
    cheaper = PlanItem("Calls", "calls", "", Price(Graduated((TIERS[0], Tier(None, Decimal("0.04"))))))
    flat = (fee("9", Proration.NONE), fee("12", Proration.NONE))
    of = terms((1, plan("a", ladder, flat[0])), (11, plan("b", cheaper, flat[1])))

    rated = rate_period(of, used(of, {"calls": {3: 150, 11: 70, 12: 70}}))

    assert amounts(rated) == {
        "Calls (2024-06-01 to 2024-06-10)": Fraction("12.5"),
        "Fee (2024-06-01 to 2024-06-10)": Fraction(9),
        "Calls (2024-06-11 to 2024-06-30)": Fraction("11.6"),
        "Fee (2024-06-11 to 2024-06-30)": Fraction(12),
    }


def test_an_item_that_both_plans_price_alike_runs_on_and_one_that_comes_back_does_not() -> None:
    same = PlanItem("Calls", "calls", "", Price(Graduated(TIERS)))
    renamed = replace(same, product="voice", cost=Price(PerUnit(Decimal("0.01"))))
    of = terms(
        (1, plan("a", same, fee("3"))),
        (11, plan("b", renamed, calls("2", "Texts", "texts"))),
        (21, plan("a", same, fee("3"))),
    )

    rated = rate_period(of, used(of, {"calls": {3: 90, 15: 90}, "texts": {10: 7, 11: 5, 20: 1, 21: 9}}))

    assert amounts(rated) == {
        "Calls": Fraction("10") + Fraction("4"),
        "Fee (2024-06-01 to 2024-06-10)": Fraction(1),
        "Texts (2024-06-11 to 2024-06-20)": Fraction(12),
        "Fee (2024-06-21 to 2024-06-30)": Fraction(1),
    }
    assert rated.charges[0].part is None


def test_what_does_not_add_up_is_counted_over_each_segment() -> None:
    of = terms((1, plan("a", calls("5", "Seats", "seats"))), (11, plan("b", calls("7", "Seats", "seats"))))
    first, second = of.parts
    spans = {first: {"seats": MeterUsage(Decimal(3), "seat", 9)}, second: {"seats": MeterUsage(Decimal(4), "seat", 8)}}
    # One seat was used in both: the whole month has 6, and no line of it says so.
    usage = Usage({"seats": MeterUsage(Decimal(6), "seat", 17)}, AsOf(), "snap-1", spans=spans)

    rated = rate_period(of, usage)

    assert list(amounts(rated).values()) == [15, 28]
    assert [(int(charge.quantity), charge.event_count) for charge in rated.charges] == [(3, 9), (4, 8)]


PRICES = st.sampled_from(["1", "2", "3"])
PLANS = st.lists(st.tuples(PRICES, PRICES, st.booleans()), min_size=1, max_size=4)


@given(
    PLANS,
    st.lists(st.integers(2, 30), max_size=3, unique=True).map(sorted),
    st.dictionaries(st.integers(1, 30), st.integers(0, 90), max_size=8),
    st.integers(1, 30),
    st.integers(0, 12),
)
def test_segments_cost_what_counting_day_by_day_says(
    prices: list[tuple[str, str, bool]], days: list[int], usage: dict[int, int], paused_from: int, paused: int
) -> None:
    chosen = [prices[place % len(prices)] for place in range(len(days) + 1)]
    plans = [
        plan(f"p{place}", calls(unit), *([fee(amount)] if has_fee else []))
        for place, (unit, amount, has_fee) in enumerate(chosen)
    ]
    starts = [1, *days]
    begins = date(2024, 6, paused_from)
    pauses = (Pause(begins, begins + timedelta(days=paused)),) if paused else ()
    of = terms(*zip(starts, plans, strict=True), pauses=pauses)

    rated = rate_period(of, used(of, {"calls": usage}))

    assert amounts(rated) == _day_by_day(starts, chosen, usage, range(paused_from, paused_from + paused))
    assert is_rated_by(rated, of)


def _day_by_day(
    starts: list[int], chosen: list[tuple[str, str, bool]], usage: Mapping[int, int], paused: range
) -> dict[str, Fraction]:
    """Walk through the days of June, with the prices of each, and begin a line wherever a price becomes another."""
    lines: dict[tuple[str, int], list[Any]] = {}
    running: dict[str, tuple[str, int]] = {}
    for day in range(1, 31):
        unit, amount, has_fee = chosen[sum(start <= day for start in starts) - 1]
        today = {"Calls": unit, **({"Fee": amount} if has_fee else {})}
        for item in running.keys() - today.keys():
            del running[item]
        for item, price in today.items():
            if running.get(item, ("", 0))[0] != price:
                running[item] = (price, day)
            line = lines.setdefault((item, running[item][1]), [Fraction(0), day])
            line[1] = day
            if item == "Calls":
                line[0] += usage.get(day, 0) * Fraction(price)
            elif day not in paused:
                line[0] += Fraction(price) / 30
    return {
        item if (first, last) == (1, 30) else f"{item} (2024-06-{first:02} to 2024-06-{last:02})": amount
        for (item, first), (amount, last) in lines.items()
    }


def test_a_charge_of_a_segment_is_proven_kept_and_read_again() -> None:
    of = terms((1, plan("a", calls("1"), fee("30"))), (11, plan("b", calls("2"), fee("60"))))
    rated = rate_period(of, used(of, {"calls": {1: 5, 30: 5}}))
    items = {"a": of.segments[0].plan.content.items, "b": of.segments[1].plan.content.items}

    for charge in rated.charges:
        assert charge.part is not None
        (item,) = (each for each in items[charge.part.plan] if each.name == charge.plan_item)
        other = items["b" if charge.part.plan == "a" else "a"][items[charge.part.plan].index(item)]
        assert is_sound(charge, item, "USD")
        assert not is_sound(charge, other, "USD")
        assert charge_from_document(json.loads(json.dumps(charge_to_document(charge)))) == charge
    assert segments_from_document(json.loads(json.dumps(segments_to_document(rated.segments)))) == rated.segments


def test_charges_are_those_of_other_terms_once_a_plan_or_a_day_of_the_change_is_another() -> None:
    old, new = plan("a", fee("30")), plan("b", fee("60"))
    of = terms((1, old), (11, new))
    rated = rate_period(of, used(of, {}))

    assert is_rated_by(rated, of)
    assert not is_rated_by(rated, terms((1, old), (12, new)))
    assert not is_rated_by(rated, terms((1, old), (11, replace(new, version=2))))
    assert not is_rated_by(rated, terms((1, old), (11, new), (21, old)))
    assert not is_rated_by(rated, replace(of, segments=()))
    assert not is_rated_by(rated, terms((1, old), (11, new), pauses=(Pause(date(2024, 6, 3), date(2024, 6, 5)),)))


def test_a_discount_of_an_item_takes_of_all_its_segments() -> None:
    half = Discount("Half", Decimal(50), None, ("Fee",), SCHEDULE.start, None)
    of = terms((1, plan("a", fee("30"), calls("1"))), (11, plan("b", fee("60"), calls("1"))), discounts=(half,))

    rated = rate_period(of, used(of, {"calls": {1: 5}}))

    assert amounts(rated)["Discount: Half"] == -(Fraction(10) + Fraction(40)) / 2
    assert is_rated_by(rated, of)


def test_a_period_has_the_bounds_of_its_last_plan_once_over_all_its_charges() -> None:
    small, large = plan("a", fee("30"), calls("1")), plan("b", fee("60"), calls("2"))
    low = replace(small, content=replace(small.content, bounds=PlanBounds(PlanBound(Decimal(999)))))
    bounds = PlanBounds(PlanBound(Decimal(100)), PlanBound(Decimal("20.00"), ("Calls",)))
    high = replace(large, content=replace(large.content, bounds=bounds))
    half = Discount("Half", Decimal(50), None, ("Calls",), SCHEDULE.start, None)
    of = terms((1, low), (11, high), discounts=(half,))

    rated = rate_period(of, used(of, {"calls": {1: 10, 30: 20}}))

    # Calls cost 10 and 40, and at most 20; with fees of 10 and 40 that is 70, of at least 100.
    beside = {name: amount for name, amount in amounts(rated).items() if "(" not in name}
    assert beside == {"Plan maximum": -30, "Plan minimum": 30, "Discount: Half": -10}
    assert is_rated_by(rated, of)
    assert not is_rated_by(rated, terms((1, low), (11, large), discounts=(half,)))
    assert {rated.plan_of(charge) for charge in rated.charges if charge.item in beside} == {("b", 1)}


@pytest.mark.parametrize("size", [WindowSize.DAY, WindowSize.WEEK, WindowSize.WHOLE])
@pytest.mark.parametrize("until", [None, 10, 17])
def test_cost_over_time_adds_up_to_the_charges_of_all_segments(size: WindowSize, until: int | None) -> None:
    """17 June is a Monday, so it ends a window of each size; by the 10th only the first segment has begun."""
    of = terms((1, plan("a", fee("50.00"))), (11, plan("b", fee("100.00"))), (21, plan("c", fee("31.00"))))
    end = None if until is None else midnight(date(2024, 6, until))
    asked = CostQuestion((), size, Breakdown(), end, as_draft=True)
    windows = cost_windows(of.period, ZONE, size, end, as_draft=True)

    slices = cost_slices(of, asked, windows)
    rows = [row for one in slices for row in cost_rows(one.items, {}, one.windows, asked.breakdown, USD, one.share)]

    by_item: dict[str, Fraction] = {}
    for row in rows:
        by_item[row.item] = by_item.get(row.item, Fraction(0)) + Fraction(row.amount)
        assert row.window.end <= (end or of.period.end)
    charged = amounts(rate_period(of, used(of, {})))
    assert by_item == {item: round_half_away(amount, 2) for item, amount in charged.items()}
    second = list(charged)[1]
    assert [one.name for each in cost_slices(of, replace(asked, items=(second,)), windows) for one in each.items] == [
        second
    ]


# --- which plan rules ------------------------------------------------------------------------------------------------


def contract(plan_name: str, since: str = "", *, reason: str = "", inside: bool = True, **schedule: Any) -> Contract:
    day = date.fromisoformat(since) if since else None
    return Contract("acme", plan_name, None, replace(SCHEDULE, **schedule), day, reason, mid_period=inside)


def history(*wanted: tuple[Contract, datetime]) -> list[Version[Contract]]:
    versions: list[Version[Contract]] = []
    for content, applied_at in wanted:
        versions.append(Version("c", len(versions) + 1, applied_at, settle(versions, content, applied_at)))
    return versions


def cut(versions: Sequence[Version[Contract]], label: str = "2024-06") -> list[tuple[str, str]]:
    period = month(label, versions[-1].content.schedule)
    found = ruled_segments(rulings(versions), ZONE, period.start, period.end)
    assert found[0].start == period.start
    assert found[-1].end == period.end
    return [(one.ruling.plan, one.start.astimezone(ZoneInfo(ZONE)).date().isoformat()[5:]) for one in found]


FIRST = (contract("a", inside=False), datetime(2024, 5, 1, tzinfo=UTC))


def test_only_a_contract_that_says_so_cuts_a_period() -> None:
    assert cut(history(FIRST, (contract("b", "2024-06-11", inside=False), APPLIED))) == [("a", "06-01")]
    assert cut(history(FIRST, (contract("b", "2024-06-11"), APPLIED))) == [("a", "06-01"), ("b", "06-11")]
    # Without a day: with today's midnight, in the zone of the contract.
    late = datetime(2024, 6, 10, 22, 30, tzinfo=UTC)
    assert cut(history(FIRST, (contract("b"), late))) == [("a", "06-01"), ("b", "06-11")]
    assert cut(history(FIRST, (contract("b", "2024-07-01"), APPLIED)), "2024-07") == [("b", "07-01")]


def test_a_plan_changes_twice_in_a_period_is_put_right_and_goes_on() -> None:
    twice = history(FIRST, (contract("b", "2024-06-11"), APPLIED), (contract("c", "2024-06-21"), APPLIED))
    back = [
        *twice,
        *history(*[(version.content, APPLIED) for version in twice], (contract("a", "2024-06-25"), APPLIED))[3:],
    ]

    assert cut(twice) == [("a", "06-01"), ("b", "06-11"), ("c", "06-21")]
    assert cut(twice, "2024-07") == [("c", "07-01")]
    assert cut(back) == [("a", "06-01"), ("b", "06-11"), ("c", "06-21"), ("a", "06-25")]
    moved = history(FIRST, (contract("b", "2024-06-11"), APPLIED), (contract("b", "2024-06-13"), APPLIED))
    assert cut(moved) == [("a", "06-01"), ("b", "06-13")]
    undone = history(FIRST, (contract("b", "2024-06-11"), APPLIED), (contract("a", "2024-06-11"), APPLIED))
    assert cut(undone) == [("a", "06-01")]
    put_off = history(
        FIRST, (contract("b", "2024-06-11"), APPLIED), (contract("b", "2024-06-11", inside=False), APPLIED)
    )
    assert (cut(put_off), cut(put_off, "2024-07")) == ([("a", "06-01")], [("b", "07-01")])


def test_another_version_that_says_nothing_of_the_day_keeps_it() -> None:
    versions = history(FIRST, (contract("b", "2024-06-11"), APPLIED))
    again = settle(versions, contract("b", inside=False), APPLIED)
    ended = settle(versions, contract("b", inside=False, end=date(2025, 1, 1)), APPLIED)

    assert is_same(versions[-1].content, again)
    assert (ended.effective_from, ended.mid_period) == (date(2024, 6, 11), True)


def test_a_day_outside_the_contract_is_refused_and_a_plan_must_be_there_by_then() -> None:
    for day in ("2024-05-14", "2024-09-01"):
        with pytest.raises(Refused) as caught:
            history(FIRST, (contract("b", day, end=date(2024, 9, 1)), APPLIED))
        assert "is no day of the contract; let the plan change on 2024-05-15 or later" in str(caught.value)
    content = history(FIRST, (contract("b", "2024-06-11"), APPLIED))[-1].content
    young = Version("b", 1, APPLIED, Plan("USD", (), "", midnight(date(2024, 6, 12))))
    with pytest.raises(Refused, match="would price the contract from 2024-06-11"):
        check_priced(content, [young])


def refused(since: str, frozen: Sequence[FrozenPeriod] = (), applied_at: datetime = APPLIED) -> Reason | None:
    versions = history(FIRST)
    entry = Version("c", 2, applied_at, settle(versions, contract("b", since), applied_at))
    try:
        check_past(versions, entry, frozen)
    except Refused as error:
        return error.reason
    return None


def test_what_was_used_before_today_changes_only_with_a_reason_and_what_is_frozen_never() -> None:
    assert refused("2024-06-11") is None
    assert refused("2024-06-20") is None
    assert refused("2024-06-10") is Reason.FIELD_REQUIRED
    frozen = FrozenPeriod(month(), "a", 1)
    assert refused("2024-07-01", [frozen], datetime(2024, 7, 2, 9, tzinfo=UTC)) is Reason.FIELD_REQUIRED
    assert refused("2024-07-01", [frozen], datetime(2024, 7, 1, 9, tzinfo=UTC)) is None
    assert refused("2024-07-02", [frozen], datetime(2024, 7, 2, 9, tzinfo=UTC)) is None
    assert refused("2024-06-30", [frozen]) is Reason.CATALOG_CONFLICT


def test_a_frozen_period_keeps_its_segments_and_their_days() -> None:
    versions = history(FIRST, (contract("b", "2024-06-11"), APPLIED))
    ruled = ruled_segments(rulings(versions), ZONE, month().start, month().end)
    rated = rate_period(terms((1, plan("a", fee("1"))), (11, plan("b", fee("2")))), Usage({}, AsOf()))
    frozen = FrozenPeriod(month(), "a", 1, rated.segments)
    assert frozen.is_priced_by(ruled)

    later = datetime(2024, 7, 5, tzinfo=UTC)
    for content in (contract("a", "2024-06-11", reason="no"), contract("b", "2024-06-12", reason="no")):
        entry = Version("c", 3, later, settle(versions, content, later))
        with pytest.raises(Refused, match="already rated permanently"):
            check_past(versions, entry, [frozen])
    same = Version("c", 3, later, settle(versions, contract("c", "2024-07-05"), later))
    check_past(versions, same, [frozen])

    early, late = ((Pause(date(2024, 6, day), date(2024, 6, day + 2)),) for day in (3, 13))
    check_kept_segments([frozen], SCHEDULE, early, early)
    with pytest.raises(Refused, match="keeps its days"):
        check_kept_segments([frozen], SCHEDULE, early, late)


def test_a_change_is_told_with_its_day() -> None:
    versions = history(FIRST)
    entry = Version("c", 2, APPLIED, settle(versions, contract("b", "2024-06-11"), APPLIED))

    change = contract_change(versions, entry, [], {"a": [plan("a")], "b": [plan("b")]})

    told = [(one.first, one.last, one.pricing.before, one.pricing.after, one.pricing.turns) for one in change.periods]
    assert told == [
        ("2024-05", "2024-05", ("a", 1), ("a", 1), ()),
        ("2024-06", "2024-06", ("a", 1), ("a", 1), ((date(2024, 6, 11), ("b", 1)),)),
        ("2024-07", "", ("a", 1), ("b", 1), ()),
    ]


def test_no_item_is_named_like_the_line_of_a_segment() -> None:
    item = ItemDraft("Fee (2024-06-01 to 2024-06-10)", "", "", Price(FixedFee(Decimal(1))))

    with pytest.raises(Refused, match="lines of segments"):
        PlanDraft("USD", (item,))


def test_segments_end_and_begin_with_local_midnights_whatever_the_clocks_do() -> None:
    schedule = replace(SCHEDULE, start=date(2024, 3, 1))
    start, turn, end = (midnight(date(2024, *day)) for day in ((3, 1), (3, 31), (4, 1)))

    assert Period(turn, end).end_us - Period(turn, end).start_us == 23 * 3_600_000_000
    assert segment_share(schedule, "2024-03", start, turn).days == 30
    assert segment_share(schedule, "2024-03", turn, end).days == 1
