"""Each value of some properties priced by itself."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rating.domain.cells import Cells, Values
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.rows import Words
from rating.domain.pricing.spread import Ladder, Part, Spread, check_properties, value_said


@dataclass(frozen=True, slots=True)
class PerKey(Spread):
    """The one model prices what was used with each combination of values."""

    def __post_init__(self) -> None:
        """Refuse properties that are missing or named twice."""
        check_properties("per_key", self.by)

    @property
    def models(self) -> Sequence[PriceModel]:
        """None but the one of the price."""
        return ()

    def key_of(self, values: Values) -> Hashable:
        """Return the values."""
        return values

    def parts(self, cells: Cells, model: PriceModel) -> Sequence[Part]:
        """Return a part for each combination of values."""
        return [Part(cell.values, self._label(cell.values), model, cell.billed) for cell in cells.cells]

    def introduced(self) -> str:
        """Return that each value is priced by itself, or takes its part."""
        names = " and ".join(self.by)
        if self.ladder is Ladder.OWN:
            return f"Each {names} is priced by itself, and what they cost is added."
        return f"Each {names} has its part of the usage, and all climb the tiers together."

    def said(self, model: PriceModel, words: Words) -> Iterator[str]:
        """Yield the price of each value."""
        yield from model.said(words)

    def examples(self) -> Sequence[tuple[Values, PriceModel | None, Decimal | None]]:
        """Return one value for all, since all cost the same."""
        return [(tuple(f"any {name}" for name in self.by), None, None)]

    def _label(self, values: Values) -> str:
        return ", ".join(f"{key} {value_said(value)}" for key, value in zip(self.by, values, strict=True))
