"""Prices of each event: worked examples, refusals, and the law that bands give what a loop over events gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from meterline.catalog.messages import SpecReader
from money import currency, format_decimal, format_exact
from rating.domain.billing_period import Schedule, period_labelled
from rating.domain.cell_questions import CellQuestion, groups_priced
from rating.domain.cells import Cell, Cells, cells_of
from rating.domain.charges import Charge, MeterUsage
from rating.domain.cost import Breakdown, UsageByWindow, UsageRow, cost_rows, usage_by_cells
from rating.domain.cost_windows import WindowSize, cost_windows
from rating.domain.explained_prices import explained_plan
from rating.domain.meters import KnownMeter
from rating.domain.plans import Plan, PlanItem
from rating.domain.price_lint import lint_plan
from rating.domain.pricing.bands import band_of, label_of
from rating.domain.pricing.each_event import bounds_of
from rating.domain.proration import WHOLE
from rating.domain.quotes import AssumedUsage, Question, quoted, quoted_plan
from rating.domain.rated_period import rate_plan
from rating.domain.soundness import is_sound
from rating.domain.unpriced import NotByBandError, check_told_apart
from rating.domain.variance import Side, variances
from rating.store.documents import charge_from_document, charge_to_document, item_from_document, item_to_document
from rating.wire.plans import item_to_proto, plan_from_proto
from testkit.oracle.exact import round_half_away

USD: Final = currency("USD")
CALL: Final = {
    "graduated": {"tiers": [{"upTo": "1", "unit": "0", "flat": "0.60"}, {"unit": "0.10"}]},
    "scope": "event",
    "convert": {"divide": "60", "unit": "min"},
}
CARD: Final = {"percentage": {"rate": "2.9", "fee": "0.30"}}
CLAMPED: Final = {"percentage": {"rate": "2.9", "fee": "0.30", "eventMinimum": "0.50", "eventMaximum": "20"}}


def by_place(row: Mapping[str, Any]) -> dict[str, Any]:
    rows = [{"when": {"place": "x"}, **row}, {"when": {"place": {"prefix": "y"}}, **CARD, "included": "50"}]
    return {"matrix": {"by": ["place"], "rows": rows, "otherwise": {"perUnit": "0.2"}}, "scope": "event"}


BY_PLACE: Final = by_place(CLAMPED)


def plan_at(price: Mapping[str, Any]) -> Plan:
    document = {"currency": "USD", "items": [{"name": "Usage", "meter": "usage", "price": price}]}
    spec = catalog_pb2.PlanSpec()
    SpecReader("prices", "plan").read(catalog_pb2.PlanSpec.DESCRIPTOR, spec, document, 1)
    return plan_from_proto(spec).resolved({})


def cells(values: Sequence[str], bounds: Sequence[Fraction], rounded: Mapping[str, str] | None = None) -> Cells:
    """Events as a meter with these bounds tells them; the band is that of what is billed."""
    billed = rounded or {}
    return cells_of(
        ("band",),
        (
            Cell(
                (label_of(Fraction(billed.get(text, text)), bounds),),
                Decimal(text),
                1,
                Decimal(billed[text]) if text in billed else None,
            )
            for text in values
        ),
    )


def used(found: Cells) -> dict[str, MeterUsage]:
    is_rounded = any(cell.rounded is not None for cell in found.cells)
    rounded = found.billed if is_rounded else None
    count = sum(cell.event_count for cell in found.cells)
    return {"usage": MeterUsage(found.counted, "s", count, adds_up=True, rounded=rounded, cells=found)}  # type: ignore[arg-type]


def charge_of(price: Mapping[str, Any], *values: str, **rounded: Any) -> Charge:
    plan = plan_at(price)
    bounds = bounds_of(plan.items[0].price.model, plan.items[0].price.convert)
    (charge,) = rate_plan(plan, used(cells(values, bounds, **rounded)))
    assert is_sound(charge, plan.items[0], "USD")
    assert charge_from_document(charge_to_document(charge)) == charge
    return charge


def test_a_call_is_connected_and_then_billed_by_the_second() -> None:
    # 60/1: a call of 40 s is billed as 60.
    charge = charge_of(CALL, "40", "90", rounded={"40": "60", "90": "90"})

    assert charge.derivation.amount == Decimal("1.25")
    assert charge_of(CALL, "40", rounded={"40": "60"}).derivation.amount == Decimal("0.60")
    assert charge_of(CALL, "90").derivation.amount == Decimal("0.65")
    assert [step.text for step in charge.derivation.steps] == [
        "Usage of the period: 130 s",
        "Each event or session rounded by itself: 150 s are billed",
        "1 event above 0 min up to 1 min: 1 min",
        "1 event at 0.6 USD each",
        "1 event above 1 min: 1.5 min",
        "1.5 min at 0.1 USD each",
        "1 event at 0.5 USD each",
        "Exact amount: 1.25 USD, not rounded",
    ]


@pytest.mark.parametrize(
    ("price", "values", "amount"),
    [
        (CLAMPED, ("5", "100", "1000"), "23.70"),
        (CARD, ("5", "100", "1000"), "32.945"),
        ({"percentage": {**CARD["percentage"], "freeEvents": "1"}, "included": "500"}, ("5", "100", "1000"), "18.145"),
        (CARD, ("5", "100", "1000", "-100"), "30.045"),
        (CLAMPED, ("-100",), "0"),
        (CLAMPED, ("100", "-50"), "1.75"),
        (CARD, ("0",), "0"),
        (CARD, ("-100", "1"), "0.30"),
        ({"percentage": {"rate": "0", "fee": "0.1"}, "maximum": "0.25"}, ("1", "2", "3"), "0.25"),
        ({"volume": CALL["graduated"], "scope": "event"}, ("1", "2"), "0.8"),
        ({"stairstep": {"tiers": [{"upTo": "2", "amount": "1"}, {"amount": "5"}]}, "scope": "event"}, ("2", "3"), "6"),
        ({"perUnit": "0.5", "scope": "event"}, ("2", "-3"), "1"),
        (CALL, (), "0"),
    ],
)
def test_fees_clamps_and_tiers_of_each_event(price: Mapping[str, Any], values: Sequence[str], amount: str) -> None:
    assert charge_of(price, *values).derivation.amount == Decimal(amount)


def test_every_form_of_such_a_price_is_read_back() -> None:
    for price in (CALL, CARD, CLAMPED, {"percentage": "2.9"}, BY_PLACE, {**CARD, "perKey": ["place"]}):
        plan = plan_at(price)
        spec = catalog_pb2.PlanSpec(currency="USD", items=[item_to_proto(plan.items[0])])
        assert plan_from_proto(spec).resolved({}) == plan
        assert item_from_document(item_to_document(plan.items[0])) == plan.items[0]
    assert plan_at({"percentage": "2.9"}).items[0].price.by == ()
    assert groups_priced(plan_at(CARD).items) == {"usage": ("band",)}


def test_the_bounds_of_a_clamp_are_exact() -> None:
    (item,) = plan_at(CLAMPED).items

    assert [format_exact(bound) for bound in bounds_of(item.price.model, None)] == ["200/29", "19700/29"]
    (found,) = lint_plan("p", plan_at(CLAMPED), {"usage": KnownMeter("", bands=frozenset({"60"}))})
    assert found.code == "bands-missing"
    assert 'apply it with bands: ["200/29", "19700/29"]' in found.message
    with_others = KnownMeter("", bands=frozenset({"60", "200/29", "19700/29"}))
    assert lint_plan("p", plan_at(CLAMPED), {"usage": with_others}) == ()


@pytest.mark.parametrize("labels", [("0..61",), ("0..",), ("",), ("..60",), ("0..60", "60..x")])
def test_bands_that_do_not_tell_the_price_are_refused(labels: Sequence[str]) -> None:
    found = Cells(("band",), tuple(Cell((label,), Decimal(1), 1) for label in labels))
    plan = plan_at(CALL)

    with pytest.raises(NotByBandError, match=r'bands: \["60"\]'):
        rate_plan(plan, used(found))
    with pytest.raises(NotByBandError):
        check_told_apart(plan.items, {"usage": found})
    sound = charge_of(CALL, "1")
    assert not is_sound(replace(sound, cells=replace(found, cells=found.cells[-1:])), plan.items[0], "USD")


def test_a_frozen_charge_follows_from_the_number_of_its_events() -> None:
    charge, (item,) = charge_of(CARD, "5", "100"), plan_at(CARD).items
    assert charge.cells is not None
    more = tuple(replace(cell, event_count=3) for cell in charge.cells.cells)

    assert not is_sound(replace(charge, cells=replace(charge.cells, cells=more)), item, "USD")


@pytest.mark.parametrize(
    ("price", "message"),
    [
        ({"package": {"size": "1", "unit": "1"}, "scope": "event"}, "not for package"),
        ({"percentage": "2", "scope": "event"}, "not for percentage"),
        ({"dynamic": {"factor": "2"}, "scope": "event"}, "not for dynamic"),
        ({**CALL, "included": "5"}, "first tier at 0"),
        ({**CLAMPED, "included": "5"}, "first tier at 0"),
        ({**CALL, "convert": {"divide": "60", "round": "up"}}, "let the meter round events"),
        ({**CALL, "perKey": ["region"], "ladder": "total"}, "each event climbs the tiers by itself"),
        ({**BY_PLACE, "scope": "period"}, "write scope: event beside it"),
        ({**BY_PLACE, "included": "5"}, "write it in rows"),
        (by_place({"package": {"size": "1", "unit": "1"}}), "not for package"),
        (by_place({**CLAMPED, "included": "5"}), "first tier at 0"),
        ({"percentage": {"rate": "1", "freeEvents": "2"}}, "needs a fee"),
        ({"percentage": {"rate": "1", "fee": "1", "freeEvents": "2", "eventMinimum": "1"}}, "order"),
        ({"percentage": {"rate": "1", "fee": "1", "freeEvents": "1.5"}}, "whole"),
        ({"percentage": {"rate": "1", "eventMinimum": "2", "eventMaximum": "1"}}, "lower it"),
        ({"percentage": {"rate": "1", "fee": "-1"}}, "negative"),
        (
            {
                "graduated": {"tiers": [*({"upTo": str(n), "unit": "1"} for n in range(1, 16)), {"unit": "1"}]},
                "scope": "event",
            },
            "fewer tiers",
        ),
    ],
)
def test_what_is_refused_and_what_to_write_instead(price: Mapping[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        plan_at(price)


def test_a_plan_is_quoted_by_the_values_of_events() -> None:
    plan = plan_at(CALL)

    quote = quoted_plan(plan, [AssumedUsage("usage", Decimal(0), events=(Decimal(60), Decimal(90)))])

    assert (str(quote.total), quote.lines[0].quantity) == ("1.25", Decimal(150))
    assert str(quoted_plan(plan, []).total) == "0.00"
    with pytest.raises(Refused, match="write events"):
        quoted_plan(plan, [AssumedUsage("usage", Decimal(150))])
    with pytest.raises(Refused, match="with the values of events"):
        quoted(plan, [Question("Usage", Decimal(150))])
    (explained,) = explained_plan(plan, {"usage": "s"})
    assert explained.sentence.split(". ")[1] == "Each event is priced by itself, and what they cost is added"
    assert [(format_decimal(one.quantity), str(one.amount)) for one in explained.examples] == [
        ("60", "0.60"),
        ("61", "0.60"),
        ("600", "1.50"),
    ]


# --- laws ------------------------------------------------------------------------------------------------------------


def share_of(value: Fraction) -> Fraction:
    return value * Fraction(29, 1000)


def clamped(value: Fraction) -> Fraction:
    if value <= 0:
        return share_of(value)
    return min(max(share_of(value) + Fraction("0.3"), Fraction("0.5")), Fraction(20))


def call(value: Fraction) -> Fraction:
    minutes = value / 60
    return Fraction(0) if value <= 0 else Fraction("0.6") + max(minutes - 1, Fraction(0)) / 10


def rising(value: Fraction) -> Fraction:
    if value <= 0:
        return Fraction(0)
    cost = Fraction("0.25") + min(value, Fraction("2.5")) * 3
    return cost if value <= Fraction("2.5") else cost + (value - Fraction("2.5")) * Fraction("0.333") + 1


RISING: Final = {
    "graduated": {"tiers": [{"upTo": "2.5", "unit": "3", "flat": "0.25"}, {"unit": "0.333", "flat": "1"}]},
    "scope": "event",
}
PRICES: Final = [
    (CALL, call),
    (RISING, rising),
    (CLAMPED, clamped),
    (CARD, lambda value: share_of(value) + (Fraction("0.3") if value > 0 else 0)),
]
VALUES: Final = st.decimals(min_value=-20, max_value=1000, places=2) | st.sampled_from([Decimal(60), Decimal("2.5")])


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(PRICES),
    st.lists(st.tuples(st.integers(0, 30), VALUES), max_size=12),
    st.lists(st.decimals(min_value=1, max_value=900, places=1), max_size=5),
    st.sampled_from([{}, {"minimum": "5.005"}, {"maximum": "9.995"}]),
)
def test_bands_give_what_a_loop_over_the_events_gives(
    price: tuple[Any, Any], told: list[tuple[int, Decimal]], others: list[Decimal], around: dict[str, str]
) -> None:
    written, cost_of = price
    plan = plan_at({**written, **around})
    (item,) = plan.items
    bounds = [*bounds_of(item.price.model, item.price.convert), *map(Fraction, others)]
    exact = loop([Fraction(value) for _, value in told], cost_of, is_card=written is CARD)
    exact = max(min(exact, Fraction(around.get("maximum", exact))), Fraction(around.get("minimum", 0)))

    (charge,) = rate_plan(plan, used(cells([str(value) for _, value in told], bounds)))
    rows = cost_over_time(item, told, bounds)

    assert Fraction(charge.derivation.amount) == exact
    assert sum((Fraction(row.exact_amount or 0) for row in rows), Fraction(0)) == exact
    assert sum((Fraction(row.amount) for row in rows), Fraction(0)) == round_half_away(exact, 2)
    assert is_sound(charge, item, "USD")
    assert all(
        band_of(label_of(Fraction(value), bounds)) is not None and holds(Fraction(value), bounds) for _, value in told
    )


def holds(value: Fraction, bounds: Sequence[Fraction]) -> bool:
    band = band_of(label_of(value, bounds))
    assert band is not None
    return (band.lower is None or band.lower < value) and (band.upper is None or value <= band.upper)


def loop(values: list[Fraction], cost_of: Any, *, is_card: bool) -> Fraction:
    if is_card:
        # The share is that of the sum, and refunds never take a fee back.
        fees = sum((Fraction("0.3") for value in values if value > 0), Fraction(0))
        return max(share_of(sum(values, Fraction(0))), Fraction(0)) + fees
    return max(sum((cost_of(value) for value in values), Fraction(0)), Fraction(0))


def cost_over_time(item: PlanItem, told: list[tuple[int, Decimal]], bounds: Sequence[Fraction]) -> list[Any]:
    period = period_labelled(Schedule(date(2024, 1, 1), None, 1, "UTC"), "2024-01")
    assert period is not None
    windows = cost_windows(period, "UTC", WindowSize.DAY, None)
    rows = [
        UsageRow(windows.windows[day].start, cell.values, Decimal(str(cell.quantity)), None, cell.event_count)
        for day in sorted({day for day, _ in told})
        for cell in cells([str(value) for own, value in told if own == day], bounds).cells
    ]
    by_window = UsageByWindow(rows, "", AsOf("e", {0: 1}), is_filled=True)
    usage = usage_by_cells(by_window, windows, CellQuestion(("band",)), ())
    return cost_rows([item], {"usage": usage}, windows, Breakdown(), USD)


@given(st.lists(VALUES, min_size=1, max_size=6), st.lists(VALUES, min_size=1, max_size=6))
def test_the_effects_of_such_a_price_add_up(first: list[Decimal], then: list[Decimal]) -> None:
    plan = plan_at(CALL)
    sides = []
    for values in (first, then):
        charges = (charge_of(CALL, *map(str, values)),)
        sides.append(Side(charges, charges, plan, WHOLE))

    (item,) = variances(sides[0], sides[1], plan, USD)

    amounts = [Fraction(side.billed[0].derivation.amount) for side in sides]
    assert sum(each.exact for each in item.effects) == amounts[1] - amounts[0]
