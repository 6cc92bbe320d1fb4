"""What events cost that are priced one by one, from their number and sum in each band of values.

Within a band the price of an event is a line, base + slope x value; so n events of the sum S cost n x base + slope x S,
which is exactly what they cost one by one. A percentage with a fee and no clamp takes what is free off the sum and the
number of all, so that no order of events decides.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING

from money import ZERO, Exact, exact_of, format_decimal, times, total
from rating.domain.cells import Cell, Cells, cells_of
from rating.domain.pricing.adjust import Included
from rating.domain.pricing.bands import BAND, Band, band_of, label_of
from rating.domain.pricing.each_event import EachEvent, factor_of
from rating.domain.pricing.percentage import Percentage
from rating.domain.pricing.rows import PartAmount, Step, StepName, TierRow, Words, amount_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rating.domain.pricing.model import PriceModel
    from rating.domain.pricing.price import Price

Rated = tuple[list[TierRow], list[Step]]


def rate_events(cells: Cells, price: Price, words: Words) -> tuple[list[TierRow], list[PartAmount], list[Step]]:
    """Price events by their bands, up to what the models say: the rows, what each part costs, and the steps."""
    spread = price.spread
    if not isinstance(spread, EachEvent) or spread.inner is None:
        rows, steps = _rated(cells.along((BAND,)), price.model, price.included, price, words)
        return rows, [], steps
    rows, parts, steps = [], [], []
    for part, own in spread.parts_of_events(cells, price.model):
        included = Included(part.included) if part.included else price.included
        found, told = _rated(own, part.model, included, price, words)
        steps.append(Step(StepName.ROW, f"{part.label}: {words.units(part.quantity)}", part.quantity))
        steps.extend(replace(step, text=f"{part.label}: {step.text}") for step in told)
        amount = amount_of(found)
        if amount < ZERO:
            # What is given back of one part does not pay for another.
            steps.append(Step(StepName.MINIMUM, f"{part.label}: more is taken back than charged: it is free", ZERO))
            found, amount = [], ZERO
        rows.extend(replace(row, row=", ".join(filter(None, (part.label, row.row)))) for row in found)
        parts.append(PartAmount(part.key, amount))
    return rows, parts, steps


def _rated(cells: Cells, model: PriceModel, included: Included | None, price: Price, words: Words) -> Rated:
    """Price events by one model; `cells` are their bands, and `price` is the one whose model it is."""
    if price.convert is not None:
        words = price.convert.words(words)
    found = sorted(_told(cells, factor_of(price.convert)), key=lambda one: one[0].lower or -1)
    if isinstance(model, Percentage) and not model.is_clamped:
        return _with_fees(found, included, model, words)
    rows: list[TierRow] = []
    steps: list[Step] = []
    for band, count, quantity in found:
        row, told = _of_band(band, count, quantity, model, words)
        rows.append(row)
        steps.extend(told)
    return rows, steps


def cells_of_events(
    values: Iterable[Decimal], prices: Iterable[Price], group: Mapping[str, str] = MappingProxyType({})
) -> Cells:
    """Return events of these values and a group, told apart as prices need it."""
    bounds = [bound for price in prices for bound in price.event_bounds]
    cells = (Cell((*group.values(), label_of(Fraction(value), bounds)), value, 1) for value in values)
    return cells_of((*group, BAND), cells)


def _told(cells: Cells, factor: Fraction) -> Iterator[tuple[Band, int, Fraction]]:
    """Yield the bands, in the unit that is priced, with the number and sum of their events."""
    for cell in cells.cells:
        if cell.event_count or cell.billed:
            band = band_of(cell.values[0])
            if band is None:
                message = f"{cell.values[0]!r} is no band"
                raise ValueError(message)
            yield band.times(factor), cell.event_count, Fraction(cell.billed) * factor


def _of_band(
    band: Band, count: int, quantity: Fraction, model: PriceModel, words: Words
) -> tuple[TierRow, Sequence[Step]]:
    base, slope = _line(band, model)
    whole, fees = exact_of(quantity), exact_of(base * count)
    amount = exact_of(base * count + slope * quantity)
    label = _said(band, words)
    steps = [Step(StepName.ROW, f"{_events(count)} {label}: {words.units(whole)}", whole)]
    if slope:
        text = f"{words.units(whole)} at {words.money(exact_of(slope))} each"
        steps.append(Step(StepName.TIER, text, exact_of(slope * quantity)))
    if base:
        steps.append(Step(StepName.FLAT, f"{_events(count)} at {words.money(exact_of(base))} each", fees))
    upper = None if band.upper is None else exact_of(band.upper)
    up_to = upper if isinstance(upper, Decimal) else None
    return TierRow(up_to, whole, _decimal(slope), _decimal(base * count), amount, label), steps


def _line(band: Band, model: PriceModel) -> tuple[Fraction, Fraction]:
    """Return what an event of a band costs: base and slope, from two of its values."""
    first = band.lower + 1 if band.upper is None and band.lower is not None else band.upper or Fraction(0)
    second = first + 1 if band.upper is None else first - 1 if band.lower is None else (first + band.lower) / 2
    costs = [Fraction(model.of_event(exact_of(value))) for value in (first, second)]
    slope = (costs[1] - costs[0]) / (second - first)
    return costs[0] - slope * first, slope


def _with_fees(
    found: Sequence[tuple[Band, int, Fraction]], included: Included | None, model: Percentage, words: Words
) -> Rated:
    rows: list[TierRow] = []
    steps: list[Step] = []
    amount: Exact = total(exact_of(quantity) for _, _, quantity in found)
    if included is not None:
        amount, told = included.apply(amount, words)
        steps.extend(told)
    amount = max(amount, ZERO)
    if amount:
        shares = model.rows(amount)
        rows.extend(shares)
        steps.extend(model.tell(shares, amount, words))
    count = Decimal(sum(count for band, count, _ in found if band.is_above_zero))
    if model.free_events:
        left = max(count - model.free_events, ZERO)
        text = f"{format_decimal(model.free_events)} events without fee, {format_decimal(left)} remain"
        steps.append(Step(StepName.INCLUDED, text, left))
        count = left
    if count:
        fees = times(count, model.fee)
        rows.append(TierRow(None, count, model.fee, ZERO, fees, "fee of each event"))
        steps.append(Step(StepName.TIER, f"{_events(int(count))} at a fee of {words.money(model.fee)} each", fees))
    return rows, steps


def _said(band: Band, words: Words) -> str:
    lower = None if band.lower is None else words.units(exact_of(band.lower))
    upper = None if band.upper is None else words.units(exact_of(band.upper))
    if lower is None:
        return f"up to {upper}"
    return f"above {lower}" if upper is None else f"above {lower} up to {upper}"


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count} events"


def _decimal(value: Fraction) -> Decimal:
    """Return what is a decimal because prices are."""
    exact = exact_of(value)
    if isinstance(exact, Decimal):
        return exact
    message = f"{value} is no price"
    raise TypeError(message)
