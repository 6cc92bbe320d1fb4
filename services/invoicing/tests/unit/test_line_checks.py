"""A line follows from its charge, its amount from its exact charge, and its events are those it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from invoicing.domain.audits import ProblemCode
from invoicing.domain.charges import Charge, Rated
from invoicing.domain.composition import compose
from invoicing.domain.document import InvoiceLine, LineKind
from invoicing.domain.line_checks import check_events, check_line
from money import currency

USD = currency("USD")


@pytest.fixture
def line(charge: Callable[..., Charge], rated: Callable[..., Rated]) -> InvoiceLine:
    return compose(rated(charge()), (), "acme").lines[0].line


def codes(line: InvoiceLine, charge: Charge) -> list[ProblemCode]:
    return [problem.code for problem in check_line(line, charge, USD)]


def test_a_line_that_is_its_charge_has_no_problem(line: InvoiceLine, charge: Callable[..., Charge]) -> None:
    assert codes(line, charge()) == []
    assert list(check_events(line, 3)) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"item": "Calls abroad"},
        {"meter": "minutes"},
        {"plan": "other"},
        {"plan_version": 2},
        {"exact_amount": Decimal("1.004")},
        {"snapshot_id": "snap-2"},
        {"quantity": Decimal(4)},
        {"event_count": 4},
    ],
)
def test_a_charge_that_says_something_else_is_found(
    line: InvoiceLine, charge: Callable[..., Charge], changed: dict[str, Any]
) -> None:
    assert codes(line, replace(charge(), **changed)) == [ProblemCode.CHARGE_DIFFERS]


def test_an_amount_that_does_not_follow_is_found(line: InvoiceLine, charge: Callable[..., Charge]) -> None:
    assert codes(replace(line, amount=Decimal("1.00")), charge()) == [ProblemCode.AMOUNT_DIFFERS]


def test_an_adjustment_and_what_was_billed_before_make_up_the_rounded_charge(
    line: InvoiceLine, charge: Callable[..., Charge]
) -> None:
    adjustment = replace(
        line,
        kind=LineKind.ADJUSTMENT,
        quantity=Decimal(1),
        event_count=1,
        amount=Decimal("0.34"),
        billed_before=Decimal("0.67"),
    )

    assert codes(adjustment, charge()) == []
    assert codes(replace(adjustment, billed_before=Decimal("0.66")), charge()) == [ProblemCode.AMOUNT_DIFFERS]
    assert [(one.expected, one.found) for one in check_events(adjustment, 3)] == [(1, 3)]
