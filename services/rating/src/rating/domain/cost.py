"""What a period costs over time and by the properties of its events, in parts that add up to the printed charge.

A window costs the price of all usage up to its end less the price of all usage up to its start, before a minimum; so
the windows add up to the charge whatever the price model. What is printed follows by running rounding: the rounded
price up to the end less the rounded price up to the start. A window can cost less than nothing where a price falls with
the quantity. What a minimum lifts is a part of its own in the last window of the period. A fixed fee falls on the days
of the period alike. As a draft says it, the last window that is asked for bears both in full. Inside a window, groups
share what is printed by what is priced of them (`money.share`), below zero counting as zero. Pure, and exact: the only
roundings are those of `money`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from eventlog.period import Period
from money import ZERO, Currency, Exact, exact_arithmetic, less, round_to_minor_unit, share
from rating.domain.cell_questions import CellQuestion
from rating.domain.cells import OTHER_VALUE, Cell, Cells, cells_of, decimal_of
from rating.domain.charges import ChargeKind, Terms
from rating.domain.commitments import charged
from rating.domain.cost_of_events import costs_of_events
from rating.domain.cost_of_fees import cost_until
from rating.domain.cost_of_formula import running_costs, whole_cost
from rating.domain.cost_of_parts import costs_of_groups, rows_of_groups
from rating.domain.cost_windows import CostWindows, WindowSize
from rating.domain.discounts import reductions
from rating.domain.plan_bounds import bound_amounts, rest_of
from rating.domain.plans import PlanItem
from rating.domain.pricing.adjust import Minimum
from rating.domain.pricing.price import Price
from rating.domain.pricing.rows import Derivation
from rating.domain.proration import WHOLE, DayShare, in_days
from rating.domain.rate import rate
from rating.domain.rated_period import net_of_printed

PROPERTIES_MAX: Final = 8
"""Most properties that a meter groups by, so also of one question."""
Group = tuple[str, ...]


class CostPart(StrEnum):
    """Which part of a charge a row is; the names are those of the contract, without its prefix."""

    USAGE = "USAGE"
    MINIMUM = "MINIMUM"
    FIXED = "FIXED"
    DISCOUNT = "DISCOUNT"
    PLAN_BOUND = "PLAN_BOUND"
    COMMITMENT = "COMMITMENT"


@dataclass(frozen=True, slots=True)
class CostRow:
    """A part of what an item costs in a window. `amount` is printed; `exact_amount` None: a share of another amount.

    `group` has the values of the properties asked for; None: the amount does not come from the usage of a group.
    `quantity` is None where several values of a filter fall together whose quantities don't add up.
    """

    item: str
    kind: ChargeKind
    meter: str
    unit: str
    part: CostPart
    window: Period
    amount: Decimal
    exact_amount: Exact | None
    quantity: Decimal | None = ZERO
    group: Group | None = None

    @property
    def is_other_group(self) -> bool:
        """Whether it is of all groups that the meter does not tell apart."""
        return OTHER_VALUE in (self.group or ())


@dataclass(frozen=True, slots=True)
class Breakdown:
    """By which properties cost is told, and the values (by property) to which it is narrowed."""

    group_by: tuple[str, ...] = ()
    filters: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Refuse more properties than any meter groups by."""
        if len(self.properties) > PROPERTIES_MAX:
            message = f"at most {PROPERTIES_MAX} properties together with those of the filters; leave some out"
            raise Refused("group_by", Reason.FIELD_INVALID, message)

    @property
    def properties(self) -> tuple[str, ...]:
        """All properties by which usage must be known, those of the filters first."""
        return tuple(dict.fromkeys((*self.filters, *self.group_by)))

    def narrowed(self, values: Group) -> Group:
        """Return the values of the filters' properties, of `values` of all properties."""
        return values[: len(self.filters)]

    def group_of(self, values: Group) -> Group:
        """Return the values of the properties that are grouped by, of `values` of all properties."""
        by_property = dict(zip(self.properties, values, strict=True))
        return tuple(by_property[key] for key in self.group_by)

    def lets_pass(self, narrowed: Group) -> bool:
        """Whether the filters let the values of their properties pass."""
        return all(value in allowed for value, allowed in zip(narrowed, self.filters.values(), strict=True))


