"""Cost over time and by group of prices by values: each part bears its own, and all add up to the rounded charge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventlog.as_of import AsOf
from metering.rating.v1 import catalog_pb2
from meterline.catalog.messages import SpecReader
from money import currency, exact_arithmetic
from rating.domain.billing_period import Schedule, period_labelled
from rating.domain.cell_questions import CellQuestion
from rating.domain.cells import Cell, Cells, cells_of
from rating.domain.cost import Breakdown, CostRow, UsageByWindow, UsageRow, cost_rows, usage_by_cells
from rating.domain.cost_windows import CostWindows, WindowSize, cost_windows
from rating.domain.plans import PlanItem
from rating.wire.plans import plan_from_proto
from testkit.oracle.exact import round_half_away
from testkit.oracle.parts import cost_of_groups

USD: Final = currency("USD")
TIERS: Final = {"tiers": [{"upTo": "100", "unit": "0.05"}, {"unit": "0.04"}]}
FALLING: Final = {
    "tiers": [{"upTo": "40", "unit": "1.255", "flat": "0.3"}, {"upTo": "90", "unit": "0.9"}, {"unit": "0.3"}]
}
STEEPER: Final = {"tiers": [{"upTo": "40", "unit": "2", "flat": "0.3"}, {"upTo": "90", "unit": "1"}, {"unit": "0.7"}]}


def mixed(**others: Any) -> dict[str, Any]:
    rows = [
        {"when": {"a": ["x", "y"], "b": "p"}, "graduated": FALLING},
        {"when": {"a": {"prefix": "x"}}, "volume": FALLING},
        {"when": {"a": {"prefix": "xy"}}, "perUnit": "0.333"},
        {"when": {"b": ""}, "package": {"size": "7.5", "unit": "1.005"}},
    ]
    stairs = {"stairstep": {"tiers": [{"upTo": "50", "amount": "20.005"}, {"amount": "7"}]}}
    return {"matrix": {"by": ["a", "b"], "rows": rows, "otherwise": stairs}, **others}


def ladder(kind: str, **others: Any) -> dict[str, Any]:
    rows = [{"when": {"a": "x"}, kind: STEEPER}, {"when": {"b": ["p", ""]}, kind: FALLING}]
    return {"matrix": {"by": ["a", "b"], "rows": rows, "otherwise": {kind: STEEPER}}, "ladder": "total", **others}


PRICES: Final[Sequence[dict[str, Any]]] = (
    mixed(),
    mixed(included="33.3", minimum="4"),
    mixed(maximum="25.005"),
    mixed(convert={"divide": "7", "increment": "2", "rounding": "CEILING"}),
    ladder("graduated"),
    ladder("volume", included="12.5"),
    ladder("graduated", included="41", maximum="60"),
    {"graduated": FALLING, "perKey": ["b"], "included": "5"},
    {"volume": FALLING, "perKey": ["a", "b"], "ladder": "total", "minimum": "10"},
    {"perUnit": "0.07", "perKey": ["a"], "convert": {"divide": "60"}},
)
CENT: Final = Decimal("0.01")
quantities = st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-30, max_value=120)


def item_at(price: Mapping[str, Any]) -> PlanItem:
    document = {"currency": "USD", "items": [{"name": "Usage", "meter": "usage", "price": price}]}
    spec = catalog_pb2.PlanSpec()
    SpecReader("prices", "plan").read(catalog_pb2.PlanSpec.DESCRIPTOR, spec, document, 1)
    (item,) = plan_from_proto(spec).resolved({}).items
    return item


def cells_used(groups: Sequence[tuple[str, str, Decimal]]) -> Cells:
    return cells_of(("a", "b"), [Cell((a, b), quantity, 1) for a, b, quantity in groups])


def counted(found: Cells) -> list[tuple[dict[str, str], Fraction]]:
    return [(group, Fraction(cell.quantity)) for group, cell in found.groups()]


ZONE: Final = "America/New_York"
_NOVEMBER: Final = period_labelled(Schedule(date(2013, 1, 1), None, 1, ZONE), "2013-11")
assert _NOVEMBER is not None
DAYS: Final = cost_windows(_NOVEMBER, ZONE, WindowSize.DAY, None)
Told = Sequence[tuple[int, str, str, Decimal]]
days_used = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["", "x", "xy", "z"]), st.sampled_from(["", "p"]), quantities),
    max_size=8,
)


def rows_of(told: Told, price: Mapping[str, Any], breakdown: Breakdown, windows: CostWindows = DAYS) -> list[CostRow]:
    item = item_at(price)
    properties = tuple(dict.fromkeys((*breakdown.properties, *item.price.by)))
    found: dict[tuple[int, tuple[str, ...]], Decimal] = {}
    with exact_arithmetic():
        for day, a, b, quantity in told:
            values = tuple({"a": a, "b": b}[key] for key in properties)
            found[day, values] = found.get((day, values), Decimal(0)) + quantity
    rows = [UsageRow(windows.windows[day].start, values, quantity) for (day, values), quantity in sorted(found.items())]
    by_window = UsageByWindow(rows, "", AsOf("e", {0: 1}), is_filled=True)
    usage = usage_by_cells(by_window, windows, CellQuestion(properties), breakdown.properties)
    return cost_rows([item], {"usage": usage}, windows, breakdown, USD)


def test_each_part_has_its_own_cost_over_time() -> None:
    told = [(0, "AT", "", Decimal(100)), (0, "BR", "", Decimal(10)), (1, "BR", "", Decimal(50))]
    rows = [{"when": {"a": "AT"}, "graduated": {"tiers": [{"upTo": "60", "unit": "0.05"}, {"unit": "0.01"}]}}]
    price = {"matrix": {"by": ["a"], "rows": rows, "otherwise": {"perUnit": "0.30"}}}

    found = rows_of(told, price, Breakdown(("a",)))

    assert [(row.group, row.quantity, str(row.amount), row.exact_amount) for row in found] == [
        (("AT",), Decimal(100), "3.40", Decimal("3.4")),
        (("BR",), Decimal(10), "3.00", Decimal(3)),
        (("BR",), Decimal(50), "15.00", Decimal(15)),
    ]


def test_who_used_nothing_bears_what_others_change_of_the_common_ladder() -> None:
    told = [(0, "x", "", Decimal(100)), (1, "z", "", Decimal(100))]
    price = {"graduated": TIERS, "perKey": ["a"], "ladder": "total"}

    found = rows_of(told, price, Breakdown(("a",)))

    # Of 200 on the common ladder (9.00) each has a half; the first day alone cost 5.00.
    assert [(row.group, row.quantity, str(row.amount)) for row in found] == [
        (("x",), Decimal(100), "5.00"),
        (("x",), Decimal(0), "-0.50"),
        (("z",), Decimal(100), "4.50"),
    ]


@settings(max_examples=80, deadline=None)
@given(
    days_used, st.sampled_from(PRICES), st.sampled_from([Breakdown(("a",)), Breakdown(("b",)), Breakdown(("b", "a"))])
)
# A row is left with nothing while others change: a filter showed the others in other cents than the whole.
@example(
    [(0, *used) for used in [("", "", CENT), ("", "p", CENT), ("x", "", Decimal("21.13"))]] + [(1, "", "", -CENT)],
    PRICES[2],
    Breakdown(("a",)),
)
def test_windows_and_groups_add_up_to_the_rounded_charge(
    told: Told, price: dict[str, Any], breakdown: Breakdown
) -> None:
    item = item_at(price)
    whole = cells_used([(a, b, quantity) for _, a, b, quantity in told]).along(item.price.by)
    exact = cost_of_groups(counted(whole), price)

    for rows in (rows_of(told, price, Breakdown()), grouped := rows_of(told, price, breakdown)):
        assert sum((Fraction(row.amount) for row in rows), Fraction(0)) == round_half_away(exact, 2)
        assert sum((Fraction(row.exact_amount or 0) for row in rows), Fraction(0)) == exact
    values = frozenset({"x", ""})
    narrowed = rows_of(told, price, Breakdown(("a",), {"a": values}))
    every = rows_of(told, price, Breakdown(("a",)))
    assert narrowed == [row for row in every if row.group in {("x",), ("",)}]
    assert {row.window for row in grouped} == {row.window for row in rows_of(told, price, Breakdown())} | {
        row.window for row in grouped if row.group is None
    }
