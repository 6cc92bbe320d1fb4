"""Texts: reading numbers of them, taking them apart, and matching them by patterns that take linear time."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from expressions.functions.function import ANY, DECIMAL, TEXT, Function, Parameter, always
from expressions.limits import TEXT_CHARACTERS_MAX
from expressions.patterns import compiled_pattern, pattern_fault
from expressions.tree import Value
from expressions.types import Type
from money import InvalidDecimalError, format_decimal, parse_decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from expressions.functions.function import Apply


def _decimal(text: str) -> Decimal | None:
    """Read a number by the rule for all that users send; what is none is absent."""
    try:
        return parse_decimal(text)
    except InvalidDecimalError:
        return None


def text_of_value(value: Value) -> str:
    """Write a decimal canonically, a bool as true or false, and a text as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return format_decimal(value) if isinstance(value, Decimal) else str(value)


def _bounded(text: str) -> str | None:
    return text if len(text) <= TEXT_CHARACTERS_MAX else None


def _computed(operation: Callable[..., str]) -> Apply:
    return lambda *values: _bounded(operation(*values))


def _substring(text: str, start: Decimal, count: Decimal) -> str | None:
    """Return so many characters from the `start`-th on, counted from 1; fewer where the text ends."""
    first, length = _whole(start), _whole(count)
    if first is None or length is None or first < 1 or length < 0:
        return None
    return text[first - 1 : first - 1 + length]


def _part(text: str, separator: str, number: Decimal) -> str | None:
    """Return the part of a text between separators, counted from 1; absent where it has fewer."""
    place = _whole(number)
    parts = text.split(separator) if separator else []
    return parts[place - 1] if place is not None and 1 <= place <= len(parts) else None


def _whole(value: Decimal) -> int | None:
    """Return a whole number; None for what is none, or is longer than any text."""
    is_whole = abs(value) <= TEXT_CHARACTERS_MAX and value == value.to_integral_value()
    return int(value) if is_whole else None


def _matches(literals: Sequence[Value]) -> Apply:
    pattern = str(literals[0])
    # Looked up each time, so that expressions that are kept don't keep what their patterns grow to.
    return lambda text: compiled_pattern(pattern).search(text) is not None


def _pattern_fault(value: Value) -> str | None:
    return pattern_fault(str(value))


_PATTERN: Final = Parameter(TEXT.types, fault=_pattern_fault)
_WRITABLE: Final = Parameter(ANY.types - {Type.INSTANT})

FUNCTIONS: Final = (
    Function("decimal", (TEXT,), Type.DECIMAL, always(_decimal)),
    Function("text", (_WRITABLE,), Type.TEXT, always(text_of_value)),
    Function("lower", (TEXT,), Type.TEXT, always(_computed(str.lower))),
    Function("upper", (TEXT,), Type.TEXT, always(_computed(str.upper))),
    Function("trim", (TEXT,), Type.TEXT, always(str.strip)),
    Function("concat", (TEXT, TEXT), Type.TEXT, always(_computed(lambda *texts: "".join(texts))), repeats=True),
    Function("length", (TEXT,), Type.DECIMAL, always(lambda text: Decimal(len(text)))),
    Function("substring", (TEXT, DECIMAL, DECIMAL), Type.TEXT, always(_substring)),
    Function("part", (TEXT, TEXT, DECIMAL), Type.TEXT, always(_part)),
    Function("starts_with", (TEXT, TEXT), Type.BOOL, always(str.startswith)),
    Function("ends_with", (TEXT, TEXT), Type.BOOL, always(str.endswith)),
    Function("contains", (TEXT, TEXT), Type.BOOL, always(lambda text, sought: sought in text)),
    Function("matches", (TEXT, _PATTERN), Type.BOOL, _matches),
)