@dataclass(frozen=True, slots=True)
class CostQuestion:
    """What of a period's cost is asked for. No items: all; `until` None: the end of the period.

    `as_draft`: fees in full, and minimums on what had been used by then.
    """

    items: tuple[str, ...]
    window_size: WindowSize
    breakdown: Breakdown
    until: datetime | None
    as_draft: bool = False


@dataclass(frozen=True, slots=True)
class AskedUsage:
    """Whose usage is asked for, and in which windows of which time."""

    customer: str
    span: Period
    window_size: WindowSize
    time_zone: str


@dataclass(frozen=True, slots=True)
class UsageRow:
    """The quantity of a window that begins at `start`, or of a group in it."""

    start: datetime
    group: Group
    quantity: Decimal
    rounded: Decimal | None = None
    """What is billed of it, where the meter rounds each event by itself."""
    event_count: int = 0


@dataclass(frozen=True, slots=True)
class UsageByWindow:
    """What the aggregator told of one meter. `as_of` is the part of the log that is counted in all rows."""

    rows: Sequence[UsageRow]
    unit: str
    as_of: AsOf
    is_filled: bool


@dataclass(frozen=True, slots=True)
class WindowUsage:
    """What was counted in a window, by its place. `running` is what is priced from the period's start to its end."""

    place: int
    quantity: Decimal
    running: Decimal


@dataclass(frozen=True, slots=True)
class MeterUsageOverTime:
    """The usage of a meter in each window, in order, and by groups; None: its groups are not told apart.

    `adds_up`: whether its windows and its groups add up to the quantity of the period. `rounded` is what is billed of a
    group, where the meter rounds each event by itself.
    """

    unit: str
    windows: tuple[WindowUsage, ...]
    groups: Mapping[int, Mapping[Group, Decimal]] | None
    adds_up: bool
    rounded: Mapping[int, Mapping[Group, Decimal]] = field(default_factory=dict)
    cells: Mapping[int, Cells] = field(default_factory=dict)
    """By place, the usage by values of `cells_by`, where a price goes by some of them."""
    cells_by: tuple[str, ...] = ()

    def priced(self, place: int, group: Group) -> Decimal:
        """Return the quantity by which a group bears the cost of a window: none that is below zero."""
        of_group = self.rounded.get(place, {}).get(group)
        return max((self.groups or {})[place][group] if of_group is None else of_group, ZERO)


def usage_by_cells(
    told: UsageByWindow, windows: CostWindows, question: CellQuestion, by: tuple[str, ...]
) -> MeterUsageOverTime:
    """Return the usage of a meter that was told as `question` says, with its cells; `by` are properties of it.

    None of `by`: its groups are not told apart.
    """
    found: dict[int, list[Cell]] = {}
    for row in told.rows:
        cell = Cell(question.values(row.group, row.start), row.quantity, row.event_count, row.rounded)
        found.setdefault(windows.place_of(row.start), []).append(cell)
    cells = {place: cells_of(question.by, each) for place, each in found.items()}
    rows = [
        UsageRow(windows.windows[place].start, cell.values, decimal_of(cell.quantity), cell.rounded)
        for place, each in cells.items()
        for cell in each.along(by).cells
    ]
    found_usage = usage_that_adds_up(replace(told, rows=rows), windows, is_grouped=bool(by))
    return replace(found_usage, cells=cells, cells_by=question.by)


