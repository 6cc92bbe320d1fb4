"""An expression over the quantities of several meters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final

from chassis.errors import Reason, TooBig
from chassis.errors.refused import Refused
from expressions import (
    Call,
    Environment,
    ExpressionError,
    Size,
    Type,
    check,
    compile_,
    may_be_absent,
    parse,
    size_of,
)
from expressions.limits import DIGITS_MAX
from money import Exact
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.rows import TierRow, Words

if TYPE_CHECKING:
    from collections.abc import Callable

    from expressions import Row, Value
    from expressions.tree import Node

COMPONENTS_MAX: Final = 16
"""Most meters of a formula."""
QUANTITY: Final = Size(24, 18)
"""The digits for which an expression must have room; a meter that counts more in a period is refused then."""
_NAME_BYTES_MAX: Final = 64
_KEPT: Final = 256


@dataclass(frozen=True, slots=True)
class FormulaMeter:
    """A meter that a formula reads, and the name by which the formula calls its quantity."""

    name: str
    meter: str


@dataclass(frozen=True, slots=True)
class Formula(PriceModel):
    """An amount computed from the quantities of its components; the first is the meter of the item."""

    KIND: ClassVar[str] = "formula"

    components: tuple[FormulaMeter, ...]
    expression: str

    def __post_init__(self) -> None:
        """Refuse what is no formula, or might not give an amount for some quantities."""
        self._check_names()
        names = [component.name for component in self.components]
        try:
            root = _parsed(self.expression)
            given = check(parse(self.expression), _environment(names))
        except ExpressionError as error:
            raise _refused("expression", str(error)) from error
        if given is not Type.DECIMAL:
            raise _refused("expression", f"must give a decimal, the amount, and this gives {given.value}")
        if may_be_absent(root):
            message = (
                "may give nothing, as a quotient by zero does, and a price needs an amount; "
                "say what it is then, such as coalesce(quotient(a, b, 6, 'half_up'), 0)"
            )
            raise _refused("expression", message)
        unread = sorted(set(names) - parse(self.expression).names())
        if unread:
            raise _refused("expression", f"does not read {', '.join(unread)}; use it, or leave it out of `of`")
        _check_sizes(root, dict.fromkeys(names, QUANTITY))

    @property
    def meters(self) -> tuple[str, ...]:
        """The meters that it reads, each once, that of the item first."""
        return tuple(dict.fromkeys(component.meter for component in self.components))

    def rows(self, quantity: Exact) -> tuple[TierRow, ...]:
        """Refuse to price one quantity: it is `amount` that prices a formula."""
        raise TypeError(f"{quantity} alone does not say what {self.expression!r} costs")

    def amount(self, quantities: Mapping[str, Decimal]) -> Decimal:
        """Return what it gives for quantities by name, below zero as well. Raises TooBig ANSWER_TOO_LARGE."""
        value = _compiled(tuple(quantities), self.expression)(_Quantities(quantities))
        if not isinstance(value, Decimal):
            # Whatever else could be absent was refused beforehand.
            message = f"the formula {self.expression!a} of a price has too many digits; look at what its meters count"
            raise TooBig(Reason.ANSWER_TOO_LARGE, f"{message}: {', '.join(self.meters)}")
        return value

    def said(self, words: Words) -> Iterator[str]:
        """Yield the formula, and what its names are."""
        names = ", ".join(f"{one.name} is the quantity of {one.meter}" for one in self.components)
        yield f"It costs {self.expression} {words.currency}, where {names}; nothing where that is below zero."

    def _check_names(self) -> None:
        names = [component.name for component in self.components]
        if not 1 <= len(names) <= COMPONENTS_MAX:
            raise _refused("components", f"must name 1 to {COMPONENTS_MAX} meters, as of: {{calls: call-count}}")
        for place, name in enumerate(names):
            if not (name.isascii() and name.isidentifier() and len(name) <= _NAME_BYTES_MAX):
                message = f"{name!a} is no name: letters, digits and '_', not first a digit, at most 64 in all"
                raise _refused(f"components[{place}].name", message)
        if len(set(names)) < len(names):
            raise _refused("components", "calls two meters by the same name; rename one of them")


@dataclass(frozen=True, slots=True)
class _Quantities:
    """Quantities by name, as an expression reads them."""

    by_name: Mapping[str, Decimal]

    def field(self, name: str) -> Decimal | None:
        return self.by_name[name]

    def property(self, _key: str) -> str | None:
        return None


def _check_sizes(root: Node, read: Mapping[str, Size]) -> None:
    """Refuse an expression of which some part may have more digits than an exact amount has."""
    for node in _parts(root):
        size = size_of(node, read)
        if size.places > DIGITS_MAX.fraction_digits_max:
            message = (
                f"a part of it may have {size.places} digits after the point, and {DIGITS_MAX.fraction_digits_max} are "
                "kept; round what is multiplied before, as in round(gb, 0.001) * calls * 0.01"
            )
            raise _refused("expression", message)
        if size.digits > DIGITS_MAX.integer_digits_max:
            message = f"a part of it may have {size.digits} digits before the point; multiply two meters at most"
            raise _refused("expression", message)


def _parts(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Call):
        for part in node.arguments:
            yield from _parts(part)


@lru_cache(maxsize=_KEPT)
def _parsed(source: str) -> Node:
    return parse(source).root


@lru_cache(maxsize=_KEPT)
def _compiled(names: tuple[str, ...], source: str) -> Callable[[Row], Value | None]:
    return compile_(parse(source), _environment(names))


def _environment(names: Iterable[str]) -> Environment:
    return Environment(dict.fromkeys(names, Type.DECIMAL), has_properties=False)


def _refused(field: str, text: str) -> Refused:
    return Refused(field, Reason.PRICE_INVALID, text)
