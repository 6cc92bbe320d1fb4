"""How periods were billed: what their charges must be if they were lost and are rated again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from money import format_decimal, format_exact
from rating.domain.rated_period import settled_of

if TYPE_CHECKING:
    from decimal import Decimal

    from money import Exact
    from rating.domain.charges import Charge, RatedPeriod


@dataclass(frozen=True, slots=True)
class Billed:
    """How a snapshot was billed: what it must cost if its charges were lost and are rated again.

    `items` has quantity and exact amount of each plan item. `plan` is empty if the plan had no items.
    """

    snapshot_id: str
    plan: str
    plan_version: int
    items: Mapping[str, tuple[Decimal, Exact]]
    plans: tuple[tuple[str, int], ...] = ()
    """All versions of plans that it was billed by, where that is more than one."""

    def difference(self, rated: RatedPeriod) -> str:
        """Say in words where charges are not what was billed; empty if they are."""
        now = _shown(rated.charges)
        for item in sorted(now.keys() | self.items.keys()):
            if now.get(item) != self.items.get(item):
                return f"{item!r} would be {_said(now.get(item))}, but {_said(self.items.get(item))} was billed"
        return ""


def as_billed(fees: Sequence[Charge], possible: Sequence[tuple[Charge, ...]], billed: Billed) -> tuple[Charge, ...]:
    """Return the first of some possible charges in advance that gives what was billed; else the first of them.

    `fees` are those of the period itself: where one is just what was billed in advance, no line shows it.
    """
    names = {charge.item for charges in possible for charge in (*fees, *charges)}
    lines = {name: billed.items[name] for name in names & billed.items.keys()}
    return next((charges for charges in possible if _shown((*fees, *charges)) == lines), possible[0])


def _shown(charges: Sequence[Charge]) -> dict[str, tuple[Decimal, Exact]]:
    """Return what has a line of some charges."""
    without_line = settled_of(charges)
    return {
        charge.item: (charge.quantity, charge.derivation.amount)
        for charge in charges
        if charge.item not in without_line
    }


def _said(of_item: tuple[Decimal, Exact] | None) -> str:
    return "nothing" if of_item is None else f"{format_exact(of_item[1])} for {format_decimal(of_item[0])}"
