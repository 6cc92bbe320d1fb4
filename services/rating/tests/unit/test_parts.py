"""Prices by values of properties: the tables of docs/pricing.md, refusals, and laws against a count in fractions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.rating.v1 import catalog_pb2
from meterline.catalog.messages import SpecReader
from money import currency, format_exact
from rating.domain.cell_questions import CellQuestion, groups_priced
from rating.domain.cells import Cell, Cells, cells_of, cells_of_groups
from rating.domain.charges import MeterUsage
from rating.domain.explained_prices import explained_plan
from rating.domain.meters import KnownMeter
from rating.domain.plans import Plan, PlanItem
from rating.domain.price_lint import lint_plan
from rating.domain.pricing.rows import StepName
from rating.domain.quotes import AssumedUsage, Question, quoted, quoted_plan
from rating.domain.rate import rate
from rating.domain.rated_period import rate_plan
from rating.domain.soundness import is_sound
from rating.domain.unpriced import NotByGroupError, NotToldApartError, check_meters, check_told_apart
from rating.store.documents import charge_from_document, charge_to_document, item_from_document, item_to_document
from rating.wire.plans import item_to_proto, plan_from_proto
from rating.wire.usage import cells_from_windows, usage_from_totals
from testkit.oracle.parts import cost_of_groups, costs_of_parts, part_of

USD: Final = currency("USD")
COUNTRIES: Final = {
    "by": ["country"],
    "rows": [{"when": {"country": ["AT", "DE"]}, "perUnit": "0.06"}, {"when": {"country": "FR"}, "perUnit": "0.07"}],
    "otherwise": {"perUnit": "0.10"},
}
TIERS: Final = {"tiers": [{"upTo": "100", "unit": "0.05"}, {"unit": "0.04"}]}
DEARER: Final = {"tiers": [{"upTo": "100", "unit": "0.06"}, {"unit": "0.045"}]}


def regions(kind: str) -> dict[str, Any]:
    rows = [{"when": {"region": "eu"}, kind: TIERS}]
    return {"matrix": {"by": ["region"], "rows": rows, "otherwise": {kind: DEARER}}, "ladder": "total"}


def item_at(price: Mapping[str, Any]) -> PlanItem:
    document = {"currency": "USD", "items": [{"name": "Usage", "meter": "usage", "price": price}]}
    spec = catalog_pb2.PlanSpec()
    SpecReader("prices", "plan").read(catalog_pb2.PlanSpec.DESCRIPTOR, spec, document, 1)
    (item,) = plan_from_proto(spec).resolved({}).items
    return item


def cells(*groups: tuple[Mapping[str, str], str]) -> Cells:
    by = tuple(dict.fromkeys(key for group, _ in groups for key in group))
    return cells_of_groups(by, [(group, Cell((), Decimal(quantity), 1)) for group, quantity in groups])


def used(found: Cells) -> MeterUsage:
    return MeterUsage(found.counted, "", len(found.cells), adds_up=True, cells=found)


def exact_charge(price: Mapping[str, Any], *groups: tuple[Mapping[str, str], str]) -> str:
    (charge,) = rate_plan(Plan("USD", (item_at(price),)), {"usage": used(cells(*groups))})
    return format_exact(charge.derivation.amount)


def country(**quantities: str) -> list[tuple[dict[str, str], str]]:
    return [({"country": name}, quantity) for name, quantity in quantities.items()]


def region(**quantities: str) -> list[tuple[dict[str, str], str]]:
    return [({"region": name}, quantity) for name, quantity in quantities.items()]


# --- examples --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "groups", "amount"),
    [
        ({"matrix": COUNTRIES}, country(AT="1000", FR="500", BR="20"), "97"),
        ({"matrix": COUNTRIES, "included": "300"}, country(AT="1000", FR="500", BR="20"), "5917/76"),
        ({"matrix": COUNTRIES, "included": "1519"}, country(AT="1000", FR="500", BR="20"), "97/1520"),
        ({"matrix": COUNTRIES, "included": "1520"}, country(AT="1000", FR="500", BR="20"), "0"),
        ({"matrix": COUNTRIES, "included": "1521"}, country(AT="1000", FR="500", BR="20"), "0"),
        ({"matrix": COUNTRIES}, country(AT="1000", DE="-400", FR="-500"), "36"),
        ({"matrix": COUNTRIES}, country(AT="1000", FR="-500"), "60"),
        ({"matrix": COUNTRIES, "minimum": "5"}, country(), "5"),
        ({"matrix": COUNTRIES}, country(), "0"),
        ({"matrix": COUNTRIES, "maximum": "50"}, country(AT="1000", FR="500"), "50"),
        ({"graduated": TIERS, "perKey": ["region"]}, region(eu="150", us="30"), "8.5"),
        ({"graduated": TIERS, "perKey": ["region"]}, region(eu="100", us="101"), "10.04"),
        ({"graduated": TIERS, "perKey": ["region"], "ladder": "total"}, region(eu="150", us="30"), "8.2"),
        ({"perUnit": "1", "perKey": ["region"], "included": "10"}, region(eu="11", us="9", asia="10"), "1"),
        (regions("graduated"), region(eu="150", us="30"), "253/30"),
        (regions("volume"), region(eu="150", us="30"), "7.35"),
        (regions("volume"), region(eu="70", us="30"), "5.3"),
        (regions("graduated"), region(), "0"),
        ({"perUnit": "0.05", "convert": {"divide": "60"}}, [({}, "100")], "1/12"),
        ({"perUnit": "0.06", "convert": {"divide": "60"}}, [({}, "100")], "0.1"),
        (
            {
                "perUnit": "1",
                "perKey": ["region"],
                "convert": {"divide": "60", "increment": "1", "rounding": "CEILING"},
            },
            region(eu="61", us="1"),
            "3",
        ),
    ],
)
def test_what_usage_by_values_costs(price: dict[str, Any], groups: Sequence[Any], amount: str) -> None:
    assert exact_charge(price, *groups) == amount
    if "matrix" in price or "perKey" in price:
        counted = [(group, Fraction(quantity)) for group, quantity in groups]
        assert cost_of_groups(counted, price) == Fraction(amount)


@pytest.mark.parametrize(
    ("values", "row"),
    [
        ({"to": "4366012", "plan": ""}, "to 43660…"),
        ({"to": "4367", "plan": ""}, "to 436… or 437…"),
        ({"to": "431", "plan": ""}, "to 43…"),
        ({"to": "431", "plan": "gold"}, "plan gold"),
        ({"to": "431", "plan": "free"}, "to 43…, plan free"),
        ({"to": "436", "plan": "free"}, "to 436… or 437…"),
        ({"to": "", "plan": ""}, "to (none)"),
        ({"to": "49", "plan": ""}, "otherwise"),
    ],
)
def test_the_first_row_that_matches_has_it_and_of_prefixes_the_longest(values: dict[str, str], row: str) -> None:
    rows = [
        {"when": {"plan": "gold"}, "perUnit": "1"},
        {"when": {"to": {"prefix": "43"}, "plan": "free"}, "perUnit": "2"},
        {"when": {"to": {"prefix": "43"}}, "perUnit": "3"},
        {"when": {"to": {"prefix": "43660"}}, "perUnit": "4"},
        {"when": {"to": {"prefix": ["436", "437"]}}, "perUnit": "5"},
        {"when": {"to": ""}, "perUnit": "6"},
    ]
    price: dict[str, Any] = {"matrix": {"by": ["to", "plan"], "rows": rows, "otherwise": {"perUnit": "7"}}}

    derivation = rate(Decimal(2), item_at(price).price, cells=cells((values, "2")))

    assert [(one.row, one.quantity) for one in derivation.rows] == [(row, Decimal(2))]
    place = part_of(values, price)
    unit = price["matrix"]["otherwise" if place == "otherwise" else "rows"]
    assert derivation.amount == 2 * int((unit if place == "otherwise" else unit[int(place)])["perUnit"])


def test_the_steps_tell_each_part() -> None:
    price = item_at({"matrix": COUNTRIES, "included": "300"}).price

    derivation = rate(
        Decimal(1520), price, currency="USD", unit="sms", cells=cells(*country(AT="1000", FR="500", BR="20"))
    )

    assert [(step.name, step.text) for step in derivation.steps] == [
        (StepName.QUANTITY, "Usage of the period: 1520 sms"),
        (StepName.ROW, "country AT or DE: 1000 sms"),
        (StepName.ROW, "country FR: 500 sms"),
        (StepName.ROW, "otherwise: 20 sms"),
        (StepName.INCLUDED, "300 sms included, 1220 sms remain"),
        (StepName.INCLUDED, "country AT or DE: 15250/19 sms of them, as it has of the whole"),
        (StepName.INCLUDED, "country FR: 7625/19 sms of them, as it has of the whole"),
        (StepName.INCLUDED, "otherwise: 305/19 sms of them, as it has of the whole"),
        (StepName.TIER, "country AT or DE: 15250/19 sms at 0.06 USD each"),
        (StepName.TIER, "country FR: 7625/19 sms at 0.07 USD each"),
        (StepName.TIER, "otherwise: 305/19 sms at 0.1 USD each"),
        (StepName.TOTAL, "Exact amount: 5917/76 USD, not rounded"),
    ]
    assert [row.row for row in derivation.rows] == ["country AT or DE", "country FR", "otherwise"]


def test_flat_fees_of_a_common_ladder_are_charged_once() -> None:
    tiers = {"tiers": [{"upTo": "100", "unit": "0.05", "flat": "2"}, {"unit": "0.04", "flat": "3"}]}
    price = {"graduated": tiers, "perKey": ["region"], "ladder": "total"}

    assert exact_charge(price, *region(eu="60", us="40")) == "7"
    assert exact_charge(price, *region(eu="60", us="41")) == "10.04"
    derivation = rate(Decimal(101), item_at(price).price, cells=cells(*region(eu="60", us="41")))
    assert [(row.row, row.flat) for row in derivation.rows if row.flat] == [("", Decimal(2)), ("", Decimal(3))]


ROW: Final = {"when": {"country": "AT"}, "perUnit": "1"}


def matrix(*rows: Mapping[str, Any], **others: Any) -> dict[str, Any]:
    return {"matrix": {"by": ["country", "plan"], "rows": list(rows), "otherwise": {"perUnit": "1"}}, **others}


@pytest.mark.parametrize(
    ("price", "field", "text"),
    [
        ({"matrix": {"by": ["country"], "rows": [ROW]}}, "otherwise", "say what all other values cost"),
        (matrix({"when": {}, "perUnit": "1"}), "rows[0].when", "say for which values"),
        (matrix({"when": {"town": "Graz"}, "perUnit": "1"}), "rows[0].when[0].property", "is not in by"),
        (matrix(ROW, ROW), "rows[1].when", "never matches"),
        (matrix(ROW, {"when": {"country": "AT", "plan": "x"}, "perUnit": "1"}), "rows[1].when", "never matches"),
        (
            matrix({"when": {"country": {"prefix": "A"}}, "perUnit": "1"}, ROW),
            "rows[1].when",
            r"rows\[0\] before it has all of its values",
        ),
        (matrix({"when": {"country": "AT"}}), "rows[0].model", "say how usage is priced"),
        (matrix({**ROW, "included": "5"}, included="5"), "included", "beside included units of rows"),
        (matrix(ROW, perKey=["plan"]), "per_key", "stands beside matrix"),
        (matrix(ROW, ladder="total"), "ladder", "all graduated, or all volume"),
        ({"perUnit": "1", "ladder": "total"}, "ladder", "for a matrix or perKey"),
        ({"package": {"size": "2", "unit": "1"}, "perKey": ["a"], "ladder": "total"}, "ladder", "all graduated"),
        (
            {
                "matrix": {
                    "by": ["country"],
                    "rows": [{"when": {"country": "AT"}, "volume": TIERS}],
                    "otherwise": {"volume": {"tiers": [{"upTo": "90", "unit": "1"}, {"unit": "1"}]}},
                },
                "ladder": "total",
            },
            "ladder",
            "the same bounds and flat fees",
        ),
        (
            {
                "matrix": {
                    "by": ["country"],
                    "rows": [{"when": {"country": "AT"}, "percentage": "1"}],
                    "otherwise": {"perUnit": "1"},
                },
                "convert": {"divide": "60"},
            },
            "convert",
            "no other unit",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(price: dict[str, Any], field: str, text: str) -> None:
    with pytest.raises(Refused, match=text) as refused:
        item_at(price)

    assert refused.value.field.endswith(field)


def test_a_longer_prefix_after_a_shorter_one_is_no_row_that_never_matches() -> None:
    item_at(
        matrix(
            {"when": {"country": {"prefix": "4"}}, "perUnit": "1"},
            {"when": {"country": {"prefix": "43"}}, "perUnit": "1"},
        )
    )


def test_usage_that_is_not_told_apart_or_does_not_add_up_is_not_priced() -> None:
    item = item_at({"matrix": COUNTRIES})
    plan, found = Plan("USD", (item,)), cells(*country(AT="5"))

    assert groups_priced((item,)) == {"usage": ("country",)}
    with pytest.raises(ValueError, match="do not add up"):
        rate_plan(plan, {"usage": MeterUsage(Decimal(6), "", 1, adds_up=True, cells=found)})
    with pytest.raises(ValueError, match="do not add up"):
        rate_plan(plan, {"usage": MeterUsage(Decimal(5), "", 1, adds_up=True)})
    unique = {"usage": MeterUsage(Decimal(5), "", 1, adds_up=False, cells=found)}
    with pytest.raises(NotByGroupError):
        rate_plan(plan, unique)
    with pytest.raises(NotByGroupError):
        check_meters((item,), unique)


def test_usage_in_groups_that_the_meter_does_not_tell_apart_has_no_price_by_values() -> None:
    item = item_at({"matrix": COUNTRIES})
    whole = usage_pb2.MeterUsage(
        meter="usage",
        aggregation=meter_pb2.AGGREGATION_SUM,
        quantity="12",
        cells=[
            usage_pb2.MeterCell(group=["AT"], quantity="10"),
            usage_pb2.MeterCell(group=[""], quantity="2", is_other_group=True),
        ],
    )
    response = aggregator_pb.QueryTotalsResponse(usage=[whole])
    day = usage_pb2.SnapshotWindow(meter="usage", quantity="2", is_other_group=True)
    frozen = cells_from_windows([day], CellQuestion(("country",)))

    now = usage_from_totals(response, {"usage": CellQuestion(("country",))}).meters["usage"]

    for found in (now, replace(now, quantity=Decimal(2), cells=frozen)):
        with pytest.raises(NotToldApartError, match="raise METER_GROUPS_MAX and rebuild"):
            rate_plan(Plan("USD", (item,)), {"usage": found})
        with pytest.raises(NotToldApartError):
            check_told_apart([item], {"usage": found.cells})
    # "" is the value of events that lack the property, and has its price.
    check_told_apart([item], {"usage": cells(({"country": ""}, "2"))})


def test_a_charge_follows_from_its_cells() -> None:
    item = item_at({"matrix": COUNTRIES, "included": "300"})
    (charge,) = rate_plan(Plan("USD", (item,)), {"usage": used(cells(*country(AT="1000", FR="500", BR="20")))})

    again = charge_from_document(charge_to_document(charge))

    assert again == charge
    assert is_sound(again, item, "USD")
    assert charge.cells is not None
    moved = cells_of(charge.cells.by, [Cell(("AT",), Decimal(1520), 3)])
    for changed in (moved, None):
        assert not is_sound(_with_cells(charge, changed), item, "USD")


def _with_cells(charge: Any, changed: Cells | None) -> Any:
    return type(charge)(**{name: getattr(charge, name) for name in charge.__dataclass_fields__} | {"cells": changed})


@pytest.mark.parametrize(
    "price",
    [
        {"matrix": COUNTRIES, "included": "300", "minimum": "2"},
        regions("volume"),
        {"graduated": TIERS, "perKey": ["region", "plan"], "ladder": "total", "convert": {"divide": "60"}},
        matrix({"when": {"country": {"prefix": ["4", "5"]}, "plan": ""}, "perUnit": "1", "included": "3"}),
    ],
)
def test_a_price_is_stored_and_sent_as_it_is(price: dict[str, Any]) -> None:
    item = item_at(price)

    assert item_from_document(item_to_document(item)) == item
    assert (
        plan_from_proto(catalog_pb2.PlanSpec(currency="USD", items=[item_to_proto(item)])).items[0].price == item.price
    )


# --- quotes, words, lint ---------------------------------------------------------------------------------------------


def test_a_quote_prices_groups_and_a_plain_quantity_has_no_values() -> None:
    plan = Plan("USD", (item_at({"matrix": COUNTRIES}),))
    found = cells(*country(AT="100", BR="1"))

    (line,) = quoted_plan(plan, [AssumedUsage("usage", found.counted, found)]).lines
    (plain,) = quoted_plan(plan, [AssumedUsage("usage", Decimal(101))]).lines
    (asked,) = quoted(plan, [Question("Usage", found.counted, found)])

    assert (format_exact(line.derivation.amount), format_exact(plain.derivation.amount)) == ("6.1", "10.1")
    assert asked.derivation.amount == line.derivation.amount
    with pytest.raises(Refused, match="no price of the meter 'usage' goes by 'contry'"):
        quoted_plan(plan, [AssumedUsage("usage", Decimal(1), cells(({"contry": "AT"}, "1")))])
    with pytest.raises(Refused, match="goes by 'town'"):
        quoted(plan, [Question("Usage", Decimal(1), cells(({"town": "Graz"}, "1")))])


def test_a_price_is_said_and_worked_out_row_by_row() -> None:
    plan = Plan("USD", (item_at(regions("graduated")),))

    (explained,) = explained_plan(plan, {"usage": "GB"})

    assert explained.sentence == (
        "The price goes by region. All rows climb their tiers together. "
        "Region eu: Up to 100 GB, each GB costs 0.05 USD. Every further GB costs 0.04 USD. "
        "Otherwise: Up to 100 GB, each GB costs 0.06 USD. Every further GB costs 0.045 USD."
    )
    worked = [
        (one.cells and one.cells.cells[0].values, format_exact(one.derivation.amount)) for one in explained.examples
    ]
    assert worked[:2] == [(("eu",), "5"), (("eu",), "5.04")]
    assert (("other",), "6.045") in worked


def test_lint_names_what_the_meter_does_not_group_by_and_looks_at_each_row() -> None:
    falling = {"tiers": [{"upTo": "10", "unit": "1"}, {"unit": "0.1"}]}
    rows = [{"when": {"country": "AT"}, "volume": falling}]
    plan = Plan("USD", (item_at({"matrix": {"by": ["country"], "rows": rows, "otherwise": {"perUnit": "0"}}}),))

    findings = lint_plan("p", plan, {"usage": KnownMeter("", group_by=frozenset({"town"}), adds_up=False)})

    assert [(one.code, one.message.split(":")[0]) for one in findings] == [
        ("group-missing", "the price goes by 'country', by which the meter 'usage' does not group"),
        ("groups-not-added", "the groups of the meter 'usage' do not add up to its quantity"),
        ("total-falls", "country AT"),
        ("zero-rated", "country other"),
    ]


# --- laws ------------------------------------------------------------------------------------------------------------

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
quantities = st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-30, max_value=120)
groups_used = st.lists(
    st.tuples(st.sampled_from(["", "x", "xy", "y", "z"]), st.sampled_from(["", "p", "q"]), quantities), max_size=8
)
prices = st.sampled_from(PRICES)


def cells_used(groups: Sequence[tuple[str, str, Decimal]]) -> Cells:
    return cells_of(("a", "b"), [Cell((a, b), quantity, 1) for a, b, quantity in groups])


def counted(found: Cells) -> list[tuple[dict[str, str], Fraction]]:
    return [(group, Fraction(cell.quantity)) for group, cell in found.groups()]


@settings(max_examples=150, deadline=None)
@given(groups_used, prices, st.randoms())
def test_usage_by_values_costs_what_a_plain_count_says_in_any_order(
    groups: list[tuple[str, str, Decimal]], price: dict[str, Any], random: Any
) -> None:
    found = cells_used(groups)
    item = item_at(price)
    expected = cost_of_groups(counted(found.along(item.price.by)), price)
    turned = list(groups)
    random.shuffle(turned)

    for each in (found, cells_used(turned), found.along(item.price.by)):
        derivation = rate(found.quantity, item.price, cells=each)
        assert Fraction(derivation.amount) == expected
        parts = costs_of_parts(counted(each.along(item.price.by)), price)
        assert sum(Fraction(part.amount) for part in derivation.parts) == sum(parts.values())


@settings(max_examples=60, deadline=None)
@given(groups_used)
def test_equal_rows_on_one_ladder_cost_what_the_whole_does(groups: list[tuple[str, str, Decimal]]) -> None:
    positive = cells_used([(a, b, max(quantity, Decimal(0))) for a, b, quantity in groups])
    for kind in ("graduated", "volume"):
        together = item_at({kind: FALLING, "perKey": ["a", "b"], "ladder": "total"}).price
        plain = item_at({kind: FALLING}).price

        assert rate(positive.quantity, together, cells=positive).amount == rate(positive.quantity, plain).amount


@settings(max_examples=60, deadline=None)
@given(quantities, st.sampled_from([{"graduated": FALLING}, {"volume": STEEPER}, {"perUnit": "0.1"}]))
def test_one_key_costs_what_the_model_does(quantity: Decimal, model: dict[str, Any]) -> None:
    alone = rate(quantity, item_at(model).price).amount

    assert (
        rate(quantity, item_at({**model, "perKey": ["a"]}).price, cells=cells(({"a": "x"}, str(quantity)))).amount
        == alone
    )
