"""Formulas over meters: what they give, what they may not be, and how large it may become."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.formulas import (
    INTEGER_DIGITS,
    Component,
    Formula,
    Known,
    problems_of_components,
)
from expressions import Size, may_be_absent, parse, size_of
from money import format_decimal

COMPONENTS = (Component("a", "bytes-in"), Component("b", "bytes-out"))
KNOWN = {name: Known(is_computed=False, group_by=("region",), places=6) for name in ("bytes-in", "bytes-out")}
NUMBERS = st.decimals(min_value=-(10**12), max_value=10**12, places=6)

# Each part of a formula beside what it is in fractions: an oracle that knows nothing of expressions.
Part = tuple[str, Any]
LEAVES: st.SearchStrategy[Part] = st.one_of(
    st.sampled_from([("a", lambda a, _: a), ("b", lambda _, b: b)]),
    st.decimals(min_value=0, max_value=1000, places=3).map(
        lambda one: (format_decimal(one), lambda _a, _b: Fraction(one))
    ),
)


def grown(parts: st.SearchStrategy[Part]) -> st.SearchStrategy[Part]:
    pairs = st.tuples(parts, parts)
    return st.one_of(
        pairs.map(lambda two: (f"({two[0][0]} + {two[1][0]})", lambda a, b: two[0][1](a, b) + two[1][1](a, b))),
        pairs.map(lambda two: (f"({two[0][0]} - {two[1][0]})", lambda a, b: two[0][1](a, b) - two[1][1](a, b))),
        pairs.map(lambda two: (f"max({two[0][0]}, {two[1][0]})", lambda a, b: max(two[0][1](a, b), two[1][1](a, b)))),
        parts.map(lambda one: (f"floor({one[0]}, 0.01)", lambda a, b: Fraction(one[1](a, b) * 100 // 1, 100))),
        parts.map(
            lambda one: (
                f"case when {one[0]} > 5 then {one[0]} else -1 end",
                lambda a, b: one[1](a, b) if one[1](a, b) > 5 else Fraction(-1),
            )
        ),
        parts.map(lambda one: (f"({one[0]} * 0.5)", lambda a, b: one[1](a, b) / 2)),
    )


FORMULAS = st.recursive(LEAVES, grown, max_leaves=6)


@given(FORMULAS, NUMBERS, NUMBERS)
def test_a_formula_gives_what_fractions_give_within_the_size_that_was_foreseen(
    part: Part, a: Decimal, b: Decimal
) -> None:
    source, expected = part
    size = size_of(parse(source).root, {"a": Size(13, 6), "b": Size(13, 6)})

    found = Formula(COMPONENTS, source).quantity([a, b])

    assert Fraction(found) == expected(Fraction(a), Fraction(b))
    whole, _, places = format_decimal(abs(found)).partition(".")
    assert len(whole) <= size.digits
    assert len(places) <= size.places


@pytest.mark.parametrize(
    ("source", "is_so"),
    [
        ("a + b", False),
        ("quotient(a, b, 6, 'half_up')", True),
        ("1 + quotient(a, b, 6, 'half_up')", True),
        ("coalesce(quotient(a, b, 6, 'half_up'), 0)", False),
        ("coalesce(quotient(a, b, 6, 'half_up'), quotient(b, a, 6, 'half_up'))", True),
        ("case when b > 0 then a end", True),
        ("case when quotient(a, b, 6, 'half_up') > 1 then a else b end", False),
        ("case when b > 0 then quotient(a, b, 6, 'half_up') else 0 end", True),
        ("case when present(quotient(a, b, 6, 'half_up')) then 1 else 0 end", False),
        ("decimal('12') + a", True),
    ],
)
def test_what_may_give_nothing_is_known_beforehand(source: str, is_so: bool) -> None:
    assert may_be_absent(parse(source).root) is is_so


@pytest.mark.parametrize(
    ("components", "source", "told"),
    [
        ((), "1", "must name 1 to 16 meters"),
        ((Component("a b", "x"),), "1", "is no name"),
        ((Component("a", "x"), Component("a", "y")), "a", "two meters by the same name"),
        (COMPONENTS, "a +", "line 1"),
        (COMPONENTS, "a + c", "there is nothing called c"),
        (COMPONENTS, "a > b", "must give a decimal"),
        (COMPONENTS, "a + decimal(properties.x)", "there are no properties here"),
        (COMPONENTS, "quotient(a, b, 6, 'half_up')", "may give nothing"),
        (COMPONENTS, "a * 2", "does not read b"),
    ],
)
def test_a_formula_that_can_not_be_is_refused_with_what_to_write(components: Any, source: str, told: str) -> None:
    (problem,) = Formula(components, source).problems("formula")

    assert told in problem.text


@pytest.mark.parametrize(
    ("source", "group_by", "told"),
    [
        ("a + b", ["region"], None),
        ("round(a * 0.1234567890123, 0.001) + b", [], None),
        ("a * 0.1234567890123 + b", [], "may have 19 digits after the point"),
        ("a * b * a", [], "multiply two meters"),
        ("a + b", ["zone"], "does not group by 'zone'"),
    ],
)
def test_a_formula_fits_the_meters_that_it_reads(source: str, group_by: list[str], told: str | None) -> None:
    problems = problems_of_components(Formula(COMPONENTS, source), group_by, KNOWN)

    assert bool(problems) is (told is not None)
    assert all(told in problem.text for problem in problems if told)


def test_a_formula_reads_meters_that_there_are_and_that_count_events() -> None:
    known = {"bytes-in": Known(is_computed=True, group_by=(), places=0)}

    computed, unknown = problems_of_components(Formula(COMPONENTS, "a + b"), (), known)

    assert (computed.field, unknown.field) == tuple(f"spec.formula.components[{place}].meter" for place in (0, 1))
    assert "is computed by a formula itself" in computed.text
    assert "there is no meter 'bytes-out'; apply it before this one" in unknown.text


def test_two_meters_of_any_size_may_be_multiplied_with_each_other() -> None:
    largest = Decimal("9" * INTEGER_DIGITS)

    assert Formula(COMPONENTS, "a * b").quantity([largest, largest]) == Decimal(int(largest) ** 2)
