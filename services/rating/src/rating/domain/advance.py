"""Fees in advance: what a period has of the fees of the one that follows, and takes off of its own.

A period is charged its own fees, whatever was billed before; less what the period before has billed of them in advance;
and the fees of the period that follows, as they are known then. So what a fee comes to over all periods is what it
costs in arrears, to the last unit.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from money import ZERO, exact_arithmetic
from rating.domain.line_names import TAKEN_PREFIX, line_name
from rating.domain.pricing.rows import Derivation, Step, StepName, Words
from rating.domain.segments import ChargedPart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rating.domain.billing_period import BillingPeriod
    from rating.domain.charges import Charge


def as_ahead(fee: Charge, whole: ChargedPart, zone: str) -> Charge:
    """Return the charge of a fee as the period before it has it; `whole` is all of its period, by its plan."""
    part = fee.part or whole
    return replace(fee, item=line_name(part.item, part.period, zone), part=part)


def taken_off(ahead: Iterable[Charge], currency: str) -> tuple[Charge, ...]:
    """Return what takes off what was billed in advance."""
    return tuple(_taken(charge, Words("", currency)) for charge in ahead)


def is_ahead(charge: Charge, period: BillingPeriod) -> bool:
    """Whether a charge of a period is of the one that follows."""
    return charge.part is not None and charge.part.period.start >= period.end


def settled(charges: Iterable[Charge], fees: Iterable[Charge]) -> frozenset[str]:
    """Return the names of fees, and of what takes them off, that are nothing together; `charges` are those in advance.

    A fee that has become more than one charge, or that costs something else than was billed, is none of them.
    """
    own: dict[str, list[Charge]] = {}
    for charge in (*fees, *(charge for charge in charges if charge.item.startswith(TAKEN_PREFIX))):
        own.setdefault(charge.plan_item, []).append(charge)
    found: set[str] = set()
    for of_item in own.values():
        amounts = [Fraction(charge.derivation.amount) for charge in of_item]
        taken = [charge for charge in of_item if charge.item.startswith(TAKEN_PREFIX)]
        if len(of_item) == 2 and len(taken) == 1 and amounts[0] == -amounts[1]:  # noqa: PLR2004 - a pair
            found |= {charge.item for charge in of_item}
    return frozenset(found)


def _taken(charge: Charge, words: Words) -> Charge:
    exact = charge.derivation.amount
    with exact_arithmetic():
        amount = -exact if exact else ZERO
    steps = (
        Step(StepName.FIXED, f"{charge.item} was billed in advance: {words.money(exact)}", amount),
        Step(StepName.TOTAL, f"Exact amount: {words.money(amount)}, not rounded", amount),
    )
    return replace(charge, item=f"{TAKEN_PREFIX}{charge.item}", derivation=Derivation(amount, (), steps))
