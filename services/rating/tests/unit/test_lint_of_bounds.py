"""Bounds of a plan that its fees alone decide."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rating.domain.fees import Once
from rating.domain.meters import KnownMeter
from rating.domain.plan_bounds import PlanBound, PlanBounds
from rating.domain.plans import Plan, PlanItem
from rating.domain.price_lint import lint_plan
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price

ITEMS = (
    PlanItem("Calls", "calls", "", Price(PerUnit(Decimal("0.05")))),
    PlanItem("Base", "", "", Price(FixedFee(Decimal(30)))),
    PlanItem("Line", "", "", Price(FixedFee(Decimal(20)))),
    PlanItem("Set-up", "", "", Price(FixedFee(Decimal(500))), once=Once.START),
)


def bound(amount: str, *items: str) -> PlanBound:
    return PlanBound(Decimal(amount), items)


@pytest.mark.parametrize(
    ("bounds", "codes"),
    [
        (PlanBounds(minimum=bound("50.01"), maximum=bound("50.01")), []),
        (PlanBounds(minimum=bound("50")), ["minimum-below-fees"]),
        (PlanBounds(maximum=bound("50")), ["maximum-below-fees"]),
        (PlanBounds(minimum=bound("10", "Calls"), maximum=bound("40", "Calls", "Base")), []),
        (PlanBounds(maximum=bound("30", "Calls", "Base")), ["maximum-below-fees"]),
        # Fees that are capped are no usage that is free.
        (PlanBounds(maximum=bound("40", "Base", "Line")), []),
        (PlanBounds(minimum=bound("20", "Line", "Set-up")), ["minimum-below-fees"]),
        (PlanBounds(minimum=bound("21", "Line", "Set-up")), []),
    ],
)
def test_a_bound_that_fees_reach_alone_is_odd(bounds: PlanBounds, codes: list[str]) -> None:
    found = lint_plan("p", Plan("USD", ITEMS, bounds=bounds), {"calls": KnownMeter("call")})

    assert [(one.code, one.plan) for one in found] == [(code, "p") for code in codes]