def usage_that_adds_up(told: UsageByWindow, windows: CostWindows, *, is_grouped: bool) -> MeterUsageOverTime:
    """Return the usage of a meter whose windows and groups add up to the quantity of the period."""
    groups = _by_place(told, windows)
    # Where the meter rounds each event by itself, that is what is priced; what is told is what was metered.
    rounded = _rounded_by_place(told, windows)
    running, found = ZERO, []
    with exact_arithmetic():
        for place, quantities in sorted(groups.items()):
            quantity = sum(quantities.values(), ZERO)
            running += sum(rounded[place].values(), ZERO) if place in rounded else quantity
            found.append(WindowUsage(place, quantity, running))
    return MeterUsageOverTime(told.unit, tuple(found), groups if is_grouped else None, adds_up=True, rounded=rounded)


def usage_that_runs(running: UsageByWindow, grouped: UsageByWindow | None, windows: CostWindows) -> MeterUsageOverTime:
    """Return the usage of a meter whose windows don't add up, such as of the largest value.

    `running` has the quantity from the period's start to the end of each window, `grouped` that of each group in it.
    """
    found = (
        WindowUsage(windows.place_of(row.start), row.quantity, row.quantity if row.rounded is None else row.rounded)
        for row in running.rows
    )
    return MeterUsageOverTime(
        running.unit,
        tuple(sorted(found, key=lambda usage: usage.place)),
        None if grouped is None else _by_place(grouped, windows),
        adds_up=False,
        rounded={} if grouped is None else _rounded_by_place(grouped, windows),
    )


def counted_in_all(answers: Sequence[AsOf]) -> AsOf | None:
    """Return the part of the log that is counted in all of some answers; None if they are of two logs.

    Of one log, answers that follow each other reach ever further, so it is one of them.
    """
    return next((one for one in answers if all(other.covers(one) for other in answers)), None)


def _by_place(told: UsageByWindow, windows: CostWindows) -> dict[int, dict[Group, Decimal]]:
    groups: dict[int, dict[Group, Decimal]] = {}
    for row in told.rows:
        groups.setdefault(windows.place_of(row.start), {})[row.group] = row.quantity
    return groups


def _rounded_by_place(told: UsageByWindow, windows: CostWindows) -> dict[int, dict[Group, Decimal]]:
    """Return what is billed of each group, where the meter rounds events or sessions by themselves."""
    groups: dict[int, dict[Group, Decimal]] = {}
    for row in told.rows:
        if row.rounded is not None:
            groups.setdefault(windows.place_of(row.start), {})[row.group] = row.rounded
    return groups


def cost_rows(
    items: Iterable[PlanItem],
    usage: Mapping[str, MeterUsageOverTime],
    windows: CostWindows,
    breakdown: Breakdown,
    currency: Currency,
    day_share: DayShare = WHOLE,
) -> list[CostRow]:
    """Return what items cost, with the usage of each of their meters, by item, part, window and group.

    `day_share` is that of the days of the period which the contract has.
    """
    rows = (
        row
        for item in (in_days(each, day_share) for each in items)
        for row in (
            _cost_of_fee(item, windows, currency, day_share)
            if item.price.is_fixed
            else _cost_of_formula(item, usage, windows, currency)
            if item.price.formula is not None
            else _cost_of_cells(item, usage[item.meter], windows, breakdown, currency)
            if item.price.by
            else _cost_of_usage(item, usage[item.meter], windows, breakdown, currency)
        )
    )
    return [row for row in rows if row.group is not None or not breakdown.filters]


