"""Prices in plain words, and worked examples of them: by the code that rates. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO, exact_arithmetic
from rating.domain.cells import Cell, Cells
from rating.domain.fees import Billing, Once, falls_at, said
from rating.domain.pricing.adjust import Included
from rating.domain.pricing.rows import Words
from rating.domain.proration import Proration
from rating.domain.quotes import Quote, quote_of
from rating.domain.rate_events import cells_of_events

if TYPE_CHECKING:
    from rating.domain.plan_bounds import PlanBound, PlanBounds
    from rating.domain.plans import Plan, PlanItem
    from rating.domain.pricing.price import Price

_USUAL: Final = (Decimal(1), Decimal(100), Decimal(10_000))
"""Where the price itself does not say what is little and what is much."""
_BOUNDS_MAX: Final = 3
_BEYOND: Final = 10
_SEAT: Final = "seat"
_USUAL_SEATS: Final = (Decimal(1), Decimal(10), Decimal(100))
_PLACES: Final = 24
"""More than any bound has in another unit, unless that unit has no decimals for it."""


@dataclass(frozen=True, slots=True)
class ExplainedItem:
    """The price of an item in words, and what some quantities cost, the smallest first."""

    item: PlanItem
    unit: str
    sentence: str
    examples: tuple[Quote, ...]


def explained_plan(plan: Plan, units: Mapping[str, str], names: Sequence[str] = ()) -> tuple[ExplainedItem, ...]:
    """Explain the items named, or all, in the plan's order; `units` has the unit of each meter that there is.

    Raises Refused for an item that the plan does not have.
    """
    known = [item.name for item in plan.items]
    for position, name in enumerate(names):
        if name not in known:
            text = f"the plan has no item {name!r}; it has: {', '.join(map(repr, known))}"
            raise Refused(f"items[{position}]", Reason.FIELD_INVALID, text)
    chosen = [item for item in plan.items if not names or item.name in names]
    return tuple(_explained(item, units.get(item.meter, ""), plan.currency) for item in chosen)


def explained_bounds(bounds: PlanBounds, currency: str) -> tuple[str, ...]:
    """Say the maximum of a plan, then its minimum, in the order in which they are applied."""
    words, found = Words("", currency), []
    if bounds.maximum is not None:
        found.append(f"{_covered(bounds.maximum)} come to at most {words.money(bounds.maximum.amount)} together.")
    if (least := bounds.minimum) is not None:
        days = " Of a period that is cut short, its days of that." if least.proration is Proration.DAY else ""
        amount = words.money(least.amount)
        found.append(f"{_covered(least)} come to at least {amount} together: what lacks is charged.{days}")
    return tuple(found)


def _covered(bound: PlanBound) -> str:
    return f"The charges of {', '.join(bound.items)} in a period" if bound.items else "All charges of a period"


def sentence_of(price: Price, unit: str, currency: str) -> str:
    """Return a price in plain words, in the order in which it is worked out."""
    return " ".join(_sentences(price, unit, currency))


def example_quantities(price: Price) -> tuple[Decimal, ...]:
    """Return quantities at which a price is worth looking at, ascending: up to a bound, one more, and well beyond."""
    if price.is_fixed and price.seats is None:
        return (ZERO,)
    with exact_arithmetic():
        ends = ends_of(price)
        shown = ends[: _BOUNDS_MAX - 1] + ends[-1:]
        found = {ZERO} if price.floors else set()
        for end in shown:
            found |= {metered(price, end), metered(price, end) + 1}
        usual = _USUAL if price.seats is None else _USUAL_SEATS
        beyond = [_BEYOND * ends[-1]] if ends else list(usual)
        return tuple(sorted(found | {metered(price, quantity) for quantity in beyond}))


def bounds_metered(price: Price) -> tuple[Decimal, ...]:
    """Return the metered quantities up to and including which a price holds, ascending."""
    with exact_arithmetic():
        return tuple(metered(price, end) for end in ends_of(price))


def ends_of(price: Price) -> list[Decimal]:
    """Return the quantities, in the unit that is priced, up to and including which a price holds, ascending."""
    included = sum((each.value for each in price.adjustments if isinstance(each, Included)), start=ZERO)
    ends = [included] if included else []
    return ends + [included + bound for bound in price.model.bounds]


def _explained(item: PlanItem, unit: str, currency: str) -> ExplainedItem:
    examples = tuple(_examples(item, unit, currency))
    sentence = sentence_of(item.price, _SEAT if item.price.seats is not None else unit, currency)
    if falls_at(item) is not Once.NONE:
        sentence = f"{Words(unit, currency).money(item.price.model.rows(ZERO)[0].flat)} {said(item)}."
    if item.proration is Proration.DAY:
        of_usage = " Of a period that is cut short, its days of what is included, of a maximum and a minimum are there."
        sentence += " Of a period that is cut short, its days are charged." if item.price.is_fixed else of_usage
    if item.billing is Billing.ADVANCE:
        sentence += " It is billed in advance, before its time."
    return ExplainedItem(item, unit, sentence, examples)


def _examples(item: PlanItem, unit: str, currency: str) -> Iterator[Quote]:
    price, spread = item.price, item.price.spread
    if price.formula is not None:
        # What one of its quantities costs depends on all others.
        return
    if price.is_of_events:
        for values, model, included in () if spread is None else spread.examples():
            group = dict(zip(price.by, values, strict=False))
            for quantity in example_quantities(price.of_part(model, included)):
                yield quote_of(item, quantity, currency, unit, cells_of_events([quantity], [price], group))
        return
    if spread is None:
        for quantity in example_quantities(price):
            yield quote_of(item, quantity, currency, unit)
        return
    for values, model, included in spread.examples():
        for quantity in example_quantities(price.of_part(model, included)):
            yield quote_of(item, quantity, currency, unit, Cells(spread.by, (Cell(values, quantity),)))


def _sentences(price: Price, unit: str, currency: str) -> Iterator[str]:
    words = Words(unit, currency)
    if price.convert is not None:
        yield price.convert.said(words)
        words = price.convert.words(words)
    if price.spread is not None:
        yield price.spread.introduced()
    if price.calendar is not None:
        yield price.calendar.said
    yield from (each.said(words) for each in price.adjustments if each.IS_BEFORE)
    yield from price.model.said(words) if price.spread is None else price.spread.said(price.model, words)
    yield from (each.said(words) for each in price.adjustments if not each.IS_BEFORE)
    if price.seats is not None:
        yield price.seats.said


def metered(price: Price, priced: Decimal) -> Decimal:
    """Return the metered quantity that comes to `priced`, or the last one before it that has few enough decimals."""
    exact = Fraction(priced) if price.convert is None else price.convert.metered(priced)
    return Decimal(exact.numerator * 10**_PLACES // exact.denominator).scaleb(-_PLACES)
