"""What prices take at their limits, and not one beyond."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from chassis.errors.refused import Refused
from rating.domain.pricing.calendar import CalendarClass
from rating.domain.pricing.convert import Conversion, Rounding
from rating.domain.pricing.formula import COMPONENTS_MAX, Formula, FormulaMeter
from rating.domain.pricing.matrix import Condition
from rating.domain.pricing.rows import Words
from rating.domain.pricing.spread import PROPERTIES_MAX, check_properties

MONDAY = date(2026, 11, 23)
NIGHT = CalendarClass("night", frozenset({1}), 22 * 60, 6 * 60)


def formula_of(count: int, length: int = 2) -> Formula:
    names = [f"m{number}".ljust(length, "x") for number in range(count)]
    return Formula(tuple(FormulaMeter(name, name) for name in names), " + ".join(names) or "1")


@pytest.mark.parametrize(
    ("build", "most", "refused"),
    [
        (lambda count: check_properties("by", [f"p{number}" for number in range(count)]), PROPERTIES_MAX, "at most"),
        (formula_of, COMPONENTS_MAX, "1 to 16 meters"),
        (lambda length: formula_of(1, length), 64, "is no name"),
        (lambda factor: Conversion(multiply=Decimal(factor)), 100_000, "must be from"),
        (lambda divisor: Conversion(divide=Decimal(divisor)), 10**15, "must be from"),
        (lambda below: Conversion(multiply=Decimal(2 - below) / 100_000), 1, "must be"),
    ],
    ids=["properties", "meters", "name", "factor", "divisor", "least"],
)
def test_a_limit_itself_is_within(build: Callable[[int], Any], most: int, refused: str) -> None:
    build(most)
    with pytest.raises(Refused, match=refused):
        build(most + 1)


def test_a_formula_reads_at_least_one_meter() -> None:
    with pytest.raises(Refused, match="1 to 16 meters"):
        formula_of(0)


def test_a_property_is_refused_at_its_second_place() -> None:
    with pytest.raises(Refused, match="stands twice") as caught:
        check_properties("by", ["region", "kind", "region"])
    assert caught.value.field == "by[2]"


@pytest.mark.parametrize(
    ("day", "minute", "began"),
    [
        (MONDAY, 22 * 60 - 1, None),
        (MONDAY, 22 * 60, MONDAY),
        (MONDAY.replace(day=24), 0, MONDAY),
        (MONDAY.replace(day=24), 6 * 60 - 1, MONDAY),
        (MONDAY.replace(day=24), 6 * 60, None),
        (MONDAY, 0, None),
    ],
)
def test_a_night_is_of_the_day_on_which_it_began(day: date, minute: int, began: date | None) -> None:
    assert NIGHT.began_on(day, minute) == began


@pytest.mark.parametrize(
    ("convert", "told"),
    [
        (Conversion(multiply=Decimal(2)), " times 2"),
        (Conversion(divide=Decimal(60)), " divided by 60"),
        (
            Conversion(divide=Decimal(60), increment=Decimal(1), rounding=Rounding.CEILING),
            " divided by 60, rounded up to steps of 1 min,",
        ),
    ],
)
def test_a_conversion_is_told_with_its_factor_and_its_steps(convert: Conversion, told: str) -> None:
    assert convert._told(Words("min", "USD")) == told


@pytest.mark.parametrize(
    ("one", "other", "longest_wins", "covers"),
    [
        (Condition("to", ("43", "44")), Condition("to", ("43",)), True, True),
        (Condition("to", ("43",)), Condition("to", ("43", "44")), True, False),
        (Condition("to", ("43",)), Condition("to", prefixes=("43",)), True, False),
        (Condition("to", prefixes=("43",)), Condition("to", ("4366",)), True, True),
        (Condition("to", prefixes=("43",)), Condition("to", ("4366", "1")), True, False),
        (Condition("to", prefixes=("43",)), Condition("to", prefixes=("4366",)), True, False),
        (Condition("to", prefixes=("43",)), Condition("to", prefixes=("4366",)), False, True),
        (Condition("to", prefixes=("43", "1")), Condition("to", prefixes=("1",)), True, True),
    ],
)
def test_a_condition_covers_another_that_has_no_value_of_its_own(
    one: Condition, other: Condition, longest_wins: bool, covers: bool
) -> None:
    assert one.covers(other, longest_wins=longest_wins) is covers
