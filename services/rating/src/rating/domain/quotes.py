"""What a quantity would cost, by the code that rates what was used. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from chassis.errors import Reason
from chassis.errors.refused import Refused, each_of, inside
from money import ZERO, currency, exact_arithmetic, round_to_minor_unit
from rating.domain.cell_questions import groups_priced
from rating.domain.cells import cells_of, one_cell
from rating.domain.charges import ONE, ChargeKind, MeterUsage
from rating.domain.discounts import check_assumed
from rating.domain.own_prices import with_free_units
from rating.domain.pricing.bands import BAND
from rating.domain.proration import WHOLE, DayShare
from rating.domain.rate import rate
from rating.domain.rate_events import cells_of_events
from rating.domain.rate_seats import seats_at
from rating.domain.rated_period import rate_plan, with_discounts
from rating.domain.seats import COUNT_MAX

if TYPE_CHECKING:
    from money import Currency
    from rating.domain.cells import Cells
    from rating.domain.charges import Charge
    from rating.domain.discounts import Discount
    from rating.domain.plans import Plan, PlanItem
    from rating.domain.pricing.price import Price
    from rating.domain.pricing.rows import Derivation


@dataclass(frozen=True, slots=True)
class Question:
    """An item of a plan at a quantity of a whole period; `cells` has it by values of properties, where they decide."""

    item: str
    quantity: Decimal
    cells: Cells | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """What an item would cost. `amount` is printed; the derivation has the exact one. A fixed fee has quantity 1."""

    item: str
    quantity: Decimal
    derivation: Derivation
    amount: Decimal
    meter: str = ""
    kind: ChargeKind = ChargeKind.USAGE
    cells: Cells | None = None
    """What was priced by values of properties, where they decide."""


@dataclass(frozen=True, slots=True)
class AssumedUsage:
    """What a meter would count in a period; `cells` has it by values of properties, if they are told."""

    meter: str
    quantity: Decimal
    cells: Cells | None = None
    events: tuple[Decimal, ...] = ()
    """Instead of both: what is billed of each event, for prices that look at each by itself."""
    event_groups: tuple[tuple[Mapping[str, str], tuple[Decimal, ...]], ...] = ()
    """Instead of these: the same for each group of events."""


@dataclass(frozen=True, slots=True)
class PlanQuote:
    """What a plan would cost: a line for each item and each bound, and the sum of what is printed."""

    lines: tuple[Quote, ...]
    total: Decimal


def quoted_plan(
    plan: Plan, usage: Sequence[AssumedUsage], share: DayShare = WHOLE, discounts: Sequence[Discount] = ()
) -> PlanQuote:
    """Price a whole plan in a period that has a share of its days; what is not named is not used.

    Raises Refused for a meter that no item prices, and for a discount that no contract could have.
    """
    unit = currency(plan.currency)
    check_assumed(discounts, plan, unit)
    assumed = dict(zip((used.meter for used in usage), each_of("usage", usage, _priced_by(plan)), strict=True))
    meters = [meter for item in plan.items for meter in item.meters]
    plan = with_free_units(plan, discounts)
    charges = rate_plan(plan, {meter: assumed.get(meter, _assumed(ZERO, None)) for meter in meters}, share)
    lined = [one for one in discounts if not one.is_of_units]
    taken_in_order = (*(one for one in lined if one.items), *(one for one in lined if not one.items))
    with exact_arithmetic():
        lines = tuple(_line(charge, unit) for charge in with_discounts(charges, taken_in_order, plan))
        return PlanQuote(lines, sum((line.amount for line in lines), round_to_minor_unit(ZERO, unit)))


def _assumed(quantity: Decimal, cells: Cells | None) -> MeterUsage:
    return MeterUsage(quantity, "", 0, adds_up=True, cells=one_cell(quantity) if cells is None else cells)


def _priced_by(plan: Plan) -> Callable[[AssumedUsage], MeterUsage]:
    known, seen = list(dict.fromkeys(meter for item in plan.items for meter in item.meters)), set()
    groups = groups_priced(plan.items)

    def usage_of(used: AssumedUsage) -> MeterUsage:
        if used.meter not in known:
            there = f"it prices {', '.join(map(repr, known))}" if known else "it has fixed fees alone"
            text = f"no item of the plan prices the meter {used.meter!r}; {there}"
            raise Refused("meter", Reason.FIELD_INVALID, text)
        if used.meter in seen:
            raise Refused("meter", Reason.FIELD_INVALID, f"{used.meter!r} is given twice; write its sum once")
        seen.add(used.meter)
        _check_groups(f"the meter {used.meter!r}", used.cells, groups.get(used.meter, ()))
        of_events = [item for item in plan.items if item.meter == used.meter and item.price.is_of_events]
        if used.events or used.event_groups:
            by = [key for key in groups.get(used.meter, ()) if key != BAND]
            _check_properties(f"the meter {used.meter!r}", [key for group, _ in used.event_groups for key in group], by)
            return _of_events(used, [item.price for item in of_events], by)
        if of_events and (used.quantity or used.cells is not None):
            text = (
                f"does not say what each event of {used.meter!r} is, and {of_events[0].name!r} prices them one by one"
            )
            raise Refused("quantity", Reason.FIELD_INVALID, f"{text}; write events: [value, …] in place of it")
        return _assumed(used.quantity, used.cells)

    return usage_of


def _of_events(used: AssumedUsage, prices: Sequence[Price], by: Sequence[str]) -> MeterUsage:
    """Return the usage of events that are assumed one by one."""
    told = ((dict.fromkeys(by, "") | dict(group), values) for group, values in (({}, used.events), *used.event_groups))
    found = [cells_of_events(values, prices, group) for group, values in told]
    cells = cells_of((*by, BAND), (cell for one in found for cell in one.cells))
    count = sum(cell.event_count for cell in cells.cells)
    return replace(_assumed(cells.counted, cells), event_count=count)


def _check_groups(what: str, cells: Cells | None, by: Sequence[str]) -> None:
    _check_properties(what, () if cells is None else cells.by, by)


def _check_properties(what: str, told: Iterable[str], by: Sequence[str]) -> None:
    """Refuse groups by a property that decides no price: a typing error would be priced as all other values."""
    unknown = [key for key in told if key not in by]
    if unknown:
        there = f"they go by {', '.join(map(repr, by))}" if by else "they look at quantities alone; write the quantity"
        raise Refused("groups", Reason.FIELD_INVALID, f"no price of {what} goes by {unknown[0]!r}; {there}")


def _line(charge: Charge, unit: Currency) -> Quote:
    amount = round_to_minor_unit(charge.derivation.amount, unit)
    return Quote(charge.item, charge.quantity, charge.derivation, amount, charge.meter, charge.kind, charge.cells)


def quoted(plan: Plan, questions: Sequence[Question]) -> tuple[Quote, ...]:
    """Price each quantity by its item. Raises Refused for an item that the plan does not have."""
    items = {item.name: item for item in plan.items}
    found = []
    for place, question in enumerate(questions):
        item = items.get(question.item)
        if item is None:
            there = ", ".join(map(repr, items)) or "none"
            text = f"the plan has no item {question.item!r}; it has: {there}"
            raise Refused(f"questions[{place}].item", Reason.FIELD_INVALID, text)
        with inside(f"questions[{place}]"):
            _check_groups(f"the item {item.name!r}", question.cells, item.price.by)
            if item.price.is_of_events:
                text = f"{item.name!r} prices each event by itself; quote the plan, with the values of events"
                raise Refused("item", Reason.FIELD_INVALID, text)
            if item.price.formula is not None:
                text = (
                    f"{item.name!r} is priced by a formula; quote the plan, with the usage of {', '.join(item.meters)}"
                )
                raise Refused("item", Reason.FIELD_INVALID, text)
            found.append(quote_of(item, question.quantity, plan.currency, cells=question.cells))
    return tuple(found)


def _whole(seats: Decimal) -> int:
    """Return a number of seats. Raises Refused."""
    if seats != int(seats) or not 0 <= seats <= COUNT_MAX:
        raise Refused(
            "quantity", Reason.FIELD_INVALID, f"{seats:f} is no number of seats; write 0 to {COUNT_MAX:,}, whole"
        )
    return int(seats)


def quote_of(item: PlanItem, quantity: Decimal, code: str, unit: str = "", cells: Cells | None = None) -> Quote:
    """Price a quantity of an item in the currency `code`; `unit` only makes the steps' texts readable.

    `cells` has it by values of properties; without, it has none of them.
    """
    if item.price.by:
        cells = (one_cell(quantity) if cells is None else cells).along(item.price.by)
    if item.price.seats is not None:
        derivation = seats_at(item.price, _whole(quantity), code)
        amount = round_to_minor_unit(derivation.amount, currency(code))
        return Quote(item.name, quantity, derivation, amount, kind=ChargeKind.FIXED)
    is_fixed = item.price.is_fixed
    priced = ONE if is_fixed else quantity
    derivation = rate(priced, item.price, unit=unit, currency=code, cells=cells)
    with exact_arithmetic():
        amount = round_to_minor_unit(derivation.amount, currency(code))
    kind = ChargeKind.FIXED if is_fixed else ChargeKind.USAGE
    return Quote(item.name, priced, derivation, amount, item.meter, kind, cells if item.price.by else None)
