"""Which quantities of an item its price is shown at."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from portal.domain.plans import PlanItem

_USUAL: Final = (Decimal(10), Decimal(100), Decimal(1000))
"""Where neither usage nor the price says what is much."""
_TWO_DIGITS: Final = Context(prec=2, rounding=ROUND_HALF_UP)
_HALF: Final = Decimal("0.5")


def quantities_of(item: PlanItem, used: Decimal | None) -> tuple[Decimal, ...]:
    """Return three quantities, the smallest first: what was used, with half and double of it as round numbers.

    Where nothing was used they follow from the price: half and double of its first bound, and of nothing else.
    """
    middle = used or _bound_of(item)
    if middle is None:
        return _USUAL
    wanted = {_round(middle * _HALF), middle, _round(middle + middle)}
    return tuple(sorted(wanted - {Decimal(0)}))


def _bound_of(item: PlanItem) -> Decimal | None:
    bounds = [item.included, *(tier.up_to for tier in item.tiers), item.block_size]
    return next((bound for bound in bounds if bound), None)


def _round(quantity: Decimal) -> Decimal:
    """Return a quantity with two digits that count; below ten as whole as it was."""
    rounded = _TWO_DIGITS.create_decimal(quantity)
    return Decimal(format(rounded, "f"))
