"""Why a bill changed where a price goes by groups: usage that moves between them is mix."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from money import currency
from rating.domain.cell_questions import CellQuestion
from rating.domain.cells import Cell, Cells
from rating.domain.charges import MeterUsage
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.matrix import Condition, Matrix, MatrixRow
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.pricing.spread import Ladder
from rating.domain.proration import WHOLE
from rating.domain.rated_period import rate_plan
from rating.domain.simulation import told_apart
from rating.domain.variance import Effect, Side, variances

USD = currency("USD")


def plan_of(first: str, rest: str) -> Plan:
    row = MatrixRow((Condition("region", ("eu",)),), PerUnit(Decimal(first)))
    price = Price(PerUnit(Decimal(rest)), spread=Matrix(("region",), Ladder.OWN, (row,)))
    return Plan("USD", (PlanItem("Calls", "calls", "", price),))


def used(eu: str, us: str) -> MeterUsage:
    cells = Cells(("region",), (Cell(("eu",), Decimal(eu)), Cell(("us",), Decimal(us))))
    return MeterUsage(Decimal(eu) + Decimal(us), "call", 1, adds_up=True, cells=cells)


def side(plan: Plan, usage: MeterUsage) -> Side:
    charges = rate_plan(plan, {"calls": usage})
    return Side(charges, charges, plan, WHOLE)


def effects(before: Side, after: Side, plan_then: Plan, **usage: Any) -> dict[Effect, Fraction]:
    (item,) = variances(before, after, plan_then, USD, **usage)
    return {each.effect: each.exact for each in item.effects}


def test_usage_that_moves_between_two_regions_is_mix() -> None:
    plan = plan_of("0.10", "0.20")

    found = effects(side(plan, used("600", "200")), side(plan, used("400", "600")), plan)

    assert found == {Effect.VOLUME: 25, Effect.MIX: 35}


def test_a_plan_without_groups_after_one_with_them_is_compared_by_its_groups() -> None:
    by_region = plan_of("0.10", "0.20")
    whole = Plan("USD", (PlanItem("Calls", "calls", "", Price(PerUnit(Decimal("0.5")))),))
    later = used("400", "600")

    found = effects(side(by_region, used("600", "200")), side(whole, later), by_region, usage={"calls": later})

    assert found == {Effect.VOLUME: 25, Effect.MIX: 35, Effect.PLAN: 340}


counts = st.integers(0, 3000).map(str)


@given(counts, counts, counts, counts)
def test_effects_add_up_whatever_moves(eu: str, us: str, eu_then: str, us_then: str) -> None:
    plan = plan_of("0.10", "0.20")
    before, after = side(plan, used(eu, us)), side(plan, used(eu_then, us_then))

    found = effects(before, after, plan)

    change = Fraction(after.now[0].derivation.amount) - Fraction(before.now[0].derivation.amount)
    assert sum(found.values(), Fraction(0)) == change


def test_usage_is_told_apart_by_what_is_asked_for() -> None:
    assert told_apart(used("1", "2"), CellQuestion(("region",)))
    assert not told_apart(used("1", "2"), CellQuestion(("region", "zone")))
    assert told_apart(MeterUsage(Decimal(1), "", 1), None)
    assert not told_apart(MeterUsage(Decimal(1), "", 1), CellQuestion(("region",)))
    assert not told_apart(None, None)