def rows_of_all(rows: Sequence[CostRow], terms: Terms, windows: CostWindows, currency: Currency) -> list[CostRow]:
    """Return what bounds of the plan, then discounts and commitments change of the rows of all items of a period.

    They are of the whole period, so in its last window.
    """
    if not windows.bears_rest:
        return []
    # An item without usage in the period has no row, and is covered all the same.
    plan, discounts = terms.closing_plan.content, terms.discounts
    printed = dict.fromkeys((item.name for item in plan.items), ZERO)
    with exact_arithmetic():
        for row in rows:
            printed[row.item] = printed.get(row.item, ZERO) + row.amount

    def row_of(line: str, kind: ChargeKind, part: CostPart, exact: Exact) -> CostRow:
        amount = round_to_minor_unit(exact, currency)
        return CostRow(line, kind, "", "", part, windows.windows[-1], amount, exact)

    bounds = [
        row_of(bound.line, ChargeKind.BOUND, CostPart.PLAN_BOUND, bound.derivation.amount)
        for bound in bound_amounts(plan.bounds, printed, currency, terms.share)
    ]
    printed |= {row.item: row.amount for row in bounds}
    taken = reductions(discounts, rest_of(plan.bounds, printed, currency), currency)
    found = bounds + [row_of(one.line, ChargeKind.DISCOUNT, CostPart.DISCOUNT, one.derivation.amount) for one in taken]
    for due in terms.commitments:
        net = net_of_printed(printed, due.promise.commitment.items, discounts, plan)
        amount = charged(due, net, currency).amount
        found.append(row_of(due.promise.commitment.line, ChargeKind.COMMITMENT, CostPart.COMMITMENT, amount))
    return found


def _cost_of_fee(item: PlanItem, windows: CostWindows, currency: Currency, day_share: DayShare) -> Iterator[CostRow]:
    """Yield what falls on each window of a fixed fee, by the days that begin in it."""
    until = cost_until(item, windows, day_share)
    before = 0
    for window in windows.windows:
        is_last = window == windows.windows[-1]
        days = len(windows.days) if is_last and windows.bears_rest else windows.days_before(window.end)
        if days > before:
            with exact_arithmetic():
                amount = round_to_minor_unit(until(days), currency) - round_to_minor_unit(until(before), currency)
            exact = until(days) if days - before == len(windows.days) else None
            yield CostRow(item.name, ChargeKind.FIXED, "", "", CostPart.FIXED, window, amount, exact)
        before = days


def _cost_of_usage(
    item: PlanItem, usage: MeterUsageOverTime, windows: CostWindows, breakdown: Breakdown, currency: Currency
) -> Iterator[CostRow]:
    """Yield what each window of usage costs, by group where groups are told apart, then what a minimum lifts."""
    price = _before_lift(item.price)
    exact_before: Exact = ZERO
    running = ZERO
    for used in usage.windows:
        running = used.running
        exact = rate(running, price).amount
        row = CostRow(
            item.name,
            ChargeKind.USAGE,
            item.meter,
            usage.unit,
            CostPart.USAGE,
            windows.windows[used.place],
            *_difference(exact, exact_before, currency),
            used.quantity,
        )
        yield from [row] if usage.groups is None else _shared(row, usage, used.place, breakdown, currency)
        exact_before = exact
    lifted = rate(running, item.price).amount
    if windows.bears_rest and lifted != exact_before:
        amount, exact = _difference(lifted, exact_before, currency)
        last = windows.windows[-1]
        yield CostRow(item.name, ChargeKind.USAGE, item.meter, usage.unit, CostPart.MINIMUM, last, amount, exact)


def _cost_of_formula(
    item: PlanItem, usage: Mapping[str, MeterUsageOverTime], windows: CostWindows, currency: Currency
) -> Iterator[CostRow]:
    """Yield what each window adds to what a formula gives, then what a minimum lifts."""
    windows_of = {meter: usage[meter].windows for meter in item.meters}
    unit = usage[item.meter].unit
    before: Exact = ZERO
    for place, quantity, exact in running_costs(item, _before_lift(item.price), windows_of):
        window, difference = windows.windows[place], _difference(exact, before, currency)
        yield CostRow(item.name, ChargeKind.USAGE, item.meter, unit, CostPart.USAGE, window, *difference, quantity)
        before = exact
    # A formula may cost something where nothing was counted, too.
    lifted = whole_cost(item, windows_of)
    if windows.bears_rest and lifted != before:
        last, difference = windows.windows[-1], _difference(lifted, before, currency)
        yield CostRow(item.name, ChargeKind.USAGE, item.meter, unit, CostPart.MINIMUM, last, *difference)


