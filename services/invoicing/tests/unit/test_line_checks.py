"""A line follows from its charge, its amount from its exact charge, and its events are those it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from invoicing.domain.audits import ProblemCode
from invoicing.domain.charges import Charge, Rated
from invoicing.domain.composition import compose, explain_amount
from invoicing.domain.document import InvoiceLine, LineKind, read, write
from invoicing.domain.line_checks import check_events, check_line
from money import currency

USD = currency("USD")


@pytest.fixture
def line(charge: Callable[..., Charge], rated: Callable[..., Rated]) -> InvoiceLine:
    return compose(rated(charge()), (), "acme").lines[0].line


def codes(line: InvoiceLine, charge: Charge) -> list[ProblemCode]:
    return [problem.code for problem in check_line(line, charge, USD)]


def test_a_line_of_a_fraction_is_rounded_once_and_kept_exactly(
    charge: Callable[..., Charge], rated: Callable[..., Rated]
) -> None:
    third = replace(charge(), exact_amount=Fraction(50983, 3100))
    invoice = compose(rated(third), (), "acme").draft()
    (line,) = invoice.lines

    assert (line.amount, codes(line, third)) == (Decimal("16.45"), [])
    assert b'"exactAmount":"50983/3100"' in write(invoice)
    assert read(write(invoice)).lines == invoice.lines
    assert explain_amount(line, "USD", ())[0] == "exact charge 50983/3100 USD"
    nearly = replace(charge(), exact_amount=Fraction(50984, 3100))
    assert codes(line, nearly) == [ProblemCode.CHARGE_DIFFERS]


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
