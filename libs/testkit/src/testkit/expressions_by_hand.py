"""What an expression amounts to, by an evaluator of its own that walks the tree naively and calculates in fractions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from expressions import Literal, Name, Property

if TYPE_CHECKING:
    from collections.abc import Callable

    from expressions.tree import Node, Value

Answer = Fraction | str | bool | int | None
"""A decimal as a fraction, a text, a bool, or an instant as microseconds since 1970; None for what is absent."""

_DIGITS_BEFORE: Final = 60
_DIGITS_AFTER: Final = 36
_TEXT_MAX: Final = 1024


@dataclass(frozen=True)
class ExampleEvent:
    """An event as an expression reads it."""

    texts: Mapping[str, str]
    properties: Mapping[str, str]
    time_us: int

    def field(self, name: str) -> Value | None:
        """Return the time, or another field."""
        return self.time_us if name == "time" else self.texts.get(name)

    def property(self, key: str) -> str | None:
        """Return a property."""
        return self.properties.get(key)


def answer_of(node: Node, event: ExampleEvent) -> Answer:
    """What a tree amounts to, walked naively."""
    if isinstance(node, Name):
        found = event.field(node.value)
        return None if isinstance(found, Decimal) else found
    if isinstance(node, Property):
        return event.property(node.value)
    if isinstance(node, Literal):
        return Fraction(node.value) if isinstance(node.value, Decimal) else node.value
    given = [answer_of(argument, event) for argument in node.arguments]
    name = node.function
    if name in LENIENT:
        return LENIENT[name](given)
    return None if any(value is None for value in given) else _strict(name, given)


def _case(given: list[Answer]) -> Answer:
    given = list(given)
    while len(given) > 1:
        condition, value, *given = given
        if condition is True:
            return value
    return given[0] if given else None


LENIENT: Final[dict[str, Callable[[list[Answer]], Answer]]] = {
    "and": lambda given: False if any(v is False for v in given) else None if None in given else True,
    "or": lambda given: True if any(v is True for v in given) else None if None in given else False,
    "coalesce": lambda given: next((v for v in given if v is not None), None),
    "present": lambda given: given[0] is not None,
    "case": _case,
}


def _strict(name: str, given: list[Answer]) -> Answer:
    first, *others = given
    if isinstance(first, Fraction):
        return _numeric(name, first, others)
    if name in {"year", "month", "day", "hour", "minute", "second", "weekday", "date"}:
        return _time_part(name, first, str(others[0]))
    return _textual(name, first, others)


def _compared(name: str, left: object, right: object) -> bool:
    table = {"=": "__eq__", "!=": "__ne__", "<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}
    return bool(getattr(left, table[name])(right))


def _numeric(name: str, first: Fraction, others: list[Answer]) -> Answer:
    if name in {"=", "!=", "<", "<=", ">", ">="}:
        return _compared(name, first, others[0])
    if name in {"in", "text"}:
        return first in others if name == "in" else _written(first)
    numbers = [first, *(value for value in others if isinstance(value, Fraction))]
    if name in {"min", "max"}:
        return min(numbers) if name == "min" else max(numbers)
    return _calculated(name, first, numbers[1] if others else Fraction(1), others)


def _calculated(name: str, first: Fraction, second: Fraction, others: list[Answer]) -> Fraction | None:
    if name == "quotient":
        power = Fraction(10) ** int(str(others[1]))
        rounded = None if second == 0 else _rounded(str(others[2]), first / second * power)
        return None if rounded is None else _limited(rounded / power)
    if name in {"floor", "ceil", "round"}:
        rounded = _rounded("half_up" if name == "round" else name, first / second)
        return None if rounded is None else _limited(rounded * second)
    result = {"+": first + second, "-": first - second, "*": first * second, "negative": -first, "abs": abs(first)}
    return _limited(result[name])


def _rounded(mode: str, value: Fraction) -> Fraction | None:
    whole = value.numerator // value.denominator
    rest = value - whole
    if mode == "exact":
        return value if rest == 0 else None
    if mode == "half_even":
        return Fraction(round(value))
    if mode == "half_up":
        up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and value > 0)
    else:
        up = mode == "ceil" and rest > 0
    return Fraction(whole + up)


def _limited(value: Fraction) -> Fraction | None:
    fits = abs(value) < 10**_DIGITS_BEFORE and (value * 10**_DIGITS_AFTER).denominator == 1
    return value if fits else None


def _written(value: Fraction) -> str:
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = str(abs(int(value * 10**places))).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def _time_part(name: str, instant_us: Answer, zone: str) -> Answer:
    assert isinstance(instant_us, int)
    try:
        local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant_us)).astimezone(ZoneInfo(zone))
    except OverflowError:
        return None
    if name == "date":
        return local.strftime("%Y-%m-%d").rjust(10, "0")
    return Fraction(local.isoweekday() if name == "weekday" else int(getattr(local, name)))


def _textual(name: str, first: Answer, others: list[Answer]) -> Answer:
    if name in {"=", "!=", "<", "<=", ">", ">="}:
        return _compared(name, first, others[0])
    if name in {"substring", "part"}:
        return _piece(name, str(first), others)
    if name in _OF_ANY:
        return _OF_ANY[name](first, others)
    text = _OF_TEXTS[name](str(first), [str(other) for other in others])
    return None if isinstance(text, str) and len(text) > _TEXT_MAX else text


def _number(text: str) -> Fraction | None:
    return Fraction(text) if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18}0*)?", text) else None


_OF_ANY: Final[dict[str, Callable[[Answer, list[Answer]], Answer]]] = {
    "not": lambda value, _: not value,
    "text": lambda value, _: str(value).lower() if isinstance(value, bool) else value,
    "in": lambda value, others: value in others,
}
_OF_TEXTS: Final[dict[str, Callable[[str, list[str]], Answer]]] = {
    "decimal": lambda text, _: _number(text),
    "length": lambda text, _: Fraction(len(text)),
    "lower": lambda text, _: text.lower(),
    "upper": lambda text, _: text.upper(),
    "trim": lambda text, _: text.strip(),
    "concat": lambda text, others: "".join([text, *others]),
    "starts_with": lambda text, others: text[: len(others[0])] == others[0],
    "ends_with": lambda text, others: not others[0] or text[-len(others[0]) :] == others[0],
    "contains": lambda text, others: text.find(others[0]) >= 0,
    "matches": lambda text, others: bool(re.search(others[0].replace("$", r"\Z"), text)),
}


def _piece(name: str, text: str, others: list[Answer]) -> str | None:
    last, before = others[-1], others[-2]
    assert isinstance(last, Fraction)
    if name == "part":
        pieces = text.split(str(before)) if before else []
        return pieces[int(last) - 1] if last.denominator == 1 and 1 <= last <= len(pieces) else None
    assert isinstance(before, Fraction)
    in_range = 1 <= before <= _TEXT_MAX and 0 <= last <= _TEXT_MAX and before.denominator == last.denominator == 1
    return text[int(before) - 1 :][: int(last)] if in_range else None
