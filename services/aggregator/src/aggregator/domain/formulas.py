"""Formulas: meters that are computed from the quantities of other meters, and count no events of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from chassis.errors import Reason, TooBig
from chassis.errors.refused import Refused
from expressions import Call, Environment, ExpressionError, Name, Type, check, compile_, parse
from expressions.limits import DIGITS_MAX
from money import places_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from expressions import Row, Value
    from expressions.tree import Node

COMPONENTS_MAX: Final = 16
"""Most meters of a formula: so many are read for each of its quantities."""
PLACES_MAX: Final = 18
"""Most digits after the point of a quantity that is billed: with those of a price they are as many as an amount has."""
INTEGER_DIGITS: Final = 30
"""Digits before the point of what a meter counts: those of a value, and of as many events as there will be."""
_ABSENT: Final = frozenset({"quotient", "decimal"})
"""Functions that may give nothing for what is there."""
_NAME_BYTES_MAX: Final = 64
_KEPT: Final = 256


@dataclass(frozen=True, slots=True, order=True)
class Component:
    """A meter of a formula, and the name by which the formula calls its quantity."""

    name: str
    meter: str


@dataclass(frozen=True, slots=True)
class Known:
    """A meter that there is: whether it is computed itself, how it groups, the places that its quantity may have."""

    is_computed: bool
    group_by: Sequence[str]
    places: int


@dataclass(frozen=True, slots=True)
class Size:
    """The most digits of a value before and after its point; `value` is what is written in the formula itself."""

    digits: int
    places: int
    value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Formula:
    """What a meter is computed by. Components are in the order of their names."""

    components: tuple[Component, ...]
    expression: str

    @property
    def meters(self) -> tuple[str, ...]:
        """The meters that it reads, in the order of the names by which it calls them."""
        return tuple(component.meter for component in self.components)

    def quantity(self, quantities: Sequence[Decimal]) -> Decimal:
        """Return what it gives for quantities of its components, in their order. Raises TooBig ANSWER_TOO_LARGE."""
        names = tuple(component.name for component in self.components)
        value = _compiled(names, self.expression)(_Quantities(dict(zip(names, quantities, strict=True))))
        if not isinstance(value, Decimal):
            # Whatever else could be absent was refused beforehand.
            message = f"a quantity of the formula {self.expression!r} has more than 60 digits before the point"
            raise TooBig(Reason.ANSWER_TOO_LARGE, f"{message}; look at the meters that it reads: {self.meters}")
        return value

    def problems(self, field: str) -> list[Refused]:
        """Return what is wrong with it, looked at alone."""
        names = [component.name for component in self.components]
        if not 1 <= len(names) <= COMPONENTS_MAX:
            message = f"must name 1 to {COMPONENTS_MAX} meters, each by the name under which the formula reads it"
            return [_invalid(f"{field}.components", message)]
        for place, name in enumerate(names):
            if not _is_name(name):
                message = f"{name!r} is no name: letters, digits and '_', not first a digit, at most 64 in all"
                return [_invalid(f"{field}.components[{place}].name", message)]
        if len(set(names)) < len(names):
            return [_invalid(f"{field}.components", "calls two meters by the same name; rename one of them")]
        return self._problems_of_expression(f"{field}.expression")

    def _problems_of_expression(self, field: str) -> list[Refused]:
        try:
            expression = parse(self.expression)
            given = check(expression, _environment(component.name for component in self.components))
        except ExpressionError as error:
            return [_invalid(field, str(error))]
        if given is not Type.DECIMAL:
            return [_invalid(field, f"must give a decimal, and this gives {given.value}")]
        if may_be_absent(expression.root):
            message = (
                "may give nothing, as a quotient by zero does, and a bill needs a number; "
                "say what it is then, such as coalesce(quotient(a, b, 6, 'half_up'), 0)"
            )
            return [_invalid(field, message)]
        unread = sorted({component.name for component in self.components} - expression.names())
        if unread:
            return [_invalid(field, f"does not read {', '.join(unread)}; use it, or leave it out of the components")]
        return []


def canonical_formula(formula: Formula) -> Formula:
    """Return the same formula with its components in order."""
    return replace(formula, components=tuple(sorted(formula.components)))


def problems_of_components(formula: Formula, group_by: Sequence[str], known: Mapping[str, Known]) -> list[Refused]:
    """Return what is wrong with a formula over the meters that there are, by name."""
    problems = []
    for place, component in enumerate(formula.components):
        field, meter = f"spec.formula.components[{place}].meter", known.get(component.meter)
        if meter is None:
            problems.append(_invalid(field, f"there is no meter {component.meter!r}; apply it before this one"))
            continue
        missing = [key for key in group_by if key not in meter.group_by]
        if meter.is_computed:
            message = f"{component.meter} is computed by a formula itself; name the meters that it reads instead"
            problems.append(_invalid(field, message))
        elif missing:
            message = f"{component.meter} does not group by {missing[0]!r}; add it there first, or leave it out here"
            problems.append(_invalid("spec.group_by", message))
    return problems or _problems_of_size(formula, known)


def _problems_of_size(formula: Formula, known: Mapping[str, Known]) -> list[Refused]:
    read = {one.name: Size(INTEGER_DIGITS, known[one.meter].places) for one in formula.components}
    size = size_of(parse(formula.expression).root, read)
    field = "spec.formula.expression"
    if size.places > PLACES_MAX:
        message = (
            f"may have {size.places} digits after the point, and {PLACES_MAX} can be billed; "
            f"say how it is rounded: round({formula.expression}, 0.000001)"
        )
        return [_invalid(field, message)]
    if size.digits > DIGITS_MAX.integer_digits_max:
        message = f"may have {size.digits} digits before the point; multiply two meters with each other at most"
        return [_invalid(field, message)]
    return []


@dataclass(frozen=True, slots=True)
class _Quantities:
    """Quantities by name, as an expression reads them."""

    by_name: Mapping[str, Decimal]

    def field(self, name: str) -> Decimal | None:
        return self.by_name[name]

    def property(self, _key: str) -> str | None:
        return None


@lru_cache(maxsize=_KEPT)
def _compiled(names: tuple[str, ...], source: str) -> Callable[[Row], Value | None]:
    return compile_(parse(source), _environment(names))


def _environment(names: Iterable[str]) -> Environment:
    return Environment(dict.fromkeys(names, Type.DECIMAL), has_properties=False)


def may_be_absent(node: Node) -> bool:
    """Whether a part of a formula may be absent for some quantities, too many digits aside."""
    if not isinstance(node, Call):
        return False
    if node.function == "case":
        # Where no condition holds, or one is absent, it is what `else` says.
        return not _has_else(node) or any(map(may_be_absent, _values_of(node)))
    parts = [may_be_absent(argument) for argument in node.arguments]
    if node.function == "coalesce":
        return all(parts)
    return node.function in _ABSENT or (node.function != "present" and any(parts))


def size_of(node: Node, read: Mapping[str, Size]) -> Size:
    """Return how many digits the value of a part of a formula has at most, given those of what it reads."""
    if isinstance(node, Name):
        return read[node.value]
    if not isinstance(node, Call):
        return _size_of_value(node.value)
    sizes = [size_of(argument, read) for argument in _values_of(node)]
    return _SIZES.get(node.function, _largest)(sizes)


def _largest(sizes: Sequence[Size]) -> Size:
    return Size(max(size.digits for size in sizes), max(size.places for size in sizes))


def _of_sum(sizes: Sequence[Size]) -> Size:
    return replace(_largest(sizes), digits=_largest(sizes).digits + 1)


def _of_product(sizes: Sequence[Size]) -> Size:
    return Size(sum(size.digits for size in sizes), sum(size.places for size in sizes))


def _of_steps(sizes: Sequence[Size]) -> Size:
    """Return the size of what is rounded to whole steps, of 1 if none is given."""
    return Size(_largest(sizes).digits + 1, sizes[1].places if len(sizes) > 1 else 0)


def _of_quotient(sizes: Sequence[Size]) -> Size:
    """Return the size of a quotient: what is divided by the least there is becomes so much longer."""
    return Size(sizes[0].digits + sizes[1].places, int(sizes[2].value or 0))


def _of_text(sizes: Sequence[Size]) -> Size:  # noqa: ARG001 - any number may be written
    return Size(INTEGER_DIGITS, PLACES_MAX)


_SIZES: Final[Mapping[str, Callable[[Sequence[Size]], Size]]] = {
    "+": _of_sum,
    "-": _of_sum,
    "*": _of_product,
    "round": _of_steps,
    "floor": _of_steps,
    "ceil": _of_steps,
    "quotient": _of_quotient,
    "decimal": _of_text,
}
"""How large the value of a function is by what it is computed from; others give one of that."""


def _size_of_value(value: Value) -> Size:
    if not isinstance(value, Decimal):
        return Size(0, 0)
    return Size(max(value.adjusted() + 1, 1), places_of(value) or 0, value)


def _has_else(node: Call) -> bool:
    return len(node.arguments) % 2 == 1


def _values_of(node: Call) -> Sequence[Node]:
    """Return the arguments of which one may be the value, or that the value is computed from."""
    if node.function != "case":
        return node.arguments
    return [*node.arguments[1::2], *(node.arguments[-1:] if _has_else(node) else ())]


def _is_name(text: str) -> bool:
    return text.isascii() and text.isidentifier() and len(text) <= _NAME_BYTES_MAX


def _invalid(field: str, text: str) -> Refused:
    return Refused(field, Reason.METER_INVALID, text)
