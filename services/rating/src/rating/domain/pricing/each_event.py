"""The scope of a price that is one event: its model prices the value of each by itself, and what they cost is added.

It needs no events: between its bounds a model is a line, so that the number of the events in a band and the sum of
their values say what they cost together.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.cells import Cell, Cells, Values, cells_of
from rating.domain.pricing.bands import BAND, BOUNDS_MAX, band_of
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.rows import Words
from rating.domain.pricing.spread import Ladder, Part, Spread

if TYPE_CHECKING:
    from rating.domain.pricing.convert import Conversion


@dataclass(frozen=True, slots=True)
class EachEvent(Spread):
    """Usage by the bands of its events; with `inner`, by the bands of the events of each of its parts."""

    by: tuple[str, ...] = (BAND,)
    ladder: Ladder = Ladder.OWN
    inner: Spread | None = None

    def __post_init__(self) -> None:
        """Refuse parts whose events would climb one ladder: each event climbs by itself."""
        if self.inner is not None and self.inner.ladder is Ladder.TOTAL:
            raise _refused("ladder", "total is for sums, and each event climbs the tiers by itself; leave it out")

    @property
    def models(self) -> Sequence[PriceModel]:
        """Those of the parts, but for that of the price itself."""
        return () if self.inner is None else self.inner.models

    def key_of(self, values: Values) -> Hashable:
        """Return the part that has an event: without parts, its band."""
        return values if self.inner is None else self.inner.key_of(values[:-1])

    def parts_of_events(self, cells: Cells, model: PriceModel) -> Iterator[tuple[Part, Cells]]:
        """Yield the parts of usage, each with the bands of its events."""
        if self.inner is None:
            return
        found: dict[Hashable, list[Cell]] = {}
        for cell in cells.along(self.by).cells:
            own = Cell(cell.values[-1:], cell.quantity, cell.event_count, cell.rounded)
            found.setdefault(self.key_of(cell.values), []).append(own)
        for part in self.inner.parts(cells.along(self.inner.by), model):
            yield part, cells_of((BAND,), found[part.key])

    def parts(self, cells: Cells, model: PriceModel) -> Sequence[Part]:
        """Refuse to price a sum of values: it is `rate_events` that prices events."""
        raise TypeError(f"{model.KIND} prices each event, and not the {cells.quantity} of all")

    def introduced(self) -> str:
        """Return that each event is priced by itself."""
        own = "Each event is priced by itself, and what they cost is added."
        return own if self.inner is None else f"{own} {self.inner.introduced()}"

    def said(self, model: PriceModel, words: Words) -> Iterator[str]:
        """Yield the price of an event."""
        yield from model.said(words) if self.inner is None else self.inner.said(model, words)

    def examples(self) -> Sequence[tuple[Values, PriceModel | None, Decimal | None]]:
        """Return those of the parts, without a band: it follows from the value of an event."""
        return [((), None, None)] if self.inner is None else self.inner.examples()


def each_event_of(inner: Spread | None) -> EachEvent:
    """Return the spread of events that are priced one by one in the parts of another spread; None: in one part."""
    return EachEvent() if inner is None else EachEvent((*inner.by, BAND), Ladder.OWN, inner)


def factor_of(convert: Conversion | None) -> Fraction:
    """Return what a metered value is multiplied by to become the one that is priced."""
    if convert is None:
        return Fraction(1)
    return Fraction(convert.multiply or 1) / Fraction(convert.divide or 1)


def bounds_of(model: PriceModel, convert: Conversion | None) -> tuple[Fraction, ...]:
    """Return the metered values above zero at which the price of an event turns, rising."""
    found = sorted({bound / factor_of(convert) for bound in model.event_bounds})
    return tuple(bound for bound in found if bound > 0)


def is_told_by(label: str, bounds: Sequence[Fraction]) -> bool:
    """Whether a band is one in which a price with these bounds is a line."""
    band = band_of(label)
    return band is not None and not any(band.is_cut_by(bound) for bound in (Fraction(0), *bounds))


def is_in_bands(cells: Cells) -> bool:
    """Whether all events are told by their bands: those that were counted before the meter had any are not."""
    told = (cell.values[0] for cell in cells.along((BAND,)).cells if cell.event_count or cell.billed)
    return all(band_of(label) is not None for label in told)


def check_bounds(bounds: Sequence[Fraction]) -> None:
    """Refuse a price that turns more often than a meter tells."""
    if len(bounds) > BOUNDS_MAX:
        raise _refused("scope", f"needs more than {BOUNDS_MAX} bounds of bands; write fewer tiers")


def check_each_event(model: PriceModel, convert: Conversion | None, *, has_included: bool) -> None:
    """Refuse what can't be worked out from the number and the sum of the events of a band."""
    if not model.prices_events:
        kind = model.KIND.replace("_", " ")
        raise _refused("scope", f"event is not for {kind}, which prices the sum of a period alike; leave it out")
    if convert is not None and convert.rounding is not None:
        text = "rounds the sum of a period, and each event is priced by itself; let the meter round events (billable)"
        raise _refused("convert.rounding", text)
    if has_included and not model.takes_included_of_events:
        text = "units would be of some events and not of others, by their order; write a first tier at 0 instead"
        raise _refused("included", text)


def _refused(field: str, text: str) -> Refused:
    return Refused(field, Reason.PRICE_INVALID, text)
