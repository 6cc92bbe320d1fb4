"""Bands of values: a group that says between which bounds the value of an event lies, as it is billed.

What a price for each event needs, without the events: their number and sum in each band. A band is a computed
dimension, so it is folded, filled, taken back and told like any other. Its value says its bounds, of which the upper
one belongs to it: "..0", "0..60", "60..". Zero is always a bound.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import floor
from typing import TYPE_CHECKING, Final

from aggregator.domain.billable import EventRounding, RoundingMode
from aggregator.domain.readings import Reading
from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import exact_of, format_exact

if TYPE_CHECKING:
    from collections.abc import Sequence

BAND: Final = "band"
"""The name of the group."""
BOUNDS_MAX: Final = 14
"""Most bounds above zero: with those below it, and beyond the last one, they make 16 bands."""
_NUMBER_MAX: Final = 10**18
"""Beyond any number that is written in an expression."""
_BOUND: Final = re.compile(r"(?P<number>[0-9]{1,18}(\.[0-9]{1,18})?)(/(?P<by>[0-9]{1,18}))?", re.ASCII)


def band_reading(value: Reading, rounding: EventRounding | None, bounds: tuple[str, ...]) -> Reading:
    """Return what an event reads as its band; `rounding` is what its value becomes for the bill."""
    return Reading(BAND, _expression(value, rounding, bounds))


def problems_of_bounds(field: str, bounds: Sequence[str]) -> list[Refused]:
    """Return what is wrong with bounds; empty when nothing is."""
    if len(bounds) > BOUNDS_MAX:
        return [_invalid(field, f"has {len(bounds)} bounds, and at most {BOUNDS_MAX} are kept; leave some out")]
    for place, text in enumerate(bounds):
        bound = _bound_of(text)
        if bound is None or bound <= 0 or max(bound.as_integer_ratio()) >= _NUMBER_MAX:
            message = f"{text!a} is no bound: write a decimal above zero, or a fraction such as 200/29, of 18 digits"
            return [_invalid(f"{field}[{place}]", message)]
        if text != format_exact(exact_of(bound)):
            message = f"{text!a} can be written shorter; write {format_exact(exact_of(bound))}"
            return [_invalid(f"{field}[{place}]", message)]
    for place, (lower, upper) in enumerate(pairwise(bounds)):
        if not Fraction(lower) < Fraction(upper):
            return [_invalid(f"{field}[{place + 1}]", f"{upper} is not above {lower}; write bounds in rising order")]
    return []


def threshold(rounding: EventRounding | None, bound: Fraction) -> tuple[Fraction, bool]:
    """Return up to which metered value the billed one is `bound` at most, and whether that value itself is."""
    if rounding is None:
        return bound, True
    least, step = Fraction(rounding.minimum or "0"), Fraction(rounding.increment)
    if bound < least:
        return Fraction(0), True
    steps = floor((bound - least) / step)
    match rounding.mode:
        case RoundingMode.CEILING:
            return least + step * steps, True
        case RoundingMode.FLOOR:
            return least + step * (steps + 1), False
        case RoundingMode.HALF_UP:
            return least + step * (steps + Fraction(1, 2)), False


@lru_cache(maxsize=256)
def _expression(value: Reading, rounding: EventRounding | None, bounds: tuple[str, ...]) -> str:
    number = f"({value.expression})" if value.expression else f"decimal(properties[{_quoted(value.key)}])"
    texts = ("0", *bounds)
    labels = [f"..{texts[0]}", *(f"{lower}..{upper}" for lower, upper in pairwise(texts)), f"{texts[-1]}.."]
    cases = [
        f"when {_condition(number, *threshold(rounding, Fraction(text)))} then '{label}'"
        for text, label in zip(texts, labels, strict=False)
    ]
    return f"case {' '.join(cases)} else '{labels[-1]}' end"


def _condition(number: str, most: Fraction, is_within: bool) -> str:  # noqa: FBT001 - of one pair
    factor = "" if most.denominator == 1 else f" * {most.denominator}"
    return f"{number}{factor} {'<=' if is_within else '<'} {most.numerator}"


def _bound_of(text: str) -> Fraction | None:
    match = _BOUND.fullmatch(text)
    if match is None or int(match["by"] or 1) == 0:
        return None
    return Fraction(match["number"]) / int(match["by"] or 1)


def _quoted(key: str) -> str:
    return '"' + key.replace('"', '""') + '"'


def _invalid(field: str, text: str) -> Refused:
    return Refused(field, Reason.METER_INVALID, text)
