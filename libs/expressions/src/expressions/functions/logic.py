"""Comparison, and what may come of what is absent: not, and, or, case, coalesce, present."""

from __future__ import annotations

from collections.abc import Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Final

from expressions.errors import ExpressionError
from expressions.functions.function import ANY, BOOL, ORDERED, SAME, Function, Parameter, always
from expressions.types import Type

if TYPE_CHECKING:
    from expressions.functions.function import Apply
    from expressions.tree import Call, Value


def _and(*values: Value | None) -> bool | None:
    """Return false as soon as one is false, whatever is absent."""
    return False if False in values else None if None in values else True


def _or(*values: Value | None) -> bool | None:
    """Return true as soon as one is true, whatever is absent."""
    return True if True in values else None if None in values else False


def _coalesce(*values: Value | None) -> Value | None:
    return next((value for value in values if value is not None), None)


def _case(*values: Value | None) -> Value | None:
    for condition, value in zip(values[::2], values[1::2], strict=False):
        if condition is True:
            return value
    return values[-1] if len(values) % 2 else None


def _in(choices: Sequence[Value]) -> Apply:
    chosen = frozenset(choices)
    return lambda value: value in chosen


class _Case(Function):
    """`case when condition then value … else value end`: conditions and values by turns."""

    __slots__ = ()

    def check(self, call: Call, types: Sequence[Type]) -> Type:
        """Return the type of the values. Raises ExpressionError."""
        has_else = len(types) % 2
        conditions = range(0, len(types) - has_else, 2)
        for number, type_ in enumerate(types):
            argument = call.arguments[number]
            if number in conditions and type_ is not Type.BOOL:
                message = f"when takes bool, and this is {type_.value}; compare it with something"
                raise ExpressionError(message, argument.at)
            if number not in conditions and type_ is not types[1]:
                message = f"all values of a case are of one type, and this is {type_.value} beside {types[1].value}"
                raise ExpressionError(message, argument.at)
        return types[1]


_CHOICE: Final = Parameter(SAME.types, is_same=True, fault=lambda _: None)

FUNCTIONS: Final = (
    *(Function(name, (SAME, SAME), Type.BOOL, always(compare)) for name, compare in (("=", eq), ("!=", ne))),
    *(
        Function(name, (ORDERED, ORDERED), Type.BOOL, always(compare))
        for name, compare in (("<", lt), ("<=", le), (">", gt), (">=", ge))
    ),
    Function("in", (SAME, _CHOICE), Type.BOOL, _in, repeats=True),
    Function("not", (BOOL,), Type.BOOL, always(lambda value: not value)),
    Function("and", (BOOL, BOOL), Type.BOOL, always(_and), repeats=True, lenient=True),
    Function("or", (BOOL, BOOL), Type.BOOL, always(_or), repeats=True, lenient=True),
    Function("coalesce", (SAME, SAME), None, always(_coalesce), repeats=True, lenient=True),
    _Case("case", (ANY, ANY), None, always(_case), repeats=True, lenient=True),
    Function("present", (ANY,), Type.BOOL, always(lambda value: value is not None), lenient=True),
)
