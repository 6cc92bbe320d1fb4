"""Prices of each event by values of properties: against a loop over the events, and what each group bears of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from metering.rating.v1 import catalog_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from meterline.catalog.messages import SpecReader
from money import currency, format_exact
from rating.domain.billing_period import BillingPeriod, Schedule, period_labelled
from rating.domain.cell_questions import cell_questions
from rating.domain.cells import Cell, Cells, cells_of
from rating.domain.charges import Charge, MeterUsage
from rating.domain.cost import Breakdown, CostRow, UsageByWindow, UsageRow, cost_rows, usage_by_cells
from rating.domain.cost_windows import WindowSize, cost_windows
from rating.domain.explained_prices import explained_plan
from rating.domain.meters import KnownMeter
from rating.domain.plans import Plan
from rating.domain.price_lint import lint_plan
from rating.domain.pricing.bands import label_of
from rating.domain.quotes import quoted_plan
from rating.domain.rated_period import rate_plan
from rating.domain.soundness import is_sound
from rating.domain.unpriced import NotByBandError
from rating.wire.plans import plan_from_proto
from rating.wire.quotes import usage_from_proto
from testkit.oracle.exact import round_half_away

USD: Final = currency("USD")
TIERS: Final = {"tiers": [{"upTo": "2.5", "unit": "3", "flat": "0.25"}, {"unit": "0.333", "flat": "1"}]}
CARD: Final = {"percentage": {"rate": "2.9", "fee": "0.30", "freeEvents": "1"}}
CLAMPED: Final = {"percentage": {"rate": "2.9", "fee": "0.30", "eventMinimum": "0.50", "eventMaximum": "20"}}
ROWS: Final = [{"when": {"place": "x"}, **CLAMPED}, {"when": {"place": {"prefix": "y"}}, **CARD, "included": "50"}]
PRICES: Final[Sequence[dict[str, Any]]] = (
    {"matrix": {"by": ["place"], "rows": ROWS, "otherwise": {"graduated": TIERS}}, "scope": "event"},
    {"graduated": TIERS, "perKey": ["place"], "scope": "event", "maximum": "9.995"},
    {**CARD, "perKey": ["place"], "included": "40", "minimum": "3.005"},
)
CLOCK: Final = {
    "matrix": {
        "by": ["calendar"],
        "rows": [{"when": {"calendar": "day"}, "graduated": TIERS}],
        "otherwise": {"perUnit": "0.1"},
    },
    "calendar": {"classes": [{"name": "day", "from": "08:00", "to": "20:00"}], "otherwise": "night"},
    "scope": "event",
}
Event = tuple[int, str, str, Decimal]
"""Hour of the period, place, who, value."""
EVENTS: Final = st.lists(
    st.tuples(
        st.integers(0, 100),
        st.sampled_from(["", "x", "yy"]),
        st.sampled_from("ab"),
        st.decimals(-20, 1000, places=2) | st.sampled_from([Decimal("2.5")]),
    ),
    max_size=9,
)


def plan_at(price: Mapping[str, Any]) -> Plan:
    document = {"currency": "USD", "items": [{"name": "Usage", "meter": "usage", "price": price}]}
    spec = catalog_pb2.PlanSpec()
    SpecReader("prices", "plan").read(catalog_pb2.PlanSpec.DESCRIPTOR, spec, document, 1)
    return plan_from_proto(spec).resolved({})


def month() -> BillingPeriod:
    period = period_labelled(Schedule(date(2024, 1, 1), None, 1, "UTC"), "2024-01")
    assert period is not None
    return period


def tiers(value: Fraction) -> Fraction:
    if value <= 0:
        return Fraction(0)
    cost = Fraction("0.25") + min(value, Fraction("2.5")) * 3
    return cost if value <= Fraction("2.5") else cost + (value - Fraction("2.5")) * Fraction("0.333") + 1


def clamped(value: Fraction) -> Fraction:
    share = value * Fraction(29, 1000)
    return min(max(share + Fraction("0.3"), Fraction("0.5")), Fraction(20)) if value > 0 else share


def card(values: Sequence[Fraction], included: int) -> Fraction:
    fees = max(sum(value > 0 for value in values) - 1, 0) * Fraction("0.3")
    return max(sum(values, Fraction(0)) - included, Fraction(0)) * Fraction(29, 1000) + fees


def part_of(price: Mapping[str, Any], event: Event) -> str:
    hour, place, _, _ = event
    return place if "calendar" not in price else "day" if 8 <= hour % 24 < 20 else "night"


def cost_of_part(price: Mapping[str, Any], part: str, values: Sequence[Fraction]) -> Fraction:
    if "percentage" in price or ("matrix" in price and part == "yy"):
        return card(values, 40 if "percentage" in price else 50)
    each = {"x": clamped, "night": lambda value: max(value, Fraction(0)) / 10} if "matrix" in price else {}
    return sum(map(each.get(part, tiers), values), Fraction(0))


def loop(price: Mapping[str, Any], events: Sequence[Event]) -> Fraction:
    """Price event by event, part by part; no part costs less than nothing."""
    found = Fraction(0)
    for part in {part_of(price, event) for event in events}:
        values = [Fraction(event[3]) for event in events if part_of(price, event) == part]
        found += max(cost_of_part(price, part, values), Fraction(0))
    return max(min(found, Fraction(price.get("maximum", found))), Fraction(price.get("minimum", 0)))


def cells(events: Sequence[Event], plan: Plan) -> Cells:
    bounds = plan.items[0].price.event_bounds
    told = [Cell((place, who, label_of(Fraction(value), bounds)), value, 1) for _, place, who, value in events]
    return cells_of(("place", "who", "band"), told)


def charge_of(plan: Plan, found: Cells) -> Charge:
    used = MeterUsage(found.counted, "", sum(cell.event_count for cell in found.cells), adds_up=True, cells=found)
    (charge,) = rate_plan(plan, {"usage": used})
    assert is_sound(charge, plan.items[0], "USD")
    return charge


def costs(plan: Plan, events: Sequence[Event], *by: str) -> list[CostRow]:
    period = month()
    windows = cost_windows(period, "UTC", WindowSize.DAY, None)
    question = cell_questions(plan.items, period, "UTC")["usage"].extended(by)
    bounds = plan.items[0].price.event_bounds
    rows = []
    for hour, place, who, value in events:
        properties = {"place": place, "who": who, "band": label_of(Fraction(value), bounds)}
        start = windows.windows[hour // 24].start.replace(hour=hour % 24)
        rows.append(UsageRow(start, tuple(properties[key] for key in question.group_by), value, None, 1))
    usage = usage_by_cells(UsageByWindow(rows, "", AsOf("e", {0: 1}), is_filled=True), windows, question, by)
    return cost_rows(plan.items, {"usage": usage}, windows, Breakdown(by), USD)


def exact(rows: Sequence[CostRow]) -> Fraction:
    return sum((Fraction(row.exact_amount or 0) for row in rows), Fraction(0))


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(PRICES), EVENTS)
def test_parts_of_events_cost_what_a_loop_over_them_gives_and_groups_add_up(
    price: dict[str, Any], events: list[Event]
) -> None:
    plan, expected = plan_at(price), loop(price, events)

    assert Fraction(charge_of(plan, cells(events, plan)).derivation.amount) == expected
    for rows in (costs(plan, events), costs(plan, events, "who"), costs(plan, events, "who", "place")):
        assert exact(rows) == expected
        assert sum((Fraction(row.amount) for row in rows), Fraction(0)) == round_half_away(expected, 2)


@settings(max_examples=40, deadline=None)
@given(EVENTS)
def test_by_the_clock_events_are_priced_in_the_class_of_their_time(events: list[Event]) -> None:
    plan = plan_at(CLOCK)
    assert exact(costs(plan, events)) == exact(costs(plan, events, "who")) == loop(CLOCK, events)


def test_a_group_bears_what_its_own_events_cost() -> None:
    plan = plan_at({"graduated": TIERS, "scope": "event"})
    events: list[Event] = [(1, "", "a", Decimal(2)), (2, "", "b", Decimal(1)), (3, "", "b", Decimal(-7))]

    assert {row.group: row.exact_amount for row in costs(plan, events, "who")} == {
        ("a",): Decimal("6.25"),
        ("b",): Decimal("3.25"),
    }
    # By quantity b would bear nothing: what it took back is more than what it used.


def test_the_worked_example_says_of_which_part_its_rows_are() -> None:
    plan = plan_at(PRICES[0])
    events: list[Event] = [(1, "x", "", Decimal(100)), (1, "yy", "", Decimal(60)), (1, "yy", "", Decimal(40))]

    charge = charge_of(plan, cells(events, plan))

    # 2.9 + 0.30; then 50 of 100 at 2.9 %, and one fee of two.
    assert charge.derivation.amount == Decimal("4.95")
    assert [(row.row, format_exact(row.amount)) for row in charge.derivation.rows] == [
        ("place x, above 200/29 up to 19700/29", "3.2"),
        ("place y…", "1.45"),
        ("place y…, fee of each event", "0.3"),
    ]


def test_events_are_quoted_by_group_and_explained_by_row() -> None:
    plan = plan_at(PRICES[0])
    of_x = pb.AssumedGroup(group={"place": "x"}, events=["100", "5"])
    usage = usage_from_proto(pb.QuotePlanRequest(usage=[pb.AssumedUsage(meter="usage", groups=[of_x])]))

    assert str(quoted_plan(plan, usage).total) == "3.70"
    wrong = pb.AssumedGroup(group={"town": "x"}, events=["1"])
    with pytest.raises(Refused, match="goes by 'town'"):
        quoted_plan(plan, usage_from_proto(pb.QuotePlanRequest(usage=[pb.AssumedUsage(meter="usage", groups=[wrong])])))
    (explained,) = explained_plan(plan, {"usage": ""})
    assert {str(one.amount) for one in explained.examples} > {"0.50", "0.00"}


def test_a_meter_tells_the_bands_of_all_rows_and_their_values() -> None:
    plan = plan_at(PRICES[0])
    needed = frozenset({"2.5", "200/29", "19700/29"})
    codes = [
        [finding.code for finding in lint_plan("p", plan, {"usage": meter})]
        for meter in (
            KnownMeter("", group_by=frozenset({"band", "place"}), bands=needed),
            KnownMeter("", group_by=frozenset({"band"}), bands=needed - {"2.5"}),
        )
    ]
    assert codes == [[], ["bands-missing", "group-missing"]]
    with pytest.raises(NotByBandError, match=r'"2\.5"'):
        charge_of(plan, cells_of(("place", "band"), [Cell(("x", "0..5"), Decimal(3), 1)]))