def _cost_of_cells(
    item: PlanItem, usage: MeterUsageOverTime, windows: CostWindows, breakdown: Breakdown, currency: Currency
) -> Iterator[CostRow]:
    """Yield the same of a price by values of properties, where each part has its own cost."""
    price, spread = _before_lift(item.price), item.price.spread
    if spread is None:
        return
    before = Derivation(ZERO, (), ())
    running = cells_of(usage.cells_by, ())
    for used in usage.windows:
        own = usage.cells[used.place]
        running = cells_of(own.by, (*running.cells, *own.cells))
        now = rate(running.quantity, price, cells=running)
        row = CostRow(
            item.name,
            ChargeKind.USAGE,
            item.meter,
            usage.unit,
            CostPart.USAGE,
            windows.windows[used.place],
            *_difference(now.amount, before.amount, currency),
            used.quantity,
        )
        if usage.groups is None:
            yield row
        else:
            costs = (
                costs_of_events(price, own, less(now.amount, before.amount), breakdown.properties)
                if price.is_of_events
                else costs_of_groups(spread, (own, running), now, before, breakdown.properties)
            )
            yield from rows_of_groups(row, costs, usage.groups[used.place], breakdown, currency)
        before = now
    lifted = rate(running.quantity, item.price, cells=running).amount
    if windows.bears_rest and lifted != before.amount:
        amount, exact = _difference(lifted, before.amount, currency)
        last = windows.windows[-1]
        yield CostRow(item.name, ChargeKind.USAGE, item.meter, usage.unit, CostPart.MINIMUM, last, amount, exact)


def _before_lift(price: Price) -> Price:
    """Return a price without its minimum, which is of the whole period, and of no window."""
    return replace(price, adjustments=tuple(each for each in price.adjustments if not isinstance(each, Minimum)))


def _difference(exact: Exact, exact_before: Exact, currency: Currency) -> tuple[Decimal, Exact]:
    """Return by how much the printed and the exact price rise."""
    with exact_arithmetic():
        printed = round_to_minor_unit(exact, currency) - round_to_minor_unit(exact_before, currency)
    return printed, less(exact, exact_before)


def _shared(
    row: CostRow, usage: MeterUsageOverTime, place: int, breakdown: Breakdown, currency: Currency
) -> Iterator[CostRow]:
    """Yield the rows of the groups of a window; and one of no group, where none has a quantity to share by."""
    by_narrowed: dict[Group, dict[Group, tuple[Decimal, Decimal]]] = {}
    for values, quantity in sorted((usage.groups or {}).get(place, {}).items()):
        counted = (quantity, usage.priced(place, values))
        by_narrowed.setdefault(breakdown.narrowed(values), {})[breakdown.group_of(values)] = counted
    with exact_arithmetic():
        weights = [sum((priced for _, priced in groups.values()), ZERO) for groups in by_narrowed.values()]
    if not any(weights):
        if row.amount:
            yield replace(row, quantity=ZERO)
        # So that the groups are told with their quantities, and cost nothing.
        row = replace(row, amount=round_to_minor_unit(ZERO, currency))
    # First those share that the filters tell apart, then the groups inside each: so a filter shows just what its
    # values have in the question that groups by them.
    parts: dict[Group, list[tuple[Decimal, Decimal]]] = {}
    shares = share(row.amount, weights, currency) if weights else []
    for (narrowed, groups), amount in zip(by_narrowed.items(), shares, strict=True):
        if breakdown.lets_pass(narrowed):
            amounts = share(amount, [priced for _, priced in groups.values()], currency)
            for (group, (quantity, _)), part in zip(groups.items(), amounts, strict=True):
                parts.setdefault(group, []).append((quantity, part))
    for group, found in sorted(parts.items()):
        with exact_arithmetic():
            quantity, amount = (sum(values, ZERO) for values in zip(*found, strict=True))
        is_known = usage.adds_up or len(found) == 1
        yield replace(row, group=group, quantity=quantity if is_known else None, amount=amount, exact_amount=None)
