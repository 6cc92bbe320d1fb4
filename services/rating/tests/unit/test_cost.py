"""What usage costs over time and by group: examples, then the laws that hold for every price and every aggregation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from money import ZERO, Currency, currency, exact_arithmetic
from rating.domain.billing_period import BillingPeriod, Schedule, period_labelled
from rating.domain.charges import ChargeKind
from rating.domain.cost import (
    Breakdown,
    CostPart,
    CostRow,
    MeterUsageOverTime,
    UsageByWindow,
    UsageRow,
    chosen_items,
    cost_rows,
    counted_in_all,
    usage_that_adds_up,
    usage_that_runs,
)
from rating.domain.cost_windows import CostWindows, WindowSize, cost_windows
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.adjust import adjustments_of
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.package import Package
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.percentage import Percentage
from rating.domain.pricing.price import Price
from rating.domain.pricing.stairstep import Bracket, Stairstep
from rating.domain.pricing.tiers import Tier
from rating.domain.pricing.volume import Volume
from testkit.oracle.exact import round_half_away
from testkit.oracle.prices import cost_of

USD, JPY = currency("USD"), currency("JPY")
ZONE = "America/New_York"
ALL_ORIGINS = Breakdown(("origin",))


def month(label: str = "2013-11", zone: str = ZONE, start: date = date(2013, 1, 1)) -> BillingPeriod:
    found = period_labelled(Schedule(start, None, 1, zone), label)
    assert found is not None
    return found


NOVEMBER = month()
"""Thirty days in New York, the third of which has 25 hours."""
DAYS = cost_windows(NOVEMBER, ZONE, WindowSize.DAY, None)
WHOLE = cost_windows(NOVEMBER, ZONE, WindowSize.WHOLE, None)


# --- prices in the words of a catalog file, for the service and for the oracle ---------------------------------------

TIERS = [{"upTo": "100", "unit": "0.05", "flat": "2"}, {"unit": "0.04", "flat": "3"}]
FALLING = [{"upTo": "40", "unit": "1.255", "flat": "0.3"}, {"upTo": "90", "unit": "0.9"}, {"unit": "0.333"}]
PRICES: Sequence[Mapping[str, Any]] = (
    {"perUnit": "0.005"},
    {"perUnit": "1.3333", "included": "20"},
    {"graduated": {"tiers": TIERS}},
    {"graduated": {"tiers": FALLING}, "included": "15.5", "minimum": "30.005"},
    {"volume": {"tiers": FALLING}},
    {"volume": {"tiers": TIERS}, "included": "10", "minimum": "5"},
    {"package": {"size": "7.5", "unit": "1.005"}},
    {"stairstep": {"tiers": [{"upTo": "50", "amount": "20.005"}, {"amount": "7"}]}, "minimum": "6.5"},
    {"perUnit": "0", "minimum": "12.345"},
    {"percentage": {"rate": "2.9"}, "maximum": "3.005"},
)


def price_of(words: Mapping[str, Any]) -> Price:
    def tiers(kind: str) -> tuple[Tier, ...]:
        return tuple(
            Tier(Decimal(one["upTo"]) if "upTo" in one else None, Decimal(one["unit"]), Decimal(one.get("flat", "0")))
            for one in words[kind]["tiers"]
        )

    adjustments = adjustments_of(
        {kind: Decimal(words[kind]) for kind in ("included", "maximum", "minimum") if kind in words}
    )
    if "perUnit" in words:
        return Price(PerUnit(Decimal(words["perUnit"])), adjustments)
    if "percentage" in words:
        return Price(Percentage(Decimal(words["percentage"]["rate"])), adjustments)
    if "package" in words:
        return Price(Package(Decimal(words["package"]["size"]), Decimal(words["package"]["unit"])), adjustments)
    if "stairstep" in words:
        brackets = words["stairstep"]["tiers"]
        found = (Bracket(Decimal(b["upTo"]) if "upTo" in b else None, Decimal(b["amount"])) for b in brackets)
        return Price(Stairstep(tuple(found)), adjustments)
    kind = "volume" if "volume" in words else "graduated"
    return Price((Volume if kind == "volume" else Graduated)(tiers(kind)), adjustments)


def metered(words: Mapping[str, Any]) -> PlanItem:
    return PlanItem("Calls", "calls", "", price_of(words))


FEE = PlanItem("Fee", "", "", Price(FixedFee(Decimal("500.00"))))


# --- usage: events, and what the aggregator would tell of them --------------------------------------------------------


class Event(NamedTuple):
    hour: int
    origin: str
    value: Decimal


def event(day: int, origin: str, value: str) -> Event:
    return Event((day - 1) * 24 + 1, origin, Decimal(value))


def _latest(events: Sequence[Event]) -> Decimal:
    return max(events, key=lambda one: one.hour).value


AGGREGATIONS: Mapping[str, Callable[[Sequence[Event]], Decimal]] = {
    "SUM": lambda events: sum((one.value for one in events), ZERO),
    "COUNT": lambda events: Decimal(len(events)),
    "COUNT_UNIQUE": lambda events: Decimal(len({one.value for one in events})),
    "MIN": lambda events: min(one.value for one in events),
    "MAX": lambda events: max(one.value for one in events),
    "LATEST": _latest,
}
ADD_UP = {"SUM", "COUNT"}


def instant(one: Event) -> datetime:
    return NOVEMBER.start + timedelta(hours=one.hour)


def told(
    events: Sequence[Event], windows: CostWindows, aggregation: str, *, grouped: bool, running: bool = False
) -> UsageByWindow:
    rows, covered = [], [one for one in events if instant(one) < windows.span.end]
    for place in sorted({windows.place_of(instant(one)) for one in covered}):
        window = windows.windows[place]
        inside = [one for one in covered if windows.place_of(instant(one)) == place]
        counted = [one for one in covered if instant(one) < window.end] if running else inside
        for origin in sorted({one.origin for one in inside}) if grouped else [""]:
            own = [one for one in counted if one.origin == origin or not grouped]
            with exact_arithmetic():
                quantity = AGGREGATIONS[aggregation](own)
            rows.append(UsageRow(window.start, (origin,) if grouped else (), quantity))
    return UsageByWindow(rows, "call", AsOf("e", {0: 1}), is_filled=True)


def over_time(events: Sequence[Event], windows: CostWindows, aggregation: str, *, grouped: bool) -> MeterUsageOverTime:
    by_window = told(events, windows, aggregation, grouped=grouped)
    if aggregation in ADD_UP:
        return usage_that_adds_up(by_window, windows, is_grouped=grouped)
    running = told(events, windows, aggregation, grouped=False, running=True)
    return usage_that_runs(running, by_window if grouped else None, windows)


def costs(
    words: Mapping[str, Any],
    events: Sequence[Event],
    windows: CostWindows = DAYS,
    breakdown: Breakdown | None = None,
    aggregation: str = "SUM",
    unit: Currency = USD,
) -> list[CostRow]:
    usage = over_time(events, windows, aggregation, grouped=breakdown is not None)
    return cost_rows([metered(words)], {"calls": usage}, windows, breakdown or Breakdown(), unit)


def amounts(rows: Sequence[CostRow]) -> list[str]:
    return [str(row.amount) for row in rows]


def total(rows: Sequence[CostRow]) -> Fraction:
    return sum((Fraction(row.amount) for row in rows), Fraction(0))


# --- examples --------------------------------------------------------------------------------------------------------

THREE_DAYS = [event(1, "JFK", "60"), event(2, "EWR", "60"), event(9, "JFK", "30")]


def test_a_window_costs_what_it_adds_to_the_price_of_all_before_it() -> None:
    rows = costs({"graduated": {"tiers": TIERS}}, THREE_DAYS)

    assert amounts(rows) == ["5.00", "5.80", "1.20"]
    assert [row.exact_amount for row in rows] == [Decimal(5), Decimal("5.8"), Decimal("1.2")]
    assert [row.quantity for row in rows] == [Decimal(60), Decimal(60), Decimal(30)]
    assert [row.window for row in rows] == [DAYS.windows[place] for place in (0, 1, 8)]
    assert {(row.item, row.kind, row.meter, row.unit, row.part, row.group) for row in rows} == {
        ("Calls", ChargeKind.USAGE, "calls", "call", CostPart.USAGE, None)
    }


def test_fractions_of_a_cent_are_printed_where_they_become_one() -> None:
    rows = costs({"perUnit": "0.005"}, [event(day, "JFK", "1") for day in (1, 2, 3)])

    assert amounts(rows) == ["0.01", "0.00", "0.01"]


def test_groups_share_a_window_by_their_quantities() -> None:
    usage = [event(3, "EWR", "60"), event(3, "JFK", "50"), event(3, "LGA", "40")]

    rows = costs({"graduated": {"tiers": TIERS}}, usage, breakdown=ALL_ORIGINS)

    assert [(row.group, str(row.amount)) for row in rows] == [
        (("EWR",), "4.80"),
        (("JFK",), "4.00"),
        (("LGA",), "3.20"),
    ]
    assert {row.exact_amount for row in rows} == {None}


def test_groups_share_a_window_by_what_is_billed_of_them_where_each_event_is_rounded() -> None:
    start = DAYS.windows[0].start
    rows = [
        UsageRow(start, ("JFK",), Decimal(61), rounded=Decimal(120)),
        UsageRow(start, ("LGA",), Decimal(1000), rounded=Decimal(1020)),
    ]
    usage = usage_that_adds_up(UsageByWindow(rows, "s", AsOf("e", {0: 1}), is_filled=True), DAYS, is_grouped=True)

    found = cost_rows([metered({"perUnit": "0.001"})], {"calls": usage}, DAYS, ALL_ORIGINS, USD)

    assert [(row.group, row.quantity, str(row.amount)) for row in found] == [
        (("JFK",), Decimal(61), "0.12"),
        (("LGA",), Decimal(1000), "1.02"),
    ]


def test_a_window_costs_less_than_nothing_where_more_usage_makes_the_earlier_cheaper() -> None:
    rows = costs({"volume": {"tiers": FALLING}}, [event(1, "JFK", "90"), event(2, "JFK", "10")])

    assert amounts(rows) == ["81.00", "-47.70"]


def test_what_a_minimum_lifts_is_a_part_of_its_own_in_the_last_window() -> None:
    *usage, lift = costs({"perUnit": "1", "minimum": "100"}, THREE_DAYS[:1], breakdown=ALL_ORIGINS)

    assert amounts(usage) == ["60.00"]
    assert (lift.part, lift.window, str(lift.amount), lift.exact_amount, lift.group) == (
        CostPart.MINIMUM,
        DAYS.windows[-1],
        "40.00",
        Decimal(40),
        None,
    )


def test_a_minimum_is_due_without_usage_and_not_shown_where_it_lifts_nothing() -> None:
    assert amounts(costs({"perUnit": "1", "minimum": "100"}, [])) == ["100.00"]
    assert amounts(costs({"perUnit": "2", "minimum": "100"}, THREE_DAYS[:1])) == ["120.00"]


def test_a_fee_falls_on_the_days_of_the_period_alike() -> None:
    rows = cost_rows([FEE], {}, DAYS, ALL_ORIGINS, USD)

    assert amounts(rows[:3]) == ["16.67", "16.66", "16.67"]
    assert len(rows) == 30
    assert total(rows) == 500
    assert {(row.kind, row.part, row.quantity, row.exact_amount, row.group) for row in rows} == {
        (ChargeKind.FIXED, CostPart.FIXED, ZERO, None, None)
    }
    (whole,) = cost_rows([FEE], {}, WHOLE, Breakdown(), USD)
    assert (str(whole.amount), whole.exact_amount) == ("500.00", Decimal(500))


def test_a_day_of_a_fee_falls_on_the_hour_in_which_the_day_begins() -> None:
    hours = cost_windows(NOVEMBER, ZONE, WindowSize.HOUR, None)

    rows = cost_rows([FEE], {}, hours, Breakdown(), USD)

    assert amounts(rows) == amounts(cost_rows([FEE], {}, DAYS, Breakdown(), USD))
    assert [row.window.start for row in rows] == list(DAYS.days)
    assert {row.window.end - row.window.start for row in rows} == {timedelta(hours=1)}


def test_where_no_group_has_a_quantity_to_share_by_the_window_is_of_none() -> None:
    rows = costs({"perUnit": "1"}, [event(1, "JFK", "5"), event(2, "JFK", "-3")], breakdown=ALL_ORIGINS)

    assert [(row.group, row.quantity, str(row.amount)) for row in rows] == [
        (("JFK",), Decimal(5), "5.00"),
        (None, ZERO, "-3.00"),
        (("JFK",), Decimal(-3), "0.00"),
    ]


def test_a_filter_shows_just_what_its_values_have_among_all() -> None:
    usage = [*THREE_DAYS, event(1, "LGA", "7"), event(2, "LGA", "9")]
    words = {"graduated": {"tiers": FALLING}, "minimum": "1000"}

    every = costs(words, usage, breakdown=ALL_ORIGINS)
    narrowed = costs(words, usage, breakdown=Breakdown(("origin",), {"origin": frozenset({"JFK", "LGA"})}))
    without_groups = costs(words, usage, breakdown=Breakdown((), {"origin": frozenset({"JFK", "LGA"})}))

    assert narrowed == [row for row in every if row.group in {("JFK",), ("LGA",)}]
    assert total(without_groups) == total(narrowed)
    assert {row.group for row in without_groups} == {()}
    assert [row.quantity for row in without_groups] == [Decimal(67), Decimal(9), Decimal(30)]


def two_properties(cells: Mapping[tuple[str, ...], str], *, adds_up: bool) -> MeterUsageOverTime:
    groups = {0: {group: Decimal(quantity) for group, quantity in cells.items()}}
    usage = told(THREE_DAYS[:1], WHOLE, "SUM", grouped=False)
    running = usage_that_runs(usage, None, WHOLE)
    return replace(running, groups=groups, adds_up=adds_up)


@pytest.mark.parametrize(("adds_up", "quantity"), [(True, Decimal(50)), (False, None)])
def test_a_filter_by_one_property_is_broken_down_by_another(adds_up: bool, quantity: Decimal | None) -> None:
    cells: dict[tuple[str, ...], str] = {
        ("AA", "EWR"): "10",
        ("AA", "JFK"): "20",
        ("UA", "EWR"): "40",
        ("VX", "EWR"): "50",
    }
    breakdown = Breakdown(("origin",), {"carrier": frozenset({"AA", "UA"})})
    usage = {"calls": two_properties(cells, adds_up=adds_up)}

    rows = cost_rows([metered({"perUnit": "1"})], usage, WHOLE, breakdown, USD)

    # 60.00 by 30, 40 and 50; then AA's 15.00 by 10 and 20.
    assert [(row.group, row.quantity, str(row.amount)) for row in rows] == [
        (("EWR",), quantity, "25.00"),
        (("JFK",), Decimal(20), "10.00"),
    ]


def test_items_are_chosen_by_name_and_keep_the_order_of_the_plan() -> None:
    plan = Plan("USD", (FEE, metered({"perUnit": "1"})))

    assert [item.name for item in chosen_items(plan.items, ["Calls", "Fee"])] == ["Fee", "Calls"]
    assert [item.name for item in chosen_items(plan.items, [])] == ["Fee", "Calls"]
    with pytest.raises(Refused, match=r"items\[1\]: the plan of the period has no item 'Call'; its items: Calls, Fee"):
        chosen_items(plan.items, ["Fee", "Call"])


def test_more_properties_than_a_meter_has_are_refused() -> None:
    eight = tuple("abcdefgh")

    assert Breakdown(eight, {"a": frozenset("x")}).properties == eight
    with pytest.raises(Refused, match="at most 8 properties"):
        Breakdown(eight, {"i": frozenset("x")})


def test_of_answers_that_follow_each_other_the_first_is_counted_in_all() -> None:
    early, late = AsOf("e", {0: 3}), AsOf("e", {0: 5, 1: 2})

    assert counted_in_all([late, early, late]) is early
    assert counted_in_all([early, AsOf("other", {0: 9})]) is None


# --- laws ------------------------------------------------------------------------------------------------------------

values = st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-20, max_value=60)
usages = st.lists(st.builds(Event, st.integers(0, 720), st.sampled_from("ABC"), values), max_size=12)
prices = st.sampled_from(PRICES)
aggregations = st.sampled_from(sorted(AGGREGATIONS))
currencies = st.sampled_from([USD, JPY])
sizes = st.sampled_from([WindowSize.WHOLE, WindowSize.DAY, WindowSize.WEEK])
CUT = {size: cost_windows(NOVEMBER, ZONE, size, None) for size in WindowSize}


def quantity_of(events: Sequence[Event], aggregation: str) -> Fraction:
    with exact_arithmetic():
        return Fraction(AGGREGATIONS[aggregation](events)) if events else Fraction(0)


def printed(events: Sequence[Event], aggregation: str, words: Mapping[str, Any], unit: Currency) -> Fraction:
    return round_half_away(cost_of(quantity_of(events, aggregation), words).amount, unit.minor_units)


def without_minimum(words: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in words.items() if key != "minimum"}


def shared(amount: Fraction, weights: Mapping[str, Fraction], unit: Currency) -> dict[str, Fraction]:
    """Largest remainder once more, in fractions."""
    step, whole = Fraction(1, 10**unit.minor_units), sum(weights.values())
    exact = {group: amount * weight / whole for group, weight in weights.items()}
    floored = {group: part // step * step for group, part in exact.items()}
    missing = int((amount - sum(floored.values())) / step)
    lost = sorted(weights, key=lambda group: (floored[group] - exact[group], group))
    return {group: part + (step if group in lost[:missing] else 0) for group, part in floored.items()}


@settings(max_examples=60, deadline=None)
@given(usages, prices, aggregations, sizes, currencies)
def test_windows_and_groups_add_up_to_the_rounded_charge(
    events: list[Event], words: Mapping[str, Any], aggregation: str, size: WindowSize, unit: Currency
) -> None:
    windows = CUT[size]
    charge = printed(events, aggregation, words, unit)

    rows = costs(words, events, windows, None, aggregation, unit)
    grouped = costs(words, events, windows, ALL_ORIGINS, aggregation, unit)

    assert total(rows) == total(grouped) == charge
    for row in rows:
        own = [each for each in grouped if (each.part, each.window) == (row.part, row.window)]
        assert total(own) == Fraction(row.amount)
    by_group = {row.group for row in grouped}
    assert sum(total([row for row in grouped if row.group == group]) for group in by_group) == charge
    exact = sum((Fraction(row.exact_amount or 0) for row in rows), Fraction(0))
    assert exact == cost_of(quantity_of(events, aggregation), words).amount


@settings(max_examples=60, deadline=None)
@given(usages, prices, aggregations, currencies)
def test_each_amount_agrees_with_an_independent_oracle(
    events: list[Event], words: Mapping[str, Any], aggregation: str, unit: Currency
) -> None:
    rows = costs(words, events, DAYS, ALL_ORIGINS, aggregation, unit)

    expected: dict[tuple[datetime, str], Fraction] = {}
    before = Fraction(0)
    for window in (DAYS.windows[place] for place in sorted({DAYS.place_of(instant(one)) for one in events})):
        inside = [one for one in events if window.start <= instant(one) < window.end]
        up_to_end = [one for one in events if instant(one) < window.end]
        after = printed(up_to_end, aggregation, without_minimum(words), unit)
        origins = sorted({one.origin for one in inside})
        weights = {o: max(quantity_of([e for e in inside if e.origin == o], aggregation), Fraction(0)) for o in origins}
        parts = shared(after - before, weights, unit) if any(weights.values()) else {"": after - before}
        expected |= {(window.start, origin): part for origin, part in parts.items()}
        before = after
    usage = [row for row in rows if row.part is CostPart.USAGE]
    got = {(row.window.start, *(row.group or ("",))): Fraction(row.amount) for row in usage}
    assert {place: part for place, part in got.items() if part} == {p: part for p, part in expected.items() if part}


@settings(max_examples=60, deadline=None)
@given(usages, prices, aggregations, currencies)
def test_larger_windows_cost_what_the_smaller_ones_in_them_cost(
    events: list[Event], words: Mapping[str, Any], aggregation: str, unit: Currency
) -> None:
    days = costs(words, events, CUT[WindowSize.DAY], None, aggregation, unit)
    weeks = costs(words, events, CUT[WindowSize.WEEK], None, aggregation, unit)
    fees = {size: cost_rows([FEE], {}, CUT[size], Breakdown(), unit) for size in (WindowSize.DAY, WindowSize.WEEK)}

    for window in CUT[WindowSize.WEEK].windows:
        for large, small in ((weeks, days), (fees[WindowSize.WEEK], fees[WindowSize.DAY])):
            inside = [row for row in small if window.start <= row.window.start < window.end]
            assert total(inside) == total([row for row in large if row.window == window])


@settings(max_examples=60, deadline=None)
@given(usages, prices, aggregations, st.integers(1, 29), st.booleans())
def test_up_to_a_time_nothing_changes_and_no_minimum_lifts(
    events: list[Event], words: Mapping[str, Any], aggregation: str, days: int, grouped: bool
) -> None:
    until = DAYS.days[days]
    windows = cost_windows(NOVEMBER, ZONE, WindowSize.DAY, until)
    before = [one for one in events if instant(one) < until]
    breakdown = ALL_ORIGINS if grouped else None

    rows = costs(words, events, windows, breakdown, aggregation)

    every = costs(words, events, DAYS, breakdown, aggregation)
    assert rows == [row for row in every if row.window.end <= until and row.part is CostPart.USAGE]
    assert total(rows) == printed(before, aggregation, without_minimum(words), USD)
    fees = cost_rows([FEE], {}, windows, Breakdown(), USD)
    assert total(fees) == round_half_away(Fraction(500 * days, 30), 2)

    as_draft = cost_windows(NOVEMBER, ZONE, WindowSize.DAY, until, as_draft=True)
    assert total(costs(words, events, as_draft, breakdown, aggregation)) == printed(before, aggregation, words, USD)
    assert total(cost_rows([FEE], {}, as_draft, Breakdown(), USD)) == 500


@settings(max_examples=60, deadline=None)
@given(usages, prices, aggregations, values)
def test_a_new_group_changes_no_other_groups_quantity(
    events: list[Event], words: Mapping[str, Any], aggregation: str, value: Decimal
) -> None:
    def quantities(rows: Sequence[CostRow]) -> dict[Any, Any]:
        return {(row.window, row.group): row.quantity for row in rows if row.group not in (None, ("Z",))}

    rows = costs(words, events, DAYS, ALL_ORIGINS, aggregation)
    more = costs(words, [*events, Event(100, "Z", value)], DAYS, ALL_ORIGINS, aggregation)

    assert quantities(rows) == quantities(more)
