"""Exact arithmetic. What would have more digits than `limits.DIGITS_MAX` is absent, never rounded unasked."""

from __future__ import annotations

from decimal import Decimal, DecimalException
from operator import add, neg, sub
from typing import TYPE_CHECKING, Final

from expressions.functions.function import DECIMAL, Function, Parameter, always
from expressions.limits import DIGITS_MAX
from expressions.tree import Value
from expressions.types import Type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from expressions.functions.function import Apply

PLACES_MAX: Final = 18
"""Most digits after the point to which a quotient is rounded."""
_HALF: Final = 2


def _half_up(dividend: int, divisor: int) -> int:
    """Round to the nearest, and what lies in the middle away from zero: as `money` rounds amounts."""
    nearest = (_HALF * abs(dividend) + divisor) // (_HALF * divisor)
    return nearest if dividend >= 0 else -nearest


def _half_even(dividend: int, divisor: int) -> int:
    whole, rest = divmod(dividend, divisor)
    doubled = _HALF * rest
    return whole + (doubled > divisor or (doubled == divisor and whole % _HALF == 1))


def _floor(dividend: int, divisor: int) -> int:
    return dividend // divisor


def _ceil(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)


def _exact(dividend: int, divisor: int) -> int | None:
    return None if dividend % divisor else dividend // divisor


MODES: Final[dict[str, Callable[[int, int], int | None]]] = {
    "exact": _exact,
    "half_up": _half_up,
    "half_even": _half_even,
    "floor": _floor,
    "ceil": _ceil,
}
"""How a quotient of integers becomes an integer, by name; the divisor is greater than zero."""


def _bounded(value: Decimal) -> Decimal | None:
    """Return a number unless it has too many digits."""
    if value.adjusted() >= DIGITS_MAX.integer_digits_max and value:
        return None
    return value


def _product(left: Decimal, right: Decimal) -> Decimal | None:
    """Return a product; of all that is computed, only it may have more places than what it is made of."""
    value = left * right
    if _places(value) > DIGITS_MAX.fraction_digits_max:
        value = value.normalize()
        return None if _places(value) > DIGITS_MAX.fraction_digits_max else value
    return value


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _computed(operation: Callable[..., Decimal | None]) -> Apply:
    def apply(*values: Decimal) -> Decimal | None:
        try:
            value = operation(*values)
        except DecimalException:
            return None
        return None if value is None else _bounded(value)

    return apply


def _quotient(literals: Sequence[Value]) -> Apply:
    places, mode = literals
    round_ = MODES[str(mode)]
    power = 10 ** int(places)

    def apply(dividend: Decimal, divisor: Decimal) -> Decimal | None:
        if not divisor:
            return None
        above, below = dividend.as_integer_ratio()
        above_too, below_too = divisor.as_integer_ratio()
        sign = 1 if above_too > 0 else -1
        whole = round_(sign * above * below_too * power, below * abs(above_too))
        return None if whole is None else _bounded(Decimal(whole).scaleb(-int(places)))

    return apply


def _to_step(round_: Callable[[int, int], int]) -> Callable[[Sequence[Value]], Apply]:
    def build(literals: Sequence[Value]) -> Apply:
        step = Decimal(literals[0]) if literals else Decimal(1)
        step_above, step_below = step.as_integer_ratio()

        def apply(value: Decimal) -> Decimal | None:
            above, below = value.as_integer_ratio()
            try:
                return _bounded(round_(above * step_below, below * step_above) * step)
            except DecimalException:
                return None

        return apply

    return build


def _decimal_of_whole(value: Value) -> bool:
    return isinstance(value, Decimal) and value == value.to_integral_value()


def _places_fault(value: Value) -> str | None:
    if _decimal_of_whole(value) and 0 <= value <= PLACES_MAX:  # type: ignore[operator]  # a decimal
        return None
    return f"the digits after the point are a whole number from 0 to {PLACES_MAX}"


def _mode_fault(value: Value) -> str | None:
    return None if value in MODES else f"a quotient is rounded by one of {', '.join(map(repr, MODES))}"


def _step_fault(value: Value) -> str | None:
    return None if isinstance(value, Decimal) and value > 0 else "the step is a number above zero"


_PLACES: Final = Parameter(DECIMAL.types, fault=_places_fault)
_MODE: Final = Parameter(frozenset({Type.TEXT}), fault=_mode_fault)
_STEP: Final = Parameter(DECIMAL.types, fault=_step_fault)

FUNCTIONS: Final = (
    Function("+", (DECIMAL, DECIMAL), Type.DECIMAL, always(_computed(add))),
    Function("-", (DECIMAL, DECIMAL), Type.DECIMAL, always(_computed(sub))),
    Function("*", (DECIMAL, DECIMAL), Type.DECIMAL, always(_computed(_product))),
    Function("negative", (DECIMAL,), Type.DECIMAL, always(_computed(neg))),
    Function("abs", (DECIMAL,), Type.DECIMAL, always(_computed(abs))),
    Function("min", (DECIMAL, DECIMAL), Type.DECIMAL, always(min), repeats=True),
    Function("max", (DECIMAL, DECIMAL), Type.DECIMAL, always(max), repeats=True),
    Function("floor", (DECIMAL, _STEP), Type.DECIMAL, _to_step(_floor), optional=1),
    Function("ceil", (DECIMAL, _STEP), Type.DECIMAL, _to_step(_ceil), optional=1),
    Function("round", (DECIMAL, _STEP), Type.DECIMAL, _to_step(_half_up), optional=1),
    Function("quotient", (DECIMAL, DECIMAL, _PLACES, _MODE), Type.DECIMAL, _quotient),
)
