"""What usage has of included units, a maximum and a minimum in a short period, against fractions by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from money import currency, format_decimal
from rating.domain.billing_period import BillingPeriod
from rating.domain.cells import Cell, Cells
from rating.domain.charges import Charge, MeterUsage
from rating.domain.cost import Breakdown, UsageByWindow, UsageRow, cost_rows, usage_that_adds_up
from rating.domain.cost_windows import WindowSize, cost_windows
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.adjust import Included, Maximum, Minimum, adjustments_of
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.matrix import Condition, Matrix, MatrixRow
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.pricing.spread import Ladder
from rating.domain.pricing.tiers import Tier
from rating.domain.proration import WHOLE, DayShare, Proration
from rating.domain.rated_period import rate_plan
from rating.domain.soundness import is_sound
from rating.domain.variance import Effect, Side, variances
from rating.store.documents import charge_from_document, charge_to_document, item_from_document, item_to_document
from testkit.oracle.exact import round_half_away
from testkit.oracle.prices import cost_of

USD = currency("USD")
PUBLISHED = {"included": "1000", "minimum": "10", "maximum": "50"}


def calls(price: Price, proration: Proration = Proration.DAY) -> PlanItem:
    return PlanItem("Calls", "calls", "", price, proration)


def published(proration: Proration = Proration.DAY) -> PlanItem:
    bounds = adjustments_of({key: Decimal(value) for key, value in PUBLISHED.items()})
    return calls(Price(PerUnit(Decimal("0.05")), bounds), proration)


def charge(item: PlanItem, used: int | str, share: DayShare, cells: Cells | None = None) -> Charge:
    usage = {"calls": MeterUsage(Decimal(used), "call", 1, adds_up=True, cells=cells)}
    (found,) = rate_plan(Plan("USD", (item,)), usage, share)
    return found


@pytest.mark.parametrize(
    ("days", "used", "exact", "line"),
    [
        (DayShare(20, 30), 0, "20/3", "6.67"),
        (DayShare(20, 30), 700, "20/3", "6.67"),
        (DayShare(20, 30), 1000, "50/3", "16.67"),
        (DayShare(20, 30), 9000, "100/3", "33.33"),
        (DayShare(17, 31), 0, "170/31", "5.48"),
        (DayShare(17, 31), 700, "235/31", "7.58"),
        (DayShare(17, 31), 1000, "700/31", "22.58"),
        (DayShare(17, 31), 9000, "850/31", "27.42"),
        (DayShare(31, 31), 1100, "10", "10.00"),
        # Paused on all of its days: nothing is included, nothing is owed, and what is used is priced as usual.
        (DayShare(0, 30), 0, "0", "0.00"),
        (DayShare(0, 30), 9000, "450", "450.00"),
    ],
)
def test_the_published_table(days: DayShare, used: int, exact: str, line: str) -> None:
    item = published()

    found = charge(item, used, days)

    assert Fraction(found.derivation.amount) == Fraction(exact)
    assert round_half_away(Fraction(exact), 2) == Fraction(line)
    assert charge_from_document(charge_to_document(found)) == found
    assert item_from_document(item_to_document(item)) == item
    assert is_sound(found, item, "USD")
    assert is_sound(replace(found, share=DayShare(19, 30)), item, "USD") is False


def test_a_charge_says_of_how_many_days_its_bounds_are() -> None:
    texts = [step.text for step in charge(published(), 9000, DayShare(17, 31)).derivation.steps]

    assert texts[1] == "17000/31 call included (17 of 31 days of 1000 call), 262000/31 call remain"
    assert texts[-2] == "The maximum of 850/31 USD (17 of 31 days of 50 USD) caps 13100/31 USD"
    assert "The minimum of 170/31 USD (17 of 31 days of 10 USD) lifts 0 USD" in [
        step.text for step in charge(published(), 0, DayShare(17, 31)).derivation.steps
    ]


def test_without_proration_a_short_period_includes_all() -> None:
    item = published(Proration.NONE)

    assert charge(item, 1500, DayShare(1, 31)) == charge(item, 1500, WHOLE)


def test_a_price_of_which_nothing_goes_by_days_is_refused_with_proration() -> None:
    with pytest.raises(Refused, match="this price has none of them"):
        calls(Price(PerUnit(Decimal(1))))


def test_included_units_of_rows_go_by_days() -> None:
    row = MatrixRow((Condition("to", ("AT",)),), PerUnit(Decimal("0.10")), Decimal(300))
    price = Price(PerUnit(Decimal("0.20")), spread=Matrix(("to",), Ladder.OWN, (row,)))
    cells = Cells(("to",), (Cell(("AT",), Decimal(250)), Cell(("US",), Decimal(10))))

    found = charge(calls(price), 260, DayShare(10, 31), cells)

    assert Fraction(found.derivation.amount) == (250 - Fraction(300 * 10, 31)) / 10 + 2


@st.composite
def _prices(draw: st.DrawFn) -> tuple[Price, dict[str, Any]]:
    """Return a price, and the same as a catalog has it."""
    amounts = st.integers(0, 10**6).map(lambda n: Decimal(n).scaleb(-2))
    least, most = sorted(draw(st.lists(amounts, min_size=2, max_size=2)))
    given_ = {"included": draw(amounts), "minimum": least, "maximum": most}
    kept = draw(st.sets(st.sampled_from(sorted(given_)), min_size=1))
    bound, first, rest = draw(st.integers(1, 500)), draw(amounts), draw(amounts)
    texts = {key: format_decimal(value) for key, value in given_.items() if key in kept}
    model = Graduated((Tier(Decimal(bound), first), Tier(None, rest)))
    tiers = [{"upTo": str(bound), "unit": str(first)}, {"unit": str(rest)}]
    price = Price(model, adjustments_of({key: given_[key] for key in kept}))
    return price, {"graduated": {"tiers": tiers}, **texts}


@given(_prices(), st.integers(0, 2000), st.integers(1, 366), st.data())
def test_bounds_are_their_days_and_ladders_are_whole(
    prices: tuple[Price, dict[str, Any]], used: int, of_days: int, data: st.DataObject
) -> None:
    price, written = prices
    days = data.draw(st.integers(1, of_days))
    by_hand = {
        key: str(Fraction(value) * days / of_days) if key in {"included", "minimum", "maximum"} else value
        for key, value in written.items()
    }

    found = charge(calls(price), used, DayShare(days, of_days)) if price.adjustments else None

    # `included: "0"` alone is no included unit at all, and such an item is refused.
    if found is not None:
        assert Fraction(found.derivation.amount) == cost_of(Fraction(used), by_hand).amount


@given(_prices(), st.lists(st.integers(0, 300), min_size=1, max_size=20), st.integers(1, 30))
def test_windows_of_a_short_period_add_up_to_its_charge(
    prices: tuple[Price, dict[str, Any]], by_day: list[int], days: int
) -> None:
    price, _ = prices
    if not price.adjustments:
        return
    item, share = calls(price), DayShare(days, 30)
    period = BillingPeriod("2024-06", datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC))
    windows = cost_windows(period, "UTC", WindowSize.DAY, None)
    rows = [UsageRow(datetime(2024, 6, day, tzinfo=UTC), (), Decimal(n)) for day, n in enumerate(by_day, 1)]
    over_time = usage_that_adds_up(UsageByWindow(rows, "call", AsOf(), is_filled=True), windows, is_grouped=False)

    told = cost_rows([item], {"calls": over_time}, windows, Breakdown(), USD, share)

    whole = Fraction(charge(item, sum(by_day), share).derivation.amount)
    assert sum(Fraction(row.exact_amount or 0) for row in told) == whole
    assert sum(Fraction(row.amount) for row in told) == round_half_away(whole, 2)


def test_more_days_of_what_is_included_are_an_effect_of_time() -> None:
    """100 included of 10 of 30 days, then of all: 200 used cost 0.10 x 200 less a third of 100, then less 100."""
    plan = Plan("USD", (calls(Price(PerUnit(Decimal("0.10")), (Included(Decimal(100)),))),))
    short, whole = DayShare(10, 30), DayShare(30, 30)
    before, after = charge(plan.items[0], 200, short), charge(plan.items[0], 200, whole)

    (found,) = variances(Side([before], [before], plan, short), Side([after], [after], plan, whole), plan, USD)

    assert {one.effect: one.exact for one in found.effects} == {Effect.TIME: Fraction(100, 30) - 10}


def test_a_multiplier_stands_before_bounds_and_goes_by_no_days() -> None:
    price = Price(PerUnit(Decimal(1)), (Maximum(Decimal(60)), Minimum(Decimal(30)))).multiplied(Decimal("0.5"))

    costs = [Fraction(charge(calls(price), used, DayShare(10, 30)).derivation.amount) for used in (0, 30, 100)]

    assert costs == [10, 15, 20]
