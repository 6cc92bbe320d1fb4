"""What a price formula costs: the amount of the expression for what its meters counted, and every step. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from money import ZERO, format_decimal
from rating.domain.pricing.rows import Step, StepName, TierRow, Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from rating.domain.pricing.formula import Formula
    from rating.domain.reads import Read, Reads


def rate_formula(formula: Formula, reads: Reads, words: Words) -> tuple[Sequence[TierRow], Sequence[Step]]:
    """Return the one row of a formula, none where it costs nothing, and the steps: a name each, then the expression."""
    steps = [step for read in reads for step in _told(read)]
    amount = formula.amount({read.name: read.billed for read in reads})
    steps.append(Step(StepName.FORMULA, f"{formula.expression} = {words.money(amount)}", amount))
    if amount < ZERO:
        amount = ZERO
        steps.append(Step(StepName.FORMULA, "An amount below zero costs nothing", amount))
    return ((_row(amount),) if amount else ()), steps


def _told(read: Read) -> Iterator[Step]:
    words = Words(read.unit, "")
    yield Step(StepName.READ, f"{read.name}: {words.units(read.quantity)} of {read.meter}", read.quantity)
    if read.rounded is not None:
        text = f"{read.name}: rounded event by event, {words.units(read.rounded)} are billed"
        yield Step(StepName.READ, text, read.rounded)
    if (read.quantity if read.rounded is None else read.rounded) < ZERO:
        yield Step(StepName.READ, f"{read.name}: {format_decimal(ZERO)}, as below zero", ZERO)


def _row(amount: Decimal) -> TierRow:
    return TierRow(None, ZERO, ZERO, amount, amount)
