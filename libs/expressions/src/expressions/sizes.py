"""What may come of an expression, before anything is computed: how many digits, and whether there is a value at all.

So an expression whose value is billed is refused where it is written, and not when the bill is made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from expressions.tree import Call, Name
from money import places_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from expressions.tree import Node, Value

TEXT_DIGITS: Final = 30
"""Digits before the point that are taken for a number that a text may be."""
TEXT_PLACES: Final = 18
"""Digits after the point of such a number."""
_ABSENT: Final = frozenset({"quotient", "decimal"})
"""Functions that may give nothing for what is there."""


@dataclass(frozen=True, slots=True)
class Size:
    """The most digits of a value before and after its point; `value` is what is written in the formula itself."""

    digits: int
    places: int
    value: Decimal | None = None


def may_be_absent(node: Node) -> bool:
    """Whether a part of an expression may be absent for some quantities, too many digits aside."""
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
    """Return how many digits the value of a part of an expression has at most, given those of what it reads."""
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
    return Size(TEXT_DIGITS, TEXT_PLACES)


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
    return Size(max(value.adjusted() + 1, 0), places_of(value) or 0, value)


def _has_else(node: Call) -> bool:
    return len(node.arguments) % 2 == 1


def _values_of(node: Call) -> Sequence[Node]:
    """Return the arguments of which one may be the value, or that the value is computed from."""
    if node.function != "case":
        return node.arguments
    return [*node.arguments[1::2], *(node.arguments[-1:] if _has_else(node) else ())]
