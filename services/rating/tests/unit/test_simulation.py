"""What other prices would have charged: sums, bands and the cheapest plan."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from rating.domain.billing_period import BillingPeriod
from rating.domain.cell_questions import CellQuestion
from rating.domain.cells import Cell, cells_of
from rating.domain.charges import MeterUsage, RatedPeriod
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.calendar import Calendar, CalendarClass, Segment
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.per_key import PerKey
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.pricing.spread import Ladder
from rating.domain.proration import WHOLE
from rating.domain.rated_period import rate_plan
from rating.domain.simulation import (
    BOUNDS_PERCENT,
    Band,
    Cheapest,
    CustomerOutcome,
    HistoricPeriod,
    Skip,
    Summary,
    band_of,
    cheapest_of,
    check_one_calendar,
    months_between,
    priced_by,
    told_apart,
    usage_of,
)


def plan_of(fee: str, *units: tuple[str, str], code: str = "USD") -> Plan:
    items = [PlanItem("Fee", "", "", Price(FixedFee(Decimal(fee))))]
    items += [PlanItem(meter, meter, "", Price(PerUnit(Decimal(unit)))) for meter, unit in units]
    return Plan(code, tuple(items))


def history(plan: Plan, name: str = "standard", **quantities: str) -> HistoricPeriod:
    usage = {meter: MeterUsage(Decimal(quantity), "", 1) for meter, quantity in quantities.items()}
    period = BillingPeriod("2013-01", datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 2, 1, tzinfo=UTC))
    rated = RatedPeriod("c", "UA", period, name, 1, plan.currency, rate_plan(plan, usage), AsOf("e", {}))
    return HistoricPeriod(rated, WHOLE, usage)


def test_the_plan_as_it_is_charges_what_was_charged() -> None:
    plan = plan_of("9.995", ("calls", "0.333"))
    period = history(plan, calls="7.1")

    assert priced_by(plan, period) == period.rated.charges
    assert usage_of(period.rated) == period.usage


def test_usage_is_told_apart_where_other_prices_need_it() -> None:
    cells = cells_of(("region",), [Cell(("eu",), Decimal(3))])
    used = MeterUsage(Decimal(3), "", 1, adds_up=True, cells=cells)
    plain = MeterUsage(Decimal(3), "", 1)
    segments = (Segment(datetime(2013, 1, 1, tzinfo=UTC), "day"),)

    assert told_apart(used, None)
    assert told_apart(plain, None)
    assert told_apart(used, CellQuestion(("region",)))
    assert not told_apart(None, None)
    assert not told_apart(plain, CellQuestion(("region",)))
    assert not told_apart(used, CellQuestion(("region", "tier")))
    assert not told_apart(used, CellQuestion(("region",), segments))


def test_two_calendars_of_one_meter_are_not_tried_together() -> None:
    day, night = (Calendar((CalendarClass(name, ends=720),), "other") for name in ("day", "night"))

    def item(calendar: Calendar) -> PlanItem:
        spread = PerKey(("calendar",), Ladder.OWN)
        return PlanItem("Calls", "calls", "", Price(PerUnit(Decimal(1)), spread=spread, calendar=calendar))

    check_one_calendar([item(day), item(day)])
    with pytest.raises(Refused, match="try them one by one"):
        check_one_calendar([item(day), item(night)])


def test_lines_are_rounded_as_an_invoice_does_and_added_up() -> None:
    old, new = plan_of("1", ("calls", "0.005")), plan_of("2", ("calls", "0.004"), ("minutes", "1"))
    outcome = CustomerOutcome("UA", "USD")
    for calls in ("1", "1", "3"):
        period = history(old, calls=calls, minutes="0.5")
        outcome.add(period, priced_by(new, period))

    assert (outcome.periods, outcome.now, outcome.then) == (3, Decimal("3.04"), Decimal("7.51"))
    assert {name: (one.now, one.then) for name, one in outcome.items.items()} == {
        "Fee": (Decimal("3.00"), Decimal("6.00")),
        "calls": (Decimal("0.04"), Decimal("0.01")),
        "minutes": (Decimal(0), Decimal("1.50")),
    }
    assert outcome.items["calls"].exact_now == Fraction("0.025")


@pytest.mark.parametrize(
    ("now", "then", "sign", "size"),
    [
        ("100", "100", 0, 0),
        ("0", "0", 0, 0),
        ("0", "1", 1, None),
        ("100", "100.01", 1, 0),
        ("100", "104.99", 1, 0),
        ("100", "105", 1, 5),
        ("100", "95", -1, 5),
        ("100", "50.01", -1, 20),
        ("100", "50", -1, 50),
        ("3", "300", 1, 50),
    ],
)
def test_bands_begin_where_their_percent_is_reached(now: str, then: str, sign: int, size: int | None) -> None:
    band = band_of(Decimal(now), Decimal(then))

    assert (band.sign, band.size) == (sign, size)


def test_bands_go_from_the_largest_fall_to_the_largest_rise() -> None:
    thens = ["45", "99", "100", "101", "150"]
    bands = [band_of(Decimal(100), Decimal(then)) for then in thens] + [band_of(Decimal(0), Decimal(1))]

    assert sorted(set(bands)) == bands


amounts = st.decimals(0, 1000, places=2)


@given(st.lists(st.tuples(amounts, amounts), max_size=30))
def test_all_customers_come_to_what_each_comes_to(changes: list[tuple[Decimal, Decimal]]) -> None:
    summary = Summary()
    for place, (now, then) in enumerate(changes):
        summary.add(CustomerOutcome(f"c{place}", "USD", periods=1, now=now, then=then))
    if not changes:
        return
    total = summary.totals["USD"]

    assert (total.now, total.then) == (sum(now for now, _ in changes), sum(then for _, then in changes))
    for band, one in total.bands.items():
        own = [(now, then) for now, then in changes if _is_in(band, now, then)]
        assert (one.customers, one.difference) == (len(own), sum(then - now for now, then in own))
    assert sum(one.customers for one in total.bands.values()) == len(changes)


def _is_in(band: Band, now: Decimal, then: Decimal) -> bool:
    """Say it with divisions, which is another way than the code's."""
    if now == then:
        return band.sign == 0
    if not now:
        return band.size is None
    percent = (Fraction(then) - Fraction(now)) * 100 / Fraction(now)
    if band.size is None or band.sign * percent <= 0:
        return False
    ends = [bound for bound in BOUNDS_PERCENT if bound > band.size]
    return abs(percent) >= band.size and (not ends or abs(percent) < ends[0])


