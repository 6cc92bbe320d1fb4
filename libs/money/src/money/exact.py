"""The decimal context of the suite: arithmetic in it is either exact or raises an error."""

from __future__ import annotations

from decimal import (
    ROUND_HALF_EVEN,
    Clamped,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    Subnormal,
    Underflow,
    localcontext,
)
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

PRECISION_DIGITS: Final = 140
"""Holds any product of a derived number (96 digits) and a price (36 digits), and sums of them; see `money.decimals`."""

ZERO: Final = Decimal(0)

_EXACT: Final = Context(
    prec=PRECISION_DIGITS,
    # Not used while Inexact is trapped; set so that the context does not depend on the process's default.
    rounding=ROUND_HALF_EVEN,
    Emin=-999,
    Emax=999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[
        Clamped,
        DivisionByZero,
        FloatOperation,
        Inexact,
        InvalidOperation,
        Overflow,
        Subnormal,
        Underflow,
    ],
)


def exact_arithmetic() -> AbstractContextManager[Context]:
    """Make `Decimal` arithmetic exact for the block; what can't be exact raises a `decimal.DecimalException`.

    Python's default context keeps 28 digits and silently rounds away the rest. Here a result that needs more
    than 140 digits, a division such as 1/3, a NaN or a float that meets a `Decimal` raises instead. The context belongs
    to the current asyncio task; do not `yield` to another generator's caller from inside the block.
    """
    return localcontext(_EXACT)
