"""docs/pricing.md is what rating does: its tables, the examples that others publish, and an oracle made from that page.

Prices are written as in a catalog file, and read as `apply` reads them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from metering.rating.v1 import catalog_pb2
from meterline.catalog.messages import SpecReader
from rating.domain.cells import Cell, cells_of
from rating.domain.plans import Plan
from rating.domain.quotes import AssumedUsage, quoted_plan
from rating.wire.plans import plan_from_proto
from testkit.oracle.parts import cost_of_groups
from testkit.oracle.prices import cost_of

DOCUMENT: Final = (Path(__file__).parents[4] / "docs" / "pricing.md").read_text(encoding="utf-8")
TIERS: Final = {"tiers": [{"upTo": "100", "unit": "0.05", "flat": "2"}, {"unit": "0.04", "flat": "3"}]}
SIDE_BY_SIDE: Final[dict[str, dict[str, Any]]] = {
    "per unit at 0.05": {"perUnit": "0.05"},
    "graduated": {"graduated": TIERS},
    "volume": {"volume": TIERS},
    "stairstep": {"stairstep": {"tiers": [{"upTo": "100", "amount": "20"}, {"amount": "50"}]}},
    "package": {"package": {"size": "40", "unit": "1.50"}},
}


def plan_with(price: dict[str, Any]) -> Plan:
    document = {"currency": "USD", "items": [{"name": "Usage", "meter": "usage", "price": price}]}
    spec = catalog_pb2.PlanSpec()
    SpecReader("prices", "plan").read(catalog_pb2.PlanSpec.DESCRIPTOR, spec, document, 1)
    return plan_from_proto(spec).resolved({})


def exact_amount(quantity: str | Decimal, price: dict[str, Any]) -> Fraction:
    (line,) = quoted_plan(plan_with(price), [AssumedUsage("usage", Decimal(quantity))]).lines
    return Fraction(line.derivation.amount)


def table(heading: str, place: int = 0) -> list[dict[str, str]]:
    """Return the rows of a table below a heading, the first unless another place is given, by their columns' names."""
    (text,) = re.findall(rf"^#+ {heading}\n(.*?)(?=^#|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    lines = re.findall(r"(?:^\|[^\n]*\n)+", text, re.MULTILINE)[place]
    names, _line, *rows = ([cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines.splitlines())
    return [dict(zip(names, cells, strict=True)) for cells in rows]


@pytest.mark.parametrize("row", table("Side by side"), ids=lambda row: row["r"])
def test_the_models_side_by_side_are_as_the_page_says(row: dict[str, str]) -> None:
    for model, price in SIDE_BY_SIDE.items():
        assert exact_amount(row["r"], price) == Fraction(row[model]), model


BY_RATE: Final = {"tiers": [{"upTo": "1000", "rate": "1", "flat": "200"}, {"rate": "2", "flat": "300"}]}
OF_MONEY: Final[dict[str, dict[str, Any]]] = {
    "percentage 2.9": {"percentage": "2.9"},
    "percentage 2.9, 500 included": {"percentage": "2.9", "included": "500"},
    "graduatedPercentage 1 up to 1000 (flat 200), 2 beyond (flat 300)": {"graduatedPercentage": BY_RATE},
    "dynamic 1.1": {"dynamic": {"factor": "1.1"}},
    "dynamic 1": {"dynamic": {}},
    "costPlus 17.5": {"costPlus": "17.5"},
    "costPlus -100": {"costPlus": "-100"},
}


@pytest.mark.parametrize(
    "row",
    table("percentage, graduatedPercentage, dynamic, costPlus", 1),
    ids=lambda row: f"{row['price']}: {row['amount']}",
)
def test_prices_of_money_are_as_the_page_says(row: dict[str, str]) -> None:
    price = OF_MONEY[row["price"]]

    assert exact_amount(row["amount"], price) == Fraction(row["exact charge"])
    assert cost_of(Fraction(row["amount"]), price).amount == Fraction(row["exact charge"])


@pytest.mark.parametrize("row", table("Included units, maximum and minimum"), ids=lambda row: row["quantity"])
def test_included_units_and_bounds_are_as_the_page_says(row: dict[str, str]) -> None:
    price = {"perUnit": "0.05", "included": "100", "maximum": "4", "minimum": "3"}

    assert exact_amount(row["quantity"], price) == Fraction(row["exact charge"])


CONVERSIONS: Final = {
    "divide 60, CEILING to 1": {"divide": "60", "increment": "1", "rounding": "CEILING"},
    "divide 60, FLOOR to 1": {"divide": "60", "increment": "1", "rounding": "FLOOR"},
    "divide 60, HALF_UP to 1": {"divide": "60", "increment": "1", "rounding": "HALF_UP"},
    "CEILING to 6": {"increment": "6", "rounding": "CEILING"},
    "multiply 1000": {"multiply": "1000"},
    "divide 60, round up": {"divide": "60", "round": "up"},
    "divide 1000000000": {"divide": "1000000000"},
    "divide 1024": {"divide": "1024"},
    "divide 60": {"divide": "60"},
}


@pytest.mark.parametrize("row", table("Units and whole steps"), ids=lambda row: f"{row['quantity']}, {row['convert']}")
def test_units_and_steps_are_as_the_page_says(row: dict[str, str]) -> None:
    price = {"perUnit": "1", "convert": CONVERSIONS[row["convert"]]}

    assert exact_amount(row["quantity"].split()[0], price) == Fraction(row["priced"])


COUNTRIES: Final = {
    "matrix": {
        "by": ["country"],
        "rows": [
            {"when": {"country": ["AT", "DE"]}, "perUnit": "0.06"},
            {"when": {"country": "FR"}, "perUnit": "0.07"},
        ],
        "otherwise": {"perUnit": "0.10"},
    }
}


def by_region(kind: str) -> dict[str, Any]:
    cheap, dear = (
        {"tiers": [{"upTo": "100", "unit": first}, {"unit": rest}]}
        for first, rest in (("0.05", "0.04"), ("0.06", "0.045"))
    )
    rows = [{"when": {"region": "eu"}, kind: cheap}]
    return {"matrix": {"by": ["region"], "rows": rows, "otherwise": {kind: dear}}, "ladder": "total"}


PER_REGION: Final = {"graduated": {"tiers": [{"upTo": "100", "unit": "0.05"}, {"unit": "0.04"}]}, "perKey": ["region"]}
BY_VALUES: Final[Sequence[dict[str, Any]]] = (
    COUNTRIES,
    {**COUNTRIES, "included": "300"},
    {**COUNTRIES, "included": "1520"},
    COUNTRIES,
    PER_REGION,
    {**PER_REGION, "ladder": "total"},
    by_region("graduated"),
    by_region("volume"),
)
"""The prices of the table, row by row."""


ROWS_BY_VALUES: Final = tuple(zip(table("Prices by values of properties"), BY_VALUES, strict=True))


@pytest.mark.parametrize(("row", "price"), ROWS_BY_VALUES)
def test_prices_by_values_are_as_the_page_says(row: dict[str, str], price: dict[str, Any]) -> None:
    (key,) = price["matrix"]["by"] if "matrix" in price else price["perKey"]
    usage = [(name, quantity) for name, quantity in (one.split() for one in row["usage"].split(", "))]
    cells = cells_of((key,), [Cell((name,), Decimal(quantity)) for name, quantity in usage])

    (line,) = quoted_plan(plan_with(price), [AssumedUsage("usage", cells.counted, cells)]).lines

    assert line.derivation.amount == Fraction(row["exact charge"])
    groups = [({key: name}, Fraction(quantity)) for name, quantity in usage]
    assert cost_of_groups(groups, price) == Fraction(row["exact charge"])


def tiers(*prices: tuple[str | None, str, str]) -> dict[str, Any]:
    return {
        "tiers": [
            {"unit": unit, "flat": flat} if end is None else {"upTo": end, "unit": unit, "flat": flat}
            for end, unit, flat in prices
        ]
    }


ZUPLO: Final = tiers(("1000", "0.10", "0"), ("10000", "0.05", "0"), (None, "0.01", "0"))
LAGO_RATES: Final = {
    "tiers": [
        {"upTo": "1000", "rate": "1", "flat": "200"},
        {"upTo": "10000", "rate": "2", "flat": "300"},
        {"rate": "3", "flat": "400"},
    ]
}
PUBLISHED: Final[dict[str, tuple[dict[str, Any], str, str]]] = {
    # https://getlago.com/docs/guide/plans/charges/charge-models/graduated-percentage
    "Lago, graduated percentage, the first transaction": ({"graduatedPercentage": LAGO_RATES}, "500", "205"),
    "Lago, graduated percentage, two transactions (205 + 306)": ({"graduatedPercentage": LAGO_RATES}, "1050", "511"),
    "Lago, graduated percentage, three transactions (205 + 306 + 80)": (
        {"graduatedPercentage": LAGO_RATES},
        "5050",
        "591",
    ),
    # https://getlago.com/docs/guide/plans/charges/charge-models/volume
    "Lago, volume": (
        {
            "volume": tiers(
                ("10000", "0.0010", "10"), ("50000", "0.0008", "10"), ("100000", "0.0006", "10"), (None, "0.0004", "10")
            )
        },
        "65000",
        "49",
    ),
    # https://getlago.com/docs/guide/plans/charges/charge-models/package
    "Lago, package": ({"package": {"size": "100", "unit": "5"}, "included": "100"}, "201", "10"),
    # openmeterio/openmeter: billing/rating/service/rate/tieredgraduated.go
    "OpenMeter, graduated tiers": (
        {"graduated": tiers(("5", "0", "100"), ("10", "0", "50"), ("15", "5", "0"), (None, "1", "0"))},
        "22",
        "182",
    ),
    # https://zuplo.com/docs/articles/monetization/pricing-models
    "Zuplo (on OpenMeter), graduated": ({"graduated": ZUPLO}, "15000", "600"),
    "Zuplo (on OpenMeter), volume": ({"volume": ZUPLO}, "15000", "150"),
    # https://docs.useautumn.com/documentation/modelling-pricing/graduated-pricing
    "Autumn, graduated": (
        {"graduated": tiers(("1000", "0.01", "0"), ("10000", "0.008", "0"), (None, "0.005", "0"))},
        "15000",
        "107",
    ),
    # https://docs.flexprice.io/docs/product-catalogue/plans/billing-models/package
    "Flexprice, package (our stairstep)": (
        {
            "stairstep": {
                "tiers": [{"upTo": "1000", "amount": "50"}, {"upTo": "5000", "amount": "200"}, {"amount": "350"}]
            }
        },
        "4500",
        "200",
    ),
    # https://docs.oracle.com/en/industries/financial-services/banking-liquidity-management (tier based amount)
    "Oracle Banking, slabs by count (our graduated)": (
        {"graduated": tiers(("250", "1", "0"), ("500", "2", "0"), (None, "3", "0"))},
        "1000",
        "2250",
    ),
    "Oracle Banking, slabs without a unit (flat fees alone)": (
        {"graduated": tiers(("250", "0", "10"), ("500", "0", "20"), (None, "0", "30"))},
        "1000",
        "60",
    ),
    # https://www.chargebee.com/docs/billing/2.0/product-catalog/package-pricing
    "Chargebee, package": ({"package": {"size": "1000000", "unit": "1.25"}}, "1500000", "2.50"),
    # killbill/killbill-docs: catalog-usage.adoc
    "Kill Bill, consumable usage": (
        {
            "convert": {"divide": "10", "increment": "1", "rounding": "CEILING"},
            "graduated": tiers(("100", "1.00", "0"), (None, "0.50", "0")),
        },
        "1500",
        "125",
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_others_publish_comes_out_the_same(name: str) -> None:
    price, quantity, amount = PUBLISHED[name]

    assert exact_amount(quantity, price) == Fraction(amount)
    assert cost_of(Fraction(quantity), price).amount == Fraction(amount)


def test_the_page_lists_the_same_examples() -> None:
    listed = {
        row["who"].replace("`", ""): (row["quantity"].split()[0].replace(",", ""), row["amount"].replace(",", ""))
        for row in table("Examples that others publish")
    }

    assert listed == {name: (quantity, amount) for name, (_price, quantity, amount) in PUBLISHED.items()}


DECIMALS = st.decimals(0, 1000, places=3).map(lambda value: format(value, "f"))
RATES = st.decimals(0, 100, places=3).map(lambda value: format(value, "f"))
MONEY: Final = {"percentage", "graduatedPercentage", "dynamic", "costPlus"}
ENDS = st.lists(st.decimals("0.001", 1000, places=3), min_size=0, max_size=4, unique=True).map(sorted)


@st.composite
def models(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(("perUnit", "graduated", "volume", "stairstep", "package", *sorted(MONEY))))
    if kind in {"perUnit", "costPlus"}:
        return {kind: draw(DECIMALS)}
    if kind == "percentage":
        return {kind: draw(RATES)}
    if kind == "dynamic":
        return {kind: {"factor": draw(DECIMALS)}}
    if kind == "package":
        return {kind: {"size": format(draw(st.decimals("0.001", 50, places=3)), "f"), "unit": draw(DECIMALS)}}
    entries: list[dict[str, str]] = [{"upTo": format(end, "f")} for end in draw(ENDS)]
    entries.append({})
    for entry in entries:
        if kind == "stairstep":
            entry["amount"] = draw(DECIMALS)
        elif kind == "graduatedPercentage":
            entry |= {"rate": draw(RATES), "flat": draw(DECIMALS)}
        else:
            entry |= {"unit": draw(DECIMALS), "flat": draw(DECIMALS)}
    return {kind: {"tiers": entries}}


@st.composite
def prices(draw: st.DrawFn) -> dict[str, Any]:
    price = draw(models())
    for around in ("included", "minimum"):
        if draw(st.booleans()):
            price[around] = draw(DECIMALS)
    if draw(st.booleans()):
        price["maximum"] = format(Decimal(price.get("minimum", "0")) + Decimal(draw(DECIMALS)), "f")
    if not set(price) & MONEY and draw(st.booleans()):
        price["convert"] = {
            draw(st.sampled_from(("multiply", "divide"))): format(draw(st.decimals("0.001", 1000, places=3)), "f"),
            "increment": format(draw(st.decimals("0.001", 10, places=3)), "f"),
            "rounding": draw(st.sampled_from(("CEILING", "FLOOR", "HALF_UP"))),
        }
    return price


def bounds_of(price: dict[str, Any]) -> list[Decimal]:
    """Return the bounds of a price as metered quantities, as nearly as 12 places say them."""
    model = next(content for key, content in price.items() if key not in {"included", "minimum", "maximum", "convert"})
    tiered = model if isinstance(model, dict) else {}
    ends = [tiered["size"]] if "size" in tiered else [one["upTo"] for one in tiered.get("tiers", [])[:-1]]
    convert, included = price.get("convert", {}), Decimal(price.get("included", "0"))
    factor = Fraction(convert.get("divide", "1")) / Fraction(convert.get("multiply", "1"))
    exact = [Fraction(Decimal(end) + included) * factor for end in ends]
    return [Decimal(value.numerator * 10**12 // value.denominator).scaleb(-12) for value in exact]


@settings(max_examples=300)
@given(price=prices(), quantity=st.decimals(-100, 5000, places=3), data=st.data())
def test_rating_and_the_oracle_never_differ(price: dict[str, Any], quantity: Decimal, data: st.DataObject) -> None:
    at = data.draw(st.sampled_from([quantity, Decimal(0), *bounds_of(price)]))
    nudge = data.draw(st.sampled_from([Decimal(0), Decimal(1), Decimal(-1), Decimal("0.000000000001")]))

    assert exact_amount(at + nudge, price) == cost_of(Fraction(at + nudge), price).amount


@pytest.mark.parametrize(
    "price",
    [
        {"perUnit": "-1"},
        {"perUnit": "1e3"},
        {"perUnit": "1", "included": "-1"},
        {"perUnit": "1", "minimum": "-1"},
        {"perUnit": "1", "maximum": "-1"},
        {"perUnit": "1", "maximum": "1", "minimum": "2"},
        {"percentage": "100.1"},
        {"costPlus": "-101"},
        {"percentage": "1", "convert": {"multiply": "2"}},
        {"graduated": {"tiers": []}},
        {"graduated": tiers(("10", "1", "0"), ("10", "1", "0"), (None, "1", "0"))},
        {"volume": tiers(("0", "1", "0"), (None, "1", "0"))},
        {"volume": tiers(("10", "1", "0"))},
        {"volume": tiers((None, "1", "0"), (None, "1", "0"))},
        {"stairstep": {"tiers": [{"upTo": "5", "amount": "1"}]}},
        {"package": {"size": "0", "unit": "1"}},
        {"perUnit": "1", "convert": {"multiply": "2", "divide": "2"}},
        {"perUnit": "1", "convert": {"divide": "0.000001", "increment": "1", "rounding": "FLOOR"}},
        {"perUnit": "1", "convert": {"increment": "1"}},
    ],
)
def test_what_the_page_says_is_refused_is_refused(price: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        plan_with(price)
