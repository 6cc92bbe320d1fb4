"""What usage costs in parts: by the rows of a matrix, or the values of a key.

For each part, in this order: what is below zero becomes zero, the quantity is converted, included units are taken off,
the model prices what remains. Included units of an item with a matrix are taken from all rows alike: each keeps
quantity x (whole - included) / whole, as an exact fraction, so that no order decides. Rows that climb one ladder are
priced together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from money import ZERO, Exact, divided, times, total
from rating.domain.pricing.adjust import Adjustment, Included
from rating.domain.pricing.ladder import climbed
from rating.domain.pricing.matrix import Matrix
from rating.domain.pricing.rows import PartAmount, Step, StepName, TierRow, Words, amount_of, labelled
from rating.domain.pricing.spread import Ladder, Part, Spread

if TYPE_CHECKING:
    from rating.domain.cells import Cells
    from rating.domain.pricing.price import Price

Rated = tuple[Sequence[TierRow], Sequence[PartAmount], Sequence[Step]]


def rate_parts(cells: Cells, price: Price, spread: Spread, words: Words) -> Rated:
    """Price usage in parts, up to what the models say: the rows of all, what each part costs, and the steps."""
    parts = spread.parts(cells.along(spread.by), price.model)
    steps: list[Step] = []
    quantities = [_billed(part, price, words, steps) for part in parts]
    if price.convert is not None:
        words = price.convert.words(words)
        whole = total(quantities)
        steps.append(Step(StepName.CONVERTED, f"Together {words.units(whole)} are priced", whole))
    quantities = _without_included(parts, quantities, price, words, steps)
    for off in price.units_off:
        quantities = _alike(parts, quantities, off, words, steps)
    rows, fees = _priced(parts, quantities, spread, words, steps)
    amounts = _with_fees([amount_of(own) for own in rows], quantities, amount_of(fees))
    found = [PartAmount(part.key, amount) for part, amount in zip(parts, amounts, strict=True)]
    return [one for own in rows for one in own] + fees, found, steps


def _billed(part: Part, price: Price, words: Words, steps: list[Step]) -> Exact:
    """Return the quantity of a part in the unit that is priced."""
    steps.append(Step(StepName.ROW, f"{part.label}: {words.units(part.quantity)}", part.quantity))
    if part.quantity < ZERO:
        steps.append(Step(StepName.INCLUDED, f"{part.label}: usage below zero is priced as zero", ZERO))
    quantity: Exact = max(part.quantity, ZERO)
    if price.convert is not None:
        quantity, told = price.convert.apply(quantity, words)
        steps.extend(_of(part, told))
    return quantity


def _without_included(
    parts: Sequence[Part], quantities: Sequence[Exact], price: Price, words: Words, steps: list[Step]
) -> list[Exact]:
    if price.included is not None and isinstance(price.spread, Matrix):
        return _alike(parts, quantities, price.included, words, steps)
    left: list[Exact] = []
    for part, quantity in zip(parts, quantities, strict=True):
        included = Included(part.included, price.share) if part.included else price.included
        remaining, told = (quantity, ()) if included is None else included.apply(quantity, words)
        steps.extend(_of(part, told))
        left.append(remaining)
    return left


def _alike(
    parts: Sequence[Part], quantities: Sequence[Exact], free: Adjustment, words: Words, steps: list[Step]
) -> list[Exact]:
    """Take units that are free from all rows in proportion to what they have."""
    whole = total(quantities)
    remaining, told = free.apply(whole, words)
    steps.extend(told)
    if not remaining:
        return [ZERO for _ in parts]
    left = [divided(times(quantity, remaining), whole) for quantity in quantities]
    for part, quantity in zip(parts, left, strict=True):
        text = f"{part.label}: {words.units(quantity)} of them, as it has of the whole"
        steps.append(Step(told[-1].name, text, quantity))
    return left


def _priced(
    parts: Sequence[Part], quantities: Sequence[Exact], spread: Spread, words: Words, steps: list[Step]
) -> tuple[list[Sequence[TierRow]], list[TierRow]]:
    """Return the rows of each part, and those of fees that all have together."""
    models = [part.model for part in parts]
    own: list[Sequence[TierRow]] = [model.rows(one) for model, one in zip(models, quantities, strict=True)]
    fees: list[TierRow] = []
    if spread.ladder is Ladder.TOTAL:
        whole = total(quantities)
        steps.append(Step(StepName.ROW, f"All rows climb the tiers together: {words.units(whole)}", whole))
        own[:], fees = climbed(models, quantities)
    rows: list[Sequence[TierRow]] = []
    for part, found, quantity in zip(parts, own, quantities, strict=True):
        rows.append(labelled(found, part.label))
        steps.extend(_of(part, part.model.tell(found, quantity, words)))
    steps.extend(Step(StepName.FLAT, f"Flat fee of the tier: {words.money(fee.flat)}", fee.flat) for fee in fees)
    return rows, fees


def _with_fees(amounts: Sequence[Exact], quantities: Sequence[Exact], fees: Exact) -> Sequence[Exact]:
    """Return what parts cost with common fees, which they bear by what they cost; by quantity where none costs."""
    if not fees:
        return amounts
    weights = amounts if any(amounts) else quantities
    whole = total(weights)
    return [
        total((amount, divided(times(fees, weight), whole))) for amount, weight in zip(amounts, weights, strict=True)
    ]


def scaled(parts: Sequence[PartAmount], amount: Exact) -> Sequence[PartAmount]:
    """Return parts that come to `amount`: what bounds changed falls on each by what it costs."""
    whole = total(part.amount for part in parts)
    if whole == amount or not whole:
        return parts
    return [replace(part, amount=divided(times(part.amount, amount), whole)) for part in parts]


def _of(part: Part, steps: Iterable[Step]) -> Iterable[Step]:
    return [replace(step, text=f"{part.label}: {step.text}") for step in steps]
