"""Fees in advance: what a period has of the fees of the one that follows, and takes off of its own.

A period is charged its own fees, whatever was billed before; less what the period before has billed of them in advance;
and the fees of the period that follows, as they are known then. So what a fee comes to over all periods is what it
costs in arrears, to the last unit.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product
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

    A fee that has become more than one charge, or that costs something else than was billed, is none of them; of
    a period in segments, each is looked at by itself.
    """
    taken = [charge for charge in charges if charge.item.startswith(TAKEN_PREFIX)]
    own = list(fees)
    found: set[str] = set()
    for item in {charge.plan_item for charge in taken}:
        off = [charge for charge in taken if charge.plan_item == item]
        there = [charge for charge in own if charge.plan_item == item]
        are_one = len(off) == len(there) == 1
        for one, other in product(off, there):
            if (are_one or _span(one) == _span(other)) and _amount(one) == -_amount(other):
                found |= {one.item, other.item}
    return frozenset(found)


def _span(charge: Charge) -> object:
    return charge.part and charge.part.period


def _amount(charge: Charge) -> Fraction:
    return Fraction(charge.derivation.amount)


def _taken(charge: Charge, words: Words) -> Charge:
    exact = charge.derivation.amount
    with exact_arithmetic():
        amount = -exact if exact else ZERO
    steps = (
        Step(StepName.FIXED, f"{charge.item} was billed in advance: {words.money(exact)}", amount),
        Step(StepName.TOTAL, f"Exact amount: {words.money(amount)}, not rounded", amount),
    )
    return replace(charge, item=f"{TAKEN_PREFIX}{charge.item}", derivation=Derivation(amount, (), steps))
