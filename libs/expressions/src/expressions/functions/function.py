"""What a function or an operator is: what it takes, what it gives, and how it is computed.

Everything is total. What can't be computed (a text that is no number, a quotient by zero, a number with too many
digits) is absent, so nothing has to be evaluated in order, or only sometimes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from expressions.errors import ExpressionError
from expressions.tree import Call, Literal, Value
from expressions.types import Type

Apply = Callable[..., Value | None]
"""Computes the result from the values of the arguments that are not literals by rule; None stands for absent."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What an argument may be. `is_same`: of the same type as all others of the kind. `fault`: see `Literal` below.

    With a `fault` the argument must be a literal of which that function finds no fault; it is known beforehand, and is
    passed to `Function.build` instead of to what that returns.
    """

    types: frozenset[Type]
    is_same: bool = False
    fault: Callable[[Value], str | None] | None = None


@dataclass(frozen=True, slots=True)
class Function:
    """A function; `result` None means the type of its arguments that are all the same.

    The last `optional` parameters may be left out, and the last one may be repeated if it `repeats`. Unless it is
    `lenient`, it is absent as soon as one of its arguments is.
    """

    name: str
    parameters: tuple[Parameter, ...]
    result: Type | None
    build: Callable[[Sequence[Value]], Apply]
    optional: int = 0
    repeats: bool = False
    lenient: bool = False

    def check(self, call: Call, types: Sequence[Type]) -> Type:
        """Return the type of a call whose arguments have these types. Raises ExpressionError."""
        self._check_count(call)
        same: Type | None = None
        for number, (argument, type_) in enumerate(zip(call.arguments, types, strict=True)):
            parameter = self.parameter(number)
            if type_ not in parameter.types:
                raise ExpressionError(_unfit(self.name, type_, parameter.types), argument.at)
            if parameter.is_same and same is not None and type_ is not same:
                raise ExpressionError(_unlike(self.name, same, type_), argument.at)
            if parameter.is_same:
                same = type_
            _check_literal(self.name, parameter, argument)
        if self.result is not None:
            return self.result
        if same is None:
            raise ExpressionError(f"{self.name} has no arguments", call.at)
        return same

    def parameter(self, number: int) -> Parameter:
        """Return what the argument of that number, counted from 0, may be."""
        return self.parameters[min(number, len(self.parameters) - 1)]

    def apply_of(self, call: Call) -> Apply:
        """Return how a checked call is computed from the values of its other arguments."""
        literals = [
            argument.value
            for number, argument in enumerate(call.arguments)
            if self.parameter(number).fault is not None and isinstance(argument, Literal)
        ]
        apply = self.build(literals)
        return apply if self.lenient else strict(apply, len(call.arguments) - len(literals))

    def _check_count(self, call: Call) -> None:
        count, most = len(call.arguments), len(self.parameters)
        least = most - self.optional
        if count < least or (count > most and not self.repeats):
            wanted = f"{least} or more" if self.repeats else str(least) if least == most else f"{least} to {most}"
            raise ExpressionError(
                f"{self.name} takes {wanted} arguments, not {count}; see the list of functions", call.at
            )


_TWO: Final = 2


def strict(apply: Apply, arguments: int) -> Apply:
    """Make a function of so many arguments absent as soon as one of them is."""
    if arguments == 1:
        return lambda value: None if value is None else apply(value)
    if arguments == _TWO:
        return lambda first, second: None if first is None or second is None else apply(first, second)
    return lambda *values: None if any(value is None for value in values) else apply(*values)


def always(apply: Apply) -> Callable[[Sequence[Value]], Apply]:
    """Build a function that has no literals to know beforehand."""
    return lambda _: apply


DECIMAL: Final = Parameter(frozenset({Type.DECIMAL}))
TEXT: Final = Parameter(frozenset({Type.TEXT}))
BOOL: Final = Parameter(frozenset({Type.BOOL}))
INSTANT: Final = Parameter(frozenset({Type.INSTANT}))
ANY: Final = Parameter(frozenset(Type))
SAME: Final = Parameter(frozenset(Type), is_same=True)
ORDERED: Final = Parameter(frozenset({Type.DECIMAL, Type.TEXT, Type.INSTANT}), is_same=True)


def by_name(functions: Sequence[Function]) -> Mapping[str, Function]:
    """Return functions by their names."""
    return {function.name: function for function in functions}


def _check_literal(name: str, parameter: Parameter, argument: object) -> None:
    if parameter.fault is None or not hasattr(argument, "at"):
        return
    if type(argument) is not Literal:
        raise ExpressionError(f"{name} takes a value that is written here, not one that is computed", argument.at)
    fault = parameter.fault(argument.value)
    if fault is not None:
        raise ExpressionError(fault, argument.at)


def _unfit(name: str, given: Type, wanted: frozenset[Type]) -> str:
    names = " or ".join(type_.value for type_ in Type if type_ in wanted)
    return f"{name} takes {names}, and this is {given.value}{_remedy(given, wanted)}"


def _unlike(name: str, first: Type, given: Type) -> str:
    if {first, given} == {Type.DECIMAL, Type.TEXT}:
        remedy = "; write decimal(…) around the text"
    else:
        remedy = _remedy(given, {first}) or _remedy(first, {given})
    return f"{name} takes values of one type, and this is {given.value} beside {first.value}{remedy}"


def _remedy(given: Type, wanted: frozenset[Type] | set[Type]) -> str:
    if given is Type.TEXT and Type.DECIMAL in wanted:
        return "; write decimal(…) around the text"
    if given in {Type.DECIMAL, Type.BOOL} and Type.TEXT in wanted:
        return "; write text(…) around it"
    if given is Type.INSTANT:
        return "; take a part of it, such as hour(time, 'Europe/Berlin')"
    if Type.BOOL in wanted:
        return "; compare it with something"
    return ""
