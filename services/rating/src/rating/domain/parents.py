"""Customers that belong to others: a tree of few steps, which changes no price and no invoice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chassis.errors import Reason
from chassis.errors.refused import Refused

DEPTH_MAX: Final = 8
"""Most customers that stand above one another, the lowest one among them."""


def check_parents(name: str, above: Sequence[str], steps_below: int) -> None:
    """Refuse a customer that would stand above itself, or in too long a line.

    `above` are those that it would belong to, the nearest first, as far as they are known before one comes again;
    `steps_below` is how many stand below it in the longest line.
    """
    if name in above:
        line = " -> ".join([name, *above[: above.index(name) + 1]])
        raise Refused("parent", Reason.FIELD_INVALID, f"would belong to itself: {line}; take another parent")
    count = len(above) + 1 + steps_below
    if count > DEPTH_MAX:
        message = f"would stand in a line of {count} customers; at most {DEPTH_MAX} may stand above one another"
        raise Refused("parent", Reason.FIELD_INVALID, f"{message}; take a parent that stands higher")
