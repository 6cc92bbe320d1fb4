"""What a meter reads of an event: a property, or an expression; either way a text, which may be absent.

What an expression gives becomes canonical text, so that a computed value or dimension is like a property that the event
bears. One event and a whole batch are read by the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.fields import FIELDS
from expressions import Environment, Expression, ExpressionError, Type, check, compile_, parse, text_of_value
from expressions.limits import PARTS_MAX

if TYPE_CHECKING:
    from expressions import Row, Value

ABSENT: Final = ""
"""What an absent property reads as: absent and empty are one and the same to a meter."""
TRUE: Final = "true"
"""What a filter must give for an event that counts."""
ENVIRONMENT: Final = Environment({field.name: Type.TEXT for field in FIELDS} | {"id": Type.TEXT, "time": Type.INSTANT})
"""What expressions of meters may name: the fields of an event, and its properties."""
WRITABLE: Final = frozenset({Type.TEXT, Type.DECIMAL, Type.BOOL})
"""Types of what can be told apart by its text."""

METER_PARTS_MAX: Final = PARTS_MAX
"""Most parts of all expressions of a meter together: the fold of a tenant's events must not take for ever."""
_TEXT_BYTES_MAX: Final = 256
"""Longest text that is computed, as for properties: texts are keys of windows."""
_KEPT: Final = 1024


@dataclass(frozen=True, slots=True)
class Reading:
    """A property by its key or, where `expression` is not empty, an expression."""

    key: str = ""
    expression: str = ""


NO_READING: Final = Reading()
"""Nothing that is read: always absent."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression that is sound, and what evaluates it for one event."""

    expression: Expression
    type: Type
    evaluate: Callable[[Row], Value | None]


@lru_cache(maxsize=_KEPT)
def compiled(source: str) -> Compiled:
    """Read and check an expression of a meter. Raises ExpressionError."""
    expression = parse(source)
    type_ = check(expression, ENVIRONMENT)
    return Compiled(expression, type_, compile_(expression, ENVIRONMENT))


def parts_of(sources: Iterable[str]) -> int:
    """Return how many parts sound expressions have together: so many steps are taken for an event at most."""
    return sum(compiled(source).expression.root.size for source in sources)


def canonical_text(value: Value | None) -> str:
    """Return what an expression gave as the text that meters count or group by."""
    text = ABSENT if value is None else text_of_value(value)
    return text if len(text.encode()) <= _TEXT_BYTES_MAX else ABSENT


def expression_fault(field: str, source: str, wanted: frozenset[Type]) -> Refused | None:
    """Return what is wrong with an expression that must give one of some types; None if nothing is."""
    try:
        given = compiled(source).type
    except ExpressionError as error:
        return Refused(field, Reason.METER_INVALID, str(error))
    if given in wanted:
        return None
    names = " or ".join(type_.value for type_ in Type if type_ in wanted)
    return Refused(
        field, Reason.METER_INVALID, f"must give {names}, and this gives {given.value}; see the list of functions"
    )
