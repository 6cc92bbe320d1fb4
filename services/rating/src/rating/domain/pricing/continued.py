"""Prices that follow one another inside a period without beginning anew: the position on the ladder is kept.

What a version of a plan prices that takes effect at once (docs/pricing.md). Usage is told apart by when it happened, as
by a calendar whose classes are the stretches between the versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rating.domain.pricing.calendar import PROPERTY, Segment
from rating.domain.pricing.spread import Ladder, Part, Spread

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence
    from datetime import datetime
    from decimal import Decimal

    from rating.domain.cells import Cells, Values
    from rating.domain.pricing.model import PriceModel
    from rating.domain.pricing.price import Price
    from rating.domain.pricing.rows import Words


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when on a price holds, up to the next one; it has nothing that is applied after the model.

    `name` is its first day, for people and in what was counted in it.
    """

    start: datetime
    name: str
    price: Price


@dataclass(frozen=True, slots=True)
class Continued(Spread):
    """The stretches, in order. What is applied after the models stands around them: that of the last version."""

    by: tuple[str, ...] = (PROPERTY,)
    ladder: Ladder = Ladder.OWN
    stretches: tuple[Stretch, ...] = ()

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The times at which usage is cut, and how what begins there is named."""
        return tuple(Segment(one.start, one.name) for one in self.stretches)

    @property
    def models(self) -> Sequence[PriceModel]:
        """Those of all stretches."""
        return [one.price.model for one in self.stretches]

    @property
    def has_own_included(self) -> bool:
        """Whether units are included in a stretch."""
        return any(one.price.has_days for one in self.stretches)

    def key_of(self, values: Values) -> Hashable:
        """Return the name of the stretch."""
        return values[0]

    def parts(self, cells: Cells, model: PriceModel) -> Sequence[Part]:
        """Refuse to price stretches by themselves: it is `rate_continued` that prices them."""
        raise TypeError(f"{model.KIND} goes on from one of {len(cells.cells)} stretches to the next")

    def introduced(self) -> str:
        """Return that prices change in the middle."""
        return "Prices change inside the period, and each goes on where the one before it has come to."

    def said(self, model: PriceModel, words: Words) -> Iterator[str]:  # noqa: ARG002 - each has its own
        """Yield the price of each stretch."""
        for one in self.stretches:
            yield f"From {one.name}: {' '.join(one.price.model.said(words))}"

    def examples(self) -> Sequence[tuple[Values, PriceModel | None, Decimal | None]]:
        """Return none: a quantity alone does not say when it was used."""
        return ()