def test_the_cheapest_plan_prices_all_that_is_used() -> None:
    period = history(plan_of("5", ("calls", "1"), ("minutes", "1")), calls="10", minutes="0")
    plans = {
        "flat": plan_of("12", ("calls", "0")),
        "flat-too": plan_of("12", ("calls", "0"), ("minutes", "9")),
        "without-calls": plan_of("1"),
        "in-euros": plan_of("1", ("calls", "0"), code="EUR"),
        "dear": plan_of("5", ("calls", "1")),
    }

    assert cheapest_of(plans, "USD", [period]) == Cheapest("flat", Decimal("12.00"))
    assert cheapest_of({"without-calls": plans["without-calls"]}, "USD", [period]) is None


def test_what_is_left_out_is_counted_with_its_first() -> None:
    summary = Summary()
    for label in ("2013-01", "2013-02"):
        summary.skip(Skip.CURRENCY, "c", label)

    assert summary.skipped == {Skip.CURRENCY: (2, "c 2013-01")}


def test_months_have_an_order_and_a_limit() -> None:
    assert months_between("", "", "2013-05") == ["2013-05"]
    assert months_between("2012-12", "2013-02", "2013-05") == ["2012-12", "2013-01", "2013-02"]
    assert len(months_between("2010-01", "2012-12", "")) == 36
    for first, last in (("2013-02", "2013-01"), ("2010-01", "2013-01"), ("2013-13", ""), ("", "2013-00")):
        with pytest.raises(Refused):
            months_between(first, last, "2013-05")
