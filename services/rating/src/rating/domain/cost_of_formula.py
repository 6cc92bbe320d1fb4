"""What a price formula costs over time: what it gives for all usage up to the end of each window. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO
from rating.domain.rate import rate
from rating.domain.reads import Read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from money import Exact
    from rating.domain.plans import PlanItem
    from rating.domain.pricing.price import Price


class _Window(Protocol):
    """What a meter counted in a window, and from the start of the period to its end."""

    @property
    def place(self) -> int: ...

    @property
    def quantity(self) -> Decimal: ...

    @property
    def running(self) -> Decimal: ...


def check_not_by_groups(items: Iterable[PlanItem], properties: Sequence[str]) -> None:
    """Refuse to tell by properties what a formula costs: no quantity says whose part is whose."""
    if not properties:
        return
    for item in items:
        if item.price.formula is not None:
            how = "by a formula over whole quantities"
            text = f"{item.name!a} is priced {how}, which has no cost by group; name the other items, or leave groups "
            raise Refused("items", Reason.FIELD_INVALID, f"{text}and filters out")


def running_costs(
    item: PlanItem, price: Price, windows_of: Mapping[str, Sequence[_Window]]
) -> Iterator[tuple[int, Decimal, Exact]]:
    """Yield the windows in which something was counted: the place, the own quantity, what all up to its end costs.

    The own quantity is that of the item's own meter, the first of the formula.
    """
    by_place = {meter: {used.place: used for used in windows_of[meter]} for meter in item.meters}
    running = dict.fromkeys(item.meters, ZERO)
    for place in sorted({place for windows in by_place.values() for place in windows}):
        running |= {meter: windows[place].running for meter, windows in by_place.items() if place in windows}
        own = by_place[item.meter].get(place)
        yield place, ZERO if own is None else own.quantity, _cost(price, running)


def whole_cost(item: PlanItem, windows_of: Mapping[str, Sequence[_Window]]) -> Exact:
    """Return what an item costs for all usage of its meters, its minimum with it."""
    counted = {meter: windows[-1].running if windows else ZERO for meter, windows in windows_of.items()}
    return _cost(item.price, counted)


def _cost(price: Price, counted: Mapping[str, Decimal]) -> Exact:
    components = () if price.formula is None else price.formula.components
    reads = tuple(Read(one.name, one.meter, "", counted[one.meter]) for one in components)
    return rate(ZERO, price, reads=reads).amount
