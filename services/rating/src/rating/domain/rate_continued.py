"""What usage costs where prices follow one another in a period: each prices the units used under it, where they come.

Of C units up to the end of a stretch, and B before it, the stretch costs what its price says of C less what it says of
B. So the position on the ladder goes on, no event is priced by two prices, and where all prices are one, it is that of
all units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from money import ZERO, Exact, format_exact, less, times, total
from rating.domain.pricing.rows import PartAmount, Step, StepName, TierRow, Words, amount_of, labelled
from rating.domain.rate_whole import rate_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from rating.domain.cells import Cells
    from rating.domain.pricing.continued import Continued, Stretch
    from rating.domain.pricing.price import Price

Rated = tuple[list[TierRow], list[PartAmount], list[Step]]


def rate_continued(cells: Cells, price: Price, spread: Continued, words: Words) -> Rated:
    """Price usage that is told by stretches, up to what the models say: the rows, what each costs, and the steps."""
    counted = {spread.key_of(cell.values): cell.billed for cell in cells.along(spread.by).cells}
    rows: list[TierRow] = []
    parts: list[PartAmount] = []
    steps: list[Step] = []
    reached: Exact = ZERO
    for stretch in spread.stretches:
        before, reached = reached, total((reached, counted.get(stretch.name, ZERO)))
        if before == reached:
            continue
        own, told = _of_stretch(stretch, before, reached, price, words)
        rows += own
        steps += told
        parts.append(PartAmount(stretch.name, amount_of(own)))
    return rows, parts, steps


def _of_stretch(
    stretch: Stretch, before: Exact, reached: Exact, price: Price, words: Words
) -> tuple[list[TierRow], list[Step]]:
    whole = stretch.price.of_days(price.share)
    label = f"from {stretch.name}"
    found, told = rate_whole(reached, whole, words)
    text = f"{words.units(less(reached, before))}, which makes {format_exact(reached)}"
    steps = [Step(StepName.ROW, f"{label}: {text}", reached), *_labelled(told, label)]
    rows = list(labelled(found, label))
    if before > ZERO:
        taken, _ = rate_whole(before, whole, words)
        amount = amount_of(taken)
        rows += labelled((_negated(row) for row in taken), f"{label}, less those before")
        text = f"{label}: less {words.money(amount)}, what {words.units(before)} used before cost by this price"
        steps.append(Step(StepName.ROW, text, times(amount, _MINUS)))
    return rows, steps


def _labelled(steps: Sequence[Step], label: str) -> Iterable[Step]:
    return [Step(step.name, f"{label}: {step.text}", step.value) for step in steps]


def _negated(row: TierRow) -> TierRow:
    """Return a row that takes off what another one adds."""
    return TierRow(row.up_to, times(row.quantity, _MINUS), row.unit_price, -row.flat, times(row.amount, _MINUS))


_MINUS: Decimal = ZERO - 1
