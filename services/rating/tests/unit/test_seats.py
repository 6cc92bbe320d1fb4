"""Seats: each day costs its share of the price of its whole count, against days that are counted one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from money import currency, round_to_minor_unit
from rating.domain.advance import is_ahead, taken_off
from rating.domain.assumed_seats import with_seats
from rating.domain.billing_period import BillingPeriod, Schedule, period_labelled
from rating.domain.boundaries import Interval
from rating.domain.charges import Charge, Terms, Usage
from rating.domain.contract_seats import check_kept_seats, check_seated, check_seats
from rating.domain.cost import Breakdown, CostQuestion, cost_rows
from rating.domain.cost_slices import cost_slices
from rating.domain.cost_windows import WindowSize, cost_windows
from rating.domain.explained_prices import explained_plan
from rating.domain.fees import Billing, Once
from rating.domain.overrides import Override, check_overridden, with_overrides
from rating.domain.pauses import Pause
from rating.domain.plans import Plan, PlanItem
from rating.domain.price_lint import lint_plan
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.package import Package
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.percentage import Percentage
from rating.domain.pricing.price import Price
from rating.domain.pricing.seats import SeatChange, SeatRule
from rating.domain.pricing.stairstep import Bracket, Stairstep
from rating.domain.pricing.tiers import Tier
from rating.domain.pricing.volume import Volume
from rating.domain.proration import WHOLE, DayShare, Proration, day_share
from rating.domain.quotes import Question, quoted, quoted_plan
from rating.domain.rated_period import fees_ahead, rate_period, rate_plan, settled_of
from rating.domain.seats import SeatCount
from rating.domain.segments import Segment, segment_share
from rating.domain.soundness import is_rated_by, is_sound
from rating.domain.variance import Effect, Side, variances
from rating.domain.versions import Version
from rating.store.documents import charge_from_document, charge_to_document, item_from_document, item_to_document
from rating.store.seats import count_from_document, count_to_document

USD, ZONE = currency("USD"), "Europe/Vienna"
JUNE = Schedule(date(2024, 5, 1), None, 1, ZONE)
LADDER = Graduated((Tier(Decimal(5), Decimal(20)), Tier(None, Decimal(15))))
MODELS: dict[str, PriceModel] = {
    "per unit": PerUnit(Decimal("19.99")),
    "graduated": Graduated((Tier(Decimal(3), Decimal(20), Decimal(7)), Tier(None, Decimal("12.5")))),
    "volume": Volume((Tier(Decimal(4), Decimal(20)), Tier(None, Decimal(15), Decimal(1)))),
    "package": Package(Decimal(5), Decimal(60)),
    "stairstep": Stairstep((Bracket(Decimal(5), Decimal(50)), Bracket(None, Decimal(90)))),
}
WAITS, AT_ONCE = SeatChange.NEXT_PERIOD, SeatChange.PRORATED
FIVE_THEN_EIGHT = ((1, 5), (11, 8))


def seats(model: PriceModel | None = None, rule: SeatRule | None = None, **fields: Any) -> PlanItem:
    price = Price(PerUnit(Decimal(20)) if model is None else model, seats=rule or SeatRule())
    return PlanItem("Seats", "", "", price, **fields)


def counts(*by_day: tuple[int, int], month: int = 6) -> tuple[SeatCount, ...]:
    return tuple(SeatCount("Seats", date(2024, month, day), count) for day, count in by_day)


def charge(item: PlanItem, *by_day: tuple[int, int], pauses: tuple[Pause, ...] = ()) -> Charge:
    """Return what June 2024 costs with counts from days of it."""
    share = day_share(JUNE, "2024-06", pauses, counts(*by_day))
    (found,) = rate_plan(Plan("USD", (item,)), {}, share)
    assert is_sound(found, item, "USD")
    assert charge_from_document(charge_to_document(found)) == found
    return found


def month(label: str, schedule: Schedule = JUNE) -> BillingPeriod:
    period = period_labelled(schedule, label)
    assert period is not None
    return period


@pytest.mark.parametrize(
    ("model", "rule", "by_day", "amount", "average"),
    [
        (PerUnit(Decimal(20)), SeatRule(), FIVE_THEN_EIGHT, "140", "7"),
        (LADDER, SeatRule(), FIVE_THEN_EIGHT, "130", "7"),
        (LADDER, SeatRule(), ((1, 8),), "145", "8"),
        # Fewer seats are charged from the next period on, unless the plan says so; more from their day.
        (PerUnit(Decimal(20)), SeatRule(), ((1, 8), (11, 5)), "160", "8"),
        (PerUnit(Decimal(20)), SeatRule(decrease=AT_ONCE), ((1, 8), (11, 5)), "120", "6"),
        (PerUnit(Decimal(20)), SeatRule(increase=WAITS), FIVE_THEN_EIGHT, "100", "5"),
        (PerUnit(Decimal(20)), SeatRule(WAITS, AT_ONCE), ((1, 5), (11, 2), (21, 9)), "80", "4"),
        # Added and removed on one day: a day of one more. Removed and added again: as if nothing had been.
        (PerUnit(Decimal(30)), SeatRule(decrease=AT_ONCE), ((1, 5), (11, 6), (11, 5)), "151", "151/30"),
        (PerUnit(Decimal(30)), SeatRule(decrease=AT_ONCE), ((1, 5), (11, 4), (11, 5)), "150", "5"),
        # None before the first day of which one is told, and none after the last seat has gone.
        (PerUnit(Decimal(30)), SeatRule(decrease=AT_ONCE), ((11, 2), (21, 0)), "20", "2/3"),
        (PerUnit(Decimal(30)), SeatRule(), (), "0", "0"),
    ],
)
def test_a_day_costs_its_share_of_the_price_of_its_count(
    model: PriceModel, rule: SeatRule, by_day: tuple[tuple[int, int], ...], amount: str, average: str
) -> None:
    found = charge(seats(model, rule), *by_day)

    priced = found.derivation.priced_quantity
    assert (
        Fraction(found.derivation.amount) == Fraction(amount) == sum(Fraction(r.amount) for r in found.derivation.rows)
    )
    assert Fraction(found.quantity if priced is None else priced) == Fraction(average)
    assert item_from_document(item_to_document(seats(model, rule))) == seats(model, rule)
    assert [count_from_document(count_to_document(one)) for one in counts(*by_day)] == list(counts(*by_day))


def test_each_run_of_days_is_told_with_its_count_its_price_and_its_share() -> None:
    first, rest = "5 seats in the tier up to 5 seats at 20 USD each", "20 of 30 days of it: 290/3 USD"
    found = charge(seats(LADDER), *FIVE_THEN_EIGHT)

    assert [step.text for step in found.derivation.steps] == [
        f"5 seats, 2024-06-01 to 2024-06-10: 100 USD a period ({first}); 10 of 30 days of it: 100/3 USD",
        f"8 seats, 2024-06-11 to 2024-06-30: 145 USD a period ({first}; 3 seats at 15 USD each); {rest}",
        "7 seats on average over the 30 days of the period",
        "Exact amount: 130 USD, not rounded",
    ]
    assert (found.quantity, found.unit) == (Decimal(8), "seats")
    assert not is_sound(found, seats(PerUnit(Decimal(20))), "USD")
    assert not is_sound(found, seats(LADDER, SeatRule(increase=WAITS)), "USD")


def test_days_of_a_pause_have_no_seats_and_do_not_count_as_the_highest() -> None:
    pause = Pause(date(2024, 6, 1), date(2024, 6, 11))

    found = charge(seats(PerUnit(Decimal(30))), (1, 8), (9, 5), pauses=(pause,))

    assert found.derivation.amount == Decimal(100)
    assert [row.row for row in found.derivation.rows] == ["5 seats, 2024-06-11 to 2024-06-30"]


# --- against days that are counted one by one ------------------------------------------------------------------------

_CHANGES = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 12)), max_size=8)
_PAUSES = st.none() | st.tuples(st.integers(0, 80), st.integers(1, 30))


def _price(name: str, seats: int) -> Fraction:
    """What a count costs in the models above, written once more."""
    n = Fraction(seats)
    if not seats:
        return Fraction(0)
    match name:
        case "per unit":
            return n * Fraction("19.99")
        case "graduated":
            return min(n, Fraction(3)) * 20 + 7 + max(n - 3, Fraction(0)) * Fraction("12.5")
        case "volume":
            return n * 20 if seats <= 4 else n * 15 + 1
        case "package":
            return Fraction(-(-seats // 5) * 60)
        case _:
            return Fraction(50 if seats <= 5 else 90)


def _daily(
    start: date, changes: list[tuple[int, int]], days: list[date], paused: list[date], rule: SeatRule
) -> dict[date, int]:
    """Return the seats that are charged on each day of a period, looked at day by day."""
    found: dict[date, int] = {}
    opening, highest, running = None, 0, 0
    for day in (start + timedelta(days=n) for n in range((days[-1] - start).days + 1)):
        set_that_day = [count for offset, count in changes if start + timedelta(days=offset) == day]
        there = max(set_that_day) if set_that_day else running
        running = set_that_day[-1] if set_that_day else running
        if day < days[0] or day in paused:
            continue
        opening = there if opening is None else opening
        highest = max(highest, there)
        most = opening if rule.increase is WAITS else 10**9
        found[day] = min(highest if rule.decrease is WAITS else there, most)
        if rule.increase is WAITS and rule.decrease is WAITS:
            found[day] = opening
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(MODELS)),
    st.builds(SeatRule, st.sampled_from(SeatChange), st.sampled_from(SeatChange)),
    _CHANGES,
    _PAUSES,
    st.integers(1, 95),
    st.integers(0, 95),
    st.sampled_from(list(WindowSize)),
)
def test_the_exact_amount_is_the_sum_of_the_days_and_windows_and_segments_add_up(
    name: str,
    rule: SeatRule,
    changes: list[tuple[int, int]],
    paused: tuple[int, int] | None,
    length: int,
    cut: int,
    size: WindowSize,
) -> None:
    changes = sorted(((day, count) for day, count in changes if day < length), key=lambda change: change[0])
    start = date(2024, 4, 17)
    schedule = Schedule(start, start + timedelta(days=length), 1, ZONE)
    own = tuple(SeatCount("Seats", start + timedelta(days=day), count) for day, count in changes)
    check_seats(own, schedule)
    pauses: tuple[Pause, ...] = ()
    paused_days: list[date] = []
    if paused is not None and paused[0] < length:
        first = start + timedelta(days=paused[0])
        pauses = (Pause(first, first + timedelta(days=paused[1])),)
        paused_days = [first + timedelta(days=n) for n in range(paused[1])]
    item = seats(MODELS[name], rule)
    for label, of_days in (("2024-04", 30), ("2024-05", 31), ("2024-06", 30), ("2024-07", 31)):
        period = period_labelled(schedule, label)
        if period is None:
            continue
        begins, after = (instant.astimezone(ZoneInfo(ZONE)).date() for instant in (period.start, period.end))
        days = [begins + timedelta(days=n) for n in range((after - begins).days)]
        by_day = _daily(start, changes, days, paused_days, rule)
        expected = sum((_price(name, count) for count in by_day.values()), Fraction(0)) / of_days
        share = day_share(schedule, label, pauses, own)

        (found,) = rate_plan(Plan("USD", (item,)), {}, share)

        assert Fraction(found.derivation.amount) == expected
        assert found.quantity == (list(by_day.values())[-1] if by_day and share.seats else 0)
        assert is_sound(found, item, "USD")
        windows = cost_windows(period, ZONE, size, None)
        rows = cost_rows([item], {}, windows, Breakdown((), {}), USD, share)
        assert sum((row.amount for row in rows), Decimal(0)) == round_to_minor_unit(found.derivation.amount, USD)
        turn = begins + timedelta(days=cut)
        if begins < turn < after:
            middle = datetime(turn.year, turn.month, turn.day, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
            spans = ((period.start, middle), (middle, period.end))
            parts = [segment_share(schedule, label, *span, pauses, own) for span in spans]
            each = [rate_plan(Plan("USD", (item,)), {}, part)[0].derivation.amount for part in parts]
            assert sum(Fraction(amount) for amount in each) == expected


def test_a_days_seats_fall_on_their_day() -> None:
    share = day_share(JUNE, "2024-06", (), counts(*FIVE_THEN_EIGHT))
    windows = cost_windows(month("2024-06"), ZONE, WindowSize.DAY, None)

    rows = cost_rows([seats(PerUnit(Decimal(30)))], {}, windows, Breakdown((), {}), USD, share)

    assert [row.amount for row in rows] == [Decimal("5.00")] * 10 + [Decimal("8.00")] * 20


# --- in the life of a contract ---------------------------------------------------------------------------------------


def terms(item: PlanItem, label: str, own: tuple[SeatCount, ...], **fields: Any) -> Terms:
    plan = Version("p", 1, datetime(2024, 1, 1, tzinfo=UTC), Plan("USD", (item,)))
    share = day_share(JUNE, label, (), own)
    return Terms("c", "k", month(label), ZONE, plan, share=share, **fields)


def test_another_price_inside_a_period_cuts_seats_and_keeps_the_highest_count() -> None:
    own = counts((1, 8), (11, 5))
    middle = datetime(2024, 6, 16, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
    cheap, dear = seats(PerUnit(Decimal(20))), seats(PerUnit(Decimal(30)))
    base = terms(cheap, "2024-06", own)
    later = replace(base.plan, content=Plan("USD", (dear,)), version=2)
    spans = ((base.period.start, middle, base.plan), (middle, base.period.end, later))
    segments = tuple(
        Segment(start, end, plan, segment_share(JUNE, "2024-06", start, end, (), own)) for start, end, plan in spans
    )
    cut = replace(base, segments=segments)

    found = rate_period(cut, Usage({}, AsOf("", {})))

    assert [(one.item, one.derivation.amount) for one in found.charges] == [
        ("Seats (2024-06-01 to 2024-06-15)", Decimal(80)),
        ("Seats (2024-06-16 to 2024-06-30)", Decimal(120)),
    ]
    assert is_rated_by(found, cut)
    windows = cost_windows(base.period, ZONE, WindowSize.DAY, None)
    question = CostQuestion((), WindowSize.DAY, Breakdown((), {}), None)
    rows = [
        row
        for one in cost_slices(cut, question, windows)
        for row in cost_rows(one.items, {}, one.windows, Breakdown((), {}), USD, one.share)
    ]
    assert sum(row.amount for row in rows) == Decimal("200.00")
    assert {row.amount for row in rows} == {Decimal("5.33"), Decimal("5.34"), Decimal("8.00")}


def test_other_seats_are_other_terms() -> None:
    now = terms(seats(), "2024-06", counts(*FIVE_THEN_EIGHT))
    found = rate_period(now, Usage({}, AsOf("", {})))

    assert is_rated_by(found, now)
    assert not is_rated_by(found, terms(seats(), "2024-06", counts((1, 5), (12, 8))))
    assert not is_rated_by(found, terms(seats(), "2024-06", ()))


def test_in_advance_the_opening_count_is_billed_and_then_the_difference() -> None:
    item = seats(billing=Billing.ADVANCE)
    own = (*counts((1, 5), month=5), *counts((11, 8)))
    ahead = fees_ahead(terms(item, "2024-06", own))
    june = replace(terms(item, "2024-06", own), advance=taken_off(ahead, "USD"))
    found = rate_period(june, Usage({}, AsOf("", {})))

    assert [(one.item, one.derivation.amount) for one in (*ahead, *found.charges)] == [
        ("Seats (2024-06-01 to 2024-06-30)", Decimal(100)),
        ("Seats", Decimal(140)),
        ("Billed in advance: Seats (2024-06-01 to 2024-06-30)", Decimal(-100)),
    ]
    assert all(is_sound(one, item, "USD") for one in (*ahead, *found.charges))
    assert is_ahead(ahead[0], month("2024-05"))
    assert settled_of(found.charges) == frozenset()
    # Where nothing changes, both are nothing together.
    same = terms(item, "2024-06", counts((1, 5), month=5))
    again = replace(same, advance=taken_off(fees_ahead(same), "USD"))
    assert len(settled_of(rate_period(again, Usage({}, AsOf("", {}))).charges)) == 2


def test_more_seats_are_volume_and_a_dearer_seat_is_price() -> None:
    cheap, dear = seats(PerUnit(Decimal(20))), seats(PerUnit(Decimal(30)))
    before, after = (day_share(JUNE, "2024-06", (), counts(*by_day)) for by_day in (((1, 5),), FIVE_THEN_EIGHT))
    sides = [
        Side(
            rate_plan(Plan("USD", (item,)), {}, share),
            rate_plan(Plan("USD", (item,)), {}, share),
            Plan("USD", (item,)),
            share,
        )
        for item, share in ((cheap, before), (dear, after))
    ]

    (item,) = variances(sides[0], sides[1], Plan("USD", (dear,)), USD)

    assert {each.effect: each.amount for each in item.effects} == {
        Effect.VOLUME: Decimal("40.00"),
        Effect.PRICE: Decimal("70.00"),
    }
    assert item.change == Decimal("110.00")


# --- what is refused, said and quoted --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "field", "text"),
    [
        (counts((11, 5), (10, 6)), "seats[1].start", "write the days in order"),
        (counts((1, 5), month=4), "seats[0].start", "must be a day of the contract"),
        (counts((1, 10**9 + 1)), "seats[0].count", "whole seats"),
    ],
)
def test_counts_that_are_none_are_refused(found: tuple[SeatCount, ...], field: str, text: str) -> None:
    with pytest.raises(Refused, match=text) as refused:
        check_seats(found, JUNE)
    assert refused.value.field == field


def test_a_period_that_is_rated_permanently_keeps_its_seats() -> None:
    frozen, before = [month("2024-05"), month("2024-06")], counts((1, 5))

    check_kept_seats(frozen, JUNE, (), before, (*before, *counts((1, 9), month=7)))
    with pytest.raises(Refused, match="period 2024-06 is already rated permanently"):
        check_kept_seats(frozen, JUNE, (), before, (*before, *counts((30, 9))))
    with pytest.raises(Refused, match="period 2024-06 is already rated permanently"):
        check_kept_seats(frozen, JUNE, (), before, ())


def test_seats_are_of_items_that_are_sold_by_seats() -> None:
    plan = Plan("USD", (seats(), PlanItem("Fee", "", "", Price(FixedFee(Decimal(1))))))

    check_seated(counts((1, 1)), [plan])
    check_seated([None], [plan])
    with pytest.raises(Refused, match="no item 'Fee' with seats; its items with seats: Seats"):
        check_seated([replace(counts((1, 1))[0], item="Fee")], [plan])


@pytest.mark.parametrize("fields", [{"proration": Proration.DAY}, {"once": Once.START}, {"interval": Interval.YEAR}])
def test_what_is_of_fixed_fees_is_not_of_seats(fields: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="seats are charged in every period, and always by days"):
        PlanItem("Seats", "", "", Price(PerUnit(Decimal(1)), seats=SeatRule()), **fields)


def test_prices_that_no_count_has_are_refused() -> None:
    with pytest.raises(Refused, match="have a price by their count"):
        Price(Percentage(Decimal(2)), seats=SeatRule())
    with pytest.raises(Refused, match="at most 12 decimals"):
        seats(PerUnit(Decimal("0.0000000000001")))


def test_a_contract_may_pay_another_price_for_its_seats() -> None:
    plan = Plan("USD", (seats(),))
    other = Override("Seats", Price(LADDER, seats=SeatRule()), None, date(2024, 6, 1), None)
    less = Override("Seats", None, Decimal("0.9"), date(2024, 6, 1), None)
    fee = Override("Seats", Price(FixedFee(Decimal(1))), None, date(2024, 6, 1), None)
    check_overridden([other, less], [plan])
    share = day_share(JUNE, "2024-06", (), counts(*FIVE_THEN_EIGHT))

    (found,) = rate_plan(with_overrides(plan, [other, less]), {}, share)

    assert found.derivation.amount == Decimal(117)
    with pytest.raises(Refused, match="'Seats' is of seats; write its price so"):
        check_overridden([fee], [plan])


def test_seats_are_quoted_explained_and_looked_over() -> None:
    plan = Plan("USD", (seats(LADDER),))
    june = month("2024-06")

    whole = quoted_plan(plan, [], with_seats(WHOLE, june, ZONE, [SeatCount("Seats", date.min, 8)], plan))
    dated = quoted_plan(plan, [], with_seats(WHOLE, june, ZONE, counts(*FIVE_THEN_EIGHT), plan))
    half = quoted_plan(
        plan,
        [],
        with_seats(DayShare(15, 30), replace(june, end=june.start + timedelta(days=15)), ZONE, counts((1, 8)), plan),
    )
    (one,) = quoted(plan, [Question("Seats", Decimal(6))])
    (said,) = explained_plan(plan, {})

    assert [str(quote.total) for quote in (whole, dated, half)] == ["145.00", "130.00", "72.50"]
    assert quoted_plan(plan, []).total == Decimal("0.00")
    assert (one.amount, one.quantity) == (Decimal("115.00"), Decimal(6))
    assert [(quote.quantity, quote.amount) for quote in said.examples] == [
        (Decimal(5), Decimal("100.00")),
        (Decimal(6), Decimal("115.00")),
        (Decimal(50), Decimal("775.00")),
    ]
    assert "more are charged from its day on, fewer from the next period on" in said.sentence
    assert "seat" in said.sentence
    with pytest.raises(Refused, match="is no number of seats"):
        quoted(plan, [Question("Seats", Decimal("1.5"))])
    with pytest.raises(Refused, match="must be a day of the period"):
        with_seats(WHOLE, june, ZONE, counts((1, 1), month=7), plan)
    assert lint_plan("p", plan, {}) == ()
    falls = Plan("USD", (seats(Volume((Tier(Decimal(5), Decimal(20)), Tier(None, Decimal(10))))),))
    (odd,) = lint_plan("p", falls, {})
    assert odd.message.startswith("the total falls where usage rises: 5 seats cost 100 USD, and 6 seats 60 USD")
