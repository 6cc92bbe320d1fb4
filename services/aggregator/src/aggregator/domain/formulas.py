"""Formulas: meters that are computed from the quantities of other meters, and count no events of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from chassis.errors import Reason, TooBig
from chassis.errors.refused import Refused
from expressions import Environment, ExpressionError, Size, Type, check, compile_, may_be_absent, parse, size_of
from expressions.limits import DIGITS_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from expressions import Row, Value

COMPONENTS_MAX: Final = 16
"""Most meters of a formula: so many are read for each of its quantities."""
PLACES_MAX: Final = 18
"""Most digits after the point of a quantity that is billed: with those of a price they are as many as an amount has."""
INTEGER_DIGITS: Final = 30
"""Digits before the point of what a meter counts: those of a value, and of as many events as there will be."""
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


def _is_name(text: str) -> bool:
    return text.isascii() and text.isidentifier() and len(text) <= _NAME_BYTES_MAX


def _invalid(field: str, text: str) -> Refused:
    return Refused(field, Reason.METER_INVALID, text)
