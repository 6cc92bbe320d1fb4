"""Price formulas: worked examples, what is refused, and laws against a count in fractions that knows no expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import TooBig
from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from metering.rating.v1 import catalog_pb2
from meterline.catalog.messages import SpecReader
from money import currency
from rating.domain.billing_period import Schedule, period_labelled
from rating.domain.charges import Charge, MeterUsage
from rating.domain.cost import Breakdown, UsageByWindow, UsageRow, cost_rows, usage_that_adds_up
from rating.domain.cost_of_formula import check_not_by_groups
from rating.domain.cost_windows import WindowSize, cost_windows
from rating.domain.explained_prices import explained_plan
from rating.domain.meters import KnownMeter
from rating.domain.plans import Plan, PlanItem
from rating.domain.price_lint import lint_meters, lint_plan
from rating.domain.proration import WHOLE
from rating.domain.quotes import AssumedUsage, Question, quoted, quoted_plan
from rating.domain.rated_period import rate_plan
from rating.domain.soundness import is_sound
from rating.domain.unpriced import MissingMeterError, check_meters
from rating.domain.variance import Side, variances
from rating.store.documents import charge_from_document, charge_to_document, item_from_document, item_to_document
from rating.wire.plans import item_to_proto, plan_from_proto
from testkit.oracle.exact import round_half_away

USD: Final = currency("USD")
LARGER: Final = {"of": {"calls": "call-count", "gb": "traffic"}, "is": "max(calls * 0.01, gb * 0.5)"}


def item_at(formula: Mapping[str, Any], **around: Any) -> PlanItem:
    return plan_at(formula, **around).items[0]


def plan_at(formula: Mapping[str, Any], *, item: Mapping[str, Any] | None = None, **around: Any) -> Plan:
    price = {"formula": formula, **around}
    document = {"currency": "USD", "items": [{"name": "Usage", "price": price, **(item or {})}]}
    spec = catalog_pb2.PlanSpec()
    SpecReader("prices", "plan").read(catalog_pb2.PlanSpec.DESCRIPTOR, spec, document, 1)
    return plan_from_proto(spec).resolved({"sold": "call-count"})


def used(**quantities: str) -> dict[str, MeterUsage]:
    meters = {"calls": ("call-count", "call"), "gb": ("traffic", "GB")}
    return {meters[name][0]: MeterUsage(Decimal(text), meters[name][1], 3) for name, text in quantities.items()}


def charge_of(plan: Plan, **quantities: str) -> Charge:
    (charge,) = rate_plan(plan, used(**quantities))
    return charge


@pytest.mark.parametrize(
    ("calls", "gb", "amount"),
    [("900", "30", "15"), ("2000", "30", "20"), ("0", "0", "0"), ("1000", "20", "10"), ("1000", "20.02", "10.01")],
)
def test_the_larger_of_two_amounts(calls: str, gb: str, amount: str) -> None:
    charge = charge_of(plan_at(LARGER), calls=calls, gb=gb)

    assert charge.derivation.amount == Decimal(amount)
    assert (charge.meter, charge.quantity, charge.unit) == ("call-count", Decimal(calls), "call")
    assert [(read.name, read.meter, str(read.quantity)) for read in charge.reads] == [
        ("calls", "call-count", calls),
        ("gb", "traffic", gb),
    ]


def test_each_name_is_a_step_and_so_is_the_expression() -> None:
    charge = charge_of(plan_at(LARGER, maximum="12"), calls="900", gb="30")

    assert [(step.name.value, step.text) for step in charge.derivation.steps] == [
        ("read", "calls: 900 call of call-count"),
        ("read", "gb: 30 GB of traffic"),
        ("formula", "max(calls * 0.01, gb * 0.5) = 15 USD"),
        ("maximum", "The maximum of 12 USD caps 15 USD"),
        ("total", "Exact amount: 12 USD, not rounded"),
    ]


@pytest.mark.parametrize(
    ("expression", "amount"),
    [
        ("calls * 0.01 - gb", "0"),
        ("ceil(gb, 10) * calls * 0", "0"),
        ("case when calls > 100 then gb * 2 else 0 end", "61"),
        ("floor(calls, 100) * 0.001 + coalesce(quotient(gb, calls, 6, 'half_up'), 0)", "0.833927"),
        ("5 + min(calls, gb, 7)", "12"),
    ],
)
def test_what_is_below_zero_costs_nothing_and_all_else_what_it_says(expression: str, amount: str) -> None:
    plan = plan_at({**LARGER, "is": expression})

    assert charge_of(plan, calls="899", gb="30.5").derivation.amount == Decimal(amount)


def test_a_quantity_below_zero_is_zero_and_what_is_billed_event_by_event_is_read() -> None:
    plan = plan_at({**LARGER, "is": "calls + gb * 0.5"})
    counted = used(calls="-4", gb="1")
    counted["traffic"] = replace(counted["traffic"], rounded=Decimal(10))

    (charge,) = rate_plan(plan, counted)

    assert charge.derivation.amount == 5
    assert is_sound(charge, plan.items[0], "USD")


def test_a_minimum_lifts_a_formula() -> None:
    assert charge_of(plan_at(LARGER, minimum="3"), calls="1", gb="0").derivation.amount == 3


def test_every_form_of_a_formula_and_its_charge_is_read_back() -> None:
    plan = plan_at(LARGER, maximum="100")
    (item,), charge = plan.items, charge_of(plan, calls="900", gb="30")
    spec = catalog_pb2.PlanSpec(currency="USD", items=[item_to_proto(item)])

    assert item_from_document(item_to_document(item)) == item
    assert plan_from_proto(spec).resolved({}) == plan
    assert charge_from_document(charge_to_document(charge)) == charge
    assert item.meters == ("call-count", "traffic")


def test_a_frozen_charge_follows_from_all_of_its_quantities() -> None:
    plan = plan_at(LARGER)
    (item,), charge = plan.items, charge_of(plan, calls="900", gb="30")
    calls, gb = charge.reads

    assert is_sound(charge, item, "USD")
    assert not is_sound(replace(charge, reads=(calls, replace(gb, quantity=Decimal(31)))), item, "USD")
    assert not is_sound(replace(charge, reads=(calls,)), item, "USD")
    assert not is_sound(replace(charge, reads=()), item, "USD")
    # The amount does not depend on it here; the quantity on the line does.
    assert not is_sound(replace(charge, quantity=Decimal(901)), item, "USD")
    assert not is_sound(replace(charge, reads=(replace(calls, event_count=4), gb), event_count=3), item, "USD")


def test_a_meter_that_is_not_there_is_missed_wherever_it_stands() -> None:
    plan = plan_at(LARGER)

    with pytest.raises(MissingMeterError, match="traffic"):
        charge_of(plan, calls="1")
    with pytest.raises(MissingMeterError, match="traffic"):
        check_meters(plan.items, {"call-count": KnownMeter("")})
    found = lint_plan("p", plan, {"call-count": KnownMeter("")})
    assert [(finding.code, "traffic" in finding.message) for finding in found] == [("meter-missing", True)]
    assert lint_meters(["call-count", "traffic"], [plan], {}) == ()


def test_a_plan_is_quoted_by_the_usage_of_all_meters_and_a_single_quantity_is_refused() -> None:
    plan = plan_at(LARGER)

    quote = quoted_plan(plan, [AssumedUsage("traffic", Decimal(30)), AssumedUsage("call-count", Decimal(900))])

    assert str(quote.total) == "15.00"
    with pytest.raises(Refused, match="quote the plan, with the usage of call-count, traffic"):
        quoted(plan, [Question("Usage", Decimal(1))])
    (explained,) = explained_plan(plan, {})
    assert explained.sentence.startswith("It costs max(calls * 0.01, gb * 0.5) USD, where calls is the quantity of")
    assert explained.examples == ()


@pytest.mark.parametrize(
    ("change", "around", "message"),
    [
        ({"is": "calls + gbs"}, {}, "did you mean gb"),
        ({"is": "calls > gb"}, {}, "must give a decimal"),
        ({"is": "quotient(calls, gb, 6, 'half_up')"}, {}, "may give nothing"),
        ({"is": "calls * 2"}, {}, "does not read gb"),
        ({"is": "calls * gb * gb"}, {}, "digits after the point"),
        ({"is": "round(calls, 1) * round(gb, 1) * round(calls, 1)"}, {}, "digits before the point"),
        ({"is": "calls / gb"}, {}, "line 1, column 7"),
        ({"of": {"1a": "call-count"}, "is": "1"}, {}, "is no name"),
        ({}, {"included": "5"}, "maximum and a minimum alone"),
        ({}, {"convert": {"divide": "60"}}, "maximum and a minimum alone"),
        ({}, {"perKey": ["region"]}, "maximum and a minimum alone"),
        ({}, {"item": {"meter": "traffic"}}, "leave it out here"),
        ({}, {"item": {"product": "sold"}}, "leave it out here"),
    ],
)
def test_what_is_refused_and_what_to_write_instead(
    change: Mapping[str, Any], around: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        plan_at({**LARGER, **change}, **around)


def test_what_outgrows_the_digits_of_an_amount_is_refused_and_never_cut() -> None:
    with pytest.raises(TooBig, match="call-count, traffic"):
        charge_of(plan_at({**LARGER, "is": "calls * gb * 10000000000"}), calls="9" * 30, gb="9" * 30)


# --- laws ------------------------------------------------------------------------------------------------------------

PARTS: Final = [
    ("a * 0.05", lambda a, _: a * Fraction(1, 20)),
    ("max(a, b) * 0.5", lambda a, b: max(a, b) / 2),
    ("(a - b) * 0.333", lambda a, b: (a - b) * Fraction(333, 1000)),
    ("ceil(b, 2.5) * 1.5", lambda _, b: -(-b // Fraction(5, 2)) * Fraction(15, 4)),
    ("floor(a) * floor(b)", lambda a, b: Fraction(a // 1) * (b // 1)),
    ("case when a > b then a else 7 end", lambda a, b: a if a > b else Fraction(7)),
    ("min(a, b, 40) + 1.001", lambda a, b: min(a, b, Fraction(40)) + Fraction(1001, 1000)),
]
QUANTITIES: Final = st.decimals(min_value=-50, max_value=5000, places=3)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(PARTS), min_size=2, max_size=4),
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["a", "b"]), QUANTITIES), max_size=8),
    st.sampled_from([{}, {"minimum": "30.005"}, {"maximum": "200.005"}]),
)
def test_a_formula_costs_what_it_says_and_its_days_add_up_to_it(
    parts: list[Any], told: list[tuple[int, str, Decimal]], around: dict[str, str]
) -> None:
    of = {"a": "meter-a", "b": "meter-b"}
    item = item_at({"of": of, "is": " + ".join(f"({text})" for text, _ in [*parts, ("a - a + b - b", None)])}, **around)
    whole = {name: sum((Fraction(one) for _, of_, one in told if of_ == name), Fraction(0)) for name in of}
    a, b = (max(whole[name], Fraction(0)) for name in of)
    exact = max(sum((count(a, b) for _, count in parts), Fraction(0)), Fraction(0))
    exact = max(min(exact, Fraction(around.get("maximum", exact))), Fraction(around.get("minimum", 0)))

    plan = Plan("USD", (item,))
    usage = {meter: MeterUsage(decimal_of(whole[name]), "", 0) for name, meter in of.items()}
    (charge,) = rate_plan(plan, usage)
    rows = cost_rows([item], over_time(of, told), windows(), Breakdown(), USD)

    assert Fraction(charge.derivation.amount) == exact
    assert sum((Fraction(row.exact_amount or 0) for row in rows), Fraction(0)) == exact
    assert sum((Fraction(row.amount) for row in rows), Fraction(0)) == round_half_away(exact, 2)
    assert is_sound(charge, item, "USD")


def windows() -> Any:
    period = period_labelled(Schedule(date(2024, 1, 1), None, 1, "UTC"), "2024-01")
    assert period is not None
    return cost_windows(period, "UTC", WindowSize.DAY, None)


def over_time(of: Mapping[str, str], told: list[tuple[int, str, Decimal]]) -> dict[str, Any]:
    found = {}
    for name, meter in of.items():
        by_day: dict[int, Decimal] = {}
        for day, own, quantity in told:
            if own == name:
                by_day[day] = by_day.get(day, Decimal(0)) + quantity
        rows = [UsageRow(windows().windows[day].start, (), quantity) for day, quantity in sorted(by_day.items())]
        answer = UsageByWindow(rows, "", AsOf("e", {0: 1}), is_filled=True)
        found[meter] = usage_that_adds_up(answer, windows(), is_grouped=False)
    return found


def decimal_of(value: Fraction) -> Decimal:
    return Decimal(value.numerator * 1000 // value.denominator) / 1000


def test_a_formula_has_no_cost_by_group() -> None:
    with pytest.raises(Refused, match="has no cost by group"):
        check_not_by_groups([item_at(LARGER)], ["region"])
    check_not_by_groups([item_at(LARGER)], [])


@given(st.tuples(QUANTITIES, QUANTITIES, QUANTITIES, QUANTITIES))
def test_the_effects_of_a_formula_add_up(quantities: tuple[Decimal, ...]) -> None:
    first, then = plan_at(LARGER), plan_at({**LARGER, "is": "calls * 0.02 + gb * 0.1"})
    calls, gb, calls_then, gb_then = map(str, quantities)
    before, after = (charge_of(first, calls=calls, gb=gb),), (charge_of(then, calls=calls_then, gb=gb_then),)

    (item,) = variances(Side(before, before, first, WHOLE), Side(after, after, then, WHOLE), then, USD)

    assert sum(each.exact for each in item.effects) == Fraction(after[0].derivation.amount) - Fraction(
        before[0].derivation.amount
    )
