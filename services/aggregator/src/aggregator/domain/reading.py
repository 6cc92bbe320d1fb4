"""Windows become the rows of an answer: chosen, brought under the windows and groups asked for, and put together."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.aggregations.aggregation import OfWindows
from aggregator.domain.aggregations.groups import OTHER_GROUP, group_key
from aggregator.domain.aggregations.over_time import Asked, OverTime
from aggregator.domain.columns import CodedTexts, no_texts, run_starts, sorting
from aggregator.domain.query import RowKey
from aggregator.domain.windows import merged, no_windows
from eventlog.instants import microseconds_of
from money import ZERO, exact_arithmetic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from aggregator.domain.formulas import Formula
    from aggregator.domain.query import Condition, MeterPlan, Projection, UsagePlan
    from aggregator.domain.windows import Windows
    from eventlog.period import Period

LEFT_OUT: Final = " "
"""Ends the names of groups that a question leaves out: no name of a group ends so, and their order stays."""


@dataclass(frozen=True, slots=True)
class CountedRow:
    """Windows of one meter, customer, window and group, put together."""

    key: RowKey
    quantity: Decimal
    event_count: int
    billable: Decimal | None = None
    """What is billed of it, where the meter rounds each event by itself."""
    is_other: bool = False
    """Whether it is the rest of what was asked for, which has neither customer nor group."""

    @property
    def is_other_group(self) -> bool:
        """Whether it is what the meter counts of all groups that it does not tell apart."""
        return self.key.group == OTHER_GROUP

    @property
    def group(self) -> tuple[str, ...]:
        """Values of the properties asked for; none if the group is that of all that are not told apart."""
        return () if self.is_other_group else _values_of(self.key.group)

    def values_of(self, group_by: Sequence[str]) -> tuple[str, ...]:
        """Return a value of each property asked for; empty where the group has none."""
        return self.group or ("",) * len(group_by)


@lru_cache(maxsize=4096)
def _values_of(group: str) -> tuple[str, ...]:
    return tuple(json.loads(group))


def billable_of(meter: MeterPlan, counted: CountedRow | None) -> Decimal | None:
    """Return what is billed of a whole quantity: zero where nothing happened, None where the meter rounds no events."""
    if counted is not None:
        return counted.billable
    return ZERO if any(map(_bills_events, meter.parts)) else None


def _bills_events(meter: MeterPlan) -> bool:
    if meter.rules.session_rounding is not None:
        return True
    return isinstance(meter.aggregation, OfWindows) and meter.aggregation.billable(no_windows()) is not None


def counted_rows(plan: UsagePlan, windows_of: Mapping[int, Sequence[Windows]]) -> Iterator[CountedRow]:
    """Yield what was planned, ordered by meter, customer, window, group; what has no events has no row.

    `windows_of` are windows by the keys of the versions of meters; more than was asked for may be among them.
    """
    for number, meter in enumerate(plan.meters):
        yield from rows_of(plan, number, asked_parts(plan, meter, windows_of))


def asked_parts(plan: UsagePlan, meter: MeterPlan, windows_of: Mapping[int, Sequence[Windows]]) -> tuple[Windows, ...]:
    """Return all that matters to what a plan asks of one of its meters, by what is read for it."""
    return told_apart_by_all([asked_windows(plan, part, windows_of) for part in meter.parts])


def told_apart_by_all(parts: Sequence[Windows]) -> tuple[Windows, ...]:
    """Return windows of several meters of which each group is told apart by all of them, or by none.

    What one has of a group in its group of all others would be missing beside what another one has of it.
    """
    if len(parts) == 1 or not any(OTHER_GROUP in part.groups.values for part in parts):
        return tuple(parts)
    pairs = [set(zip(part.customers.texts(), part.groups.texts(), strict=True)) for part in parts]
    hidden: set[tuple[str, str]] = set()
    for own in pairs:
        with_others = {customer for customer, group in own if group == OTHER_GROUP}
        hidden |= {pair for pair in set().union(*pairs) - own if pair[0] in with_others}
    return tuple(_hiding(part, hidden) for part in parts)


def _hiding(windows: Windows, hidden: AbstractSet[tuple[str, str]]) -> Windows:
    """Return windows with some groups of customers counted among the others."""
    pairs = zip(windows.customers.texts(), windows.groups.texts(), strict=True)
    names = [OTHER_GROUP if pair in hidden else pair[1] for pair in pairs]
    values = sorted(set(names))
    code_of = {name: code for code, name in enumerate(values)}
    codes = np.fromiter((code_of[name] for name in names), dtype=np.int64, count=len(names))
    return merged([replace(windows, groups=CodedTexts(values, codes))])


def asked_windows(plan: UsagePlan, meter: MeterPlan, windows_of: Mapping[int, Sequence[Windows]]) -> Windows:
    """Return all that matters to what a plan asks of one of its meters, put together.

    The starts are the numbers of the plan's windows; of an aggregation over time they are their own.
    """
    bring = _told_apart if isinstance(meter.aggregation, OverTime) else _as_asked
    asked = [
        bring(windows, plan, meter, projection)
        for projection in meter.projections
        for windows in windows_of.get(projection.meter_id, ())
    ]
    if plan.across_customers:
        asked = [replace(windows, customers=no_texts(len(windows))) for windows in asked]
    return _counted(merged(asked))


def rows_of(plan: UsagePlan, number: int, parts: Sequence[Windows]) -> Iterator[CountedRow]:
    """Yield the rows of a plan's meter, by customer, window and group, from windows as the plan asks for them."""
    meter = plan.meters[number]
    if meter.formula is not None:
        yield from _computed_rows(plan, number, meter.formula, parts)
        return
    (windows,), aggregation = parts, meter.aggregation
    if isinstance(aggregation, OverTime):
        yield from _rows_over_time(plan, number, aggregation, windows)
    elif isinstance(aggregation, OfWindows):
        yield from _rows(plan, number, aggregation, windows)


def _computed_rows(plan: UsagePlan, number: int, formula: Formula, parts: Sequence[Windows]) -> Iterator[CountedRow]:
    """Yield what a formula gives wherever one of the meters that it reads has something; the others are zero there."""
    read = replace(plan, meters=plan.meters[number].components)
    found: dict[tuple[str, int, str], dict[int, CountedRow]] = {}
    for place, windows in enumerate(parts):
        for row in rows_of(read, place, (windows,)):
            found.setdefault((row.key.customer, row.key.window_number, row.key.group), {})[place] = row
    so_far: dict[tuple[str, str], dict[int, CountedRow]] = {}
    bills_events = any(map(_bills_events, read.meters))
    for customer, window, group in sorted(found):
        own = found[customer, window, group]
        if plan.running:
            # What did not change in this window is still what it was.
            own = so_far[customer, group] = {**so_far.get((customer, group), {}), **own}
        key = RowKey(number, customer, window, group)
        yield CountedRow(
            key,
            formula.quantity([own[place].quantity if place in own else ZERO for place in range(len(parts))]),
            sum(row.event_count for row in own.values()),
            formula.quantity([_billed(own.get(place)) for place in range(len(parts))]) if bills_events else None,
        )


def _billed(row: CountedRow | None) -> Decimal:
    """Return what is billed of a row: its quantity, unless the meter rounds each event by itself."""
    if row is None:
        return ZERO
    return row.quantity if row.billable is None else row.billable


def by_customer(windows_of: Mapping[int, Sequence[Windows]]) -> Iterator[tuple[str, dict[int, Windows]]]:
    """Yield each customer with its windows, put together, by the keys of the versions of meters."""
    found: dict[str, dict[int, Windows]] = {}
    for meter_id, parts in windows_of.items():
        whole = merged(parts)
        firsts = run_starts(whole.customers.codes).tolist()
        # No window may be left: what was taken back altogether is nobody's.
        for first, end in zip(firsts, [*firsts[1:], len(whole)][: len(firsts)], strict=True):
            own = whole.part(first, end)
            found.setdefault(own.customers.values[0], {})[meter_id] = own
    yield from found.items()


def counted_in(period: Period, meter: MeterPlan, windows_of: Mapping[int, Windows]) -> Windows:
    """Return the windows that matter to a period, of one customer, all groups of the meter together."""
    own = [windows_of[one.meter_id] for one in meter.projections if one.meter_id in windows_of]
    reads = meter.reads(period)
    return _counted(merged([_with_groups(within(windows, reads, ()), lambda _: "[]") for windows in own]))


def quantity_in(period: Period, meter: MeterPlan, windows: Windows, now_us: int) -> tuple[Decimal, int] | None:
    """Return what the windows that matter to a period amount to in it, and their events; None if it has neither."""
    if isinstance(meter.aggregation, OverTime):
        row = next(meter.aggregation.rows(windows, meter.rules, asked_for((period,), meter, now_us)), None)
        return None if row is None else (row.quantity, row.event_count)
    if not isinstance(meter.aggregation, OfWindows) or not len(windows):
        return None
    whole = as_one(windows)
    return next(iter(meter.aggregation.quantities(whole))), int(whole.event_counts[0])


def asked_for(windows: Sequence[Period], meter: MeterPlan, now_us: int, *, running: bool = False) -> Asked:
    """Return windows that follow one another as an aggregation over time is asked for them."""
    bounds = [microseconds_of(window.start) for window in windows] + [microseconds_of(windows[-1].end)]
    return Asked(np.array(bounds, dtype=np.int64), now_us, meter.bucket_minutes * 60_000_000, running)


def flushes_behind(plan: UsagePlan, windows_of: Mapping[int, Sequence[Windows]]) -> set[int]:
    """Return the batches that touched the windows of a plan last."""
    found: set[int] = set()
    for meter in plan.parts:
        for projection in meter.projections:
            for windows in windows_of.get(projection.meter_id, ()):
                found.update(np.unique(within(windows, meter.reads(plan.period), plan.customers).flush_ids).tolist())
    return found


def as_one(windows: Windows) -> Windows:
    """Return windows of one customer and group as a single one."""
    return merged([replace(windows, starts_us=np.zeros(len(windows), dtype=np.int64))])


def of_customers(windows: Windows, from_customer: str, before_customer: str | None) -> Windows:
    """Return the windows of the customers from one on, and before another one if it is named."""
    values = windows.customers.values
    wanted = _table(values, lambda name: from_customer <= name and (before_customer is None or name < before_customer))
    return windows.take(wanted[windows.customers.codes])


def _counted(windows: Windows) -> Windows:
    """Leave out what is taken back altogether."""
    return windows.take(windows.event_counts > 0)


def _told_apart(windows: Windows, plan: UsagePlan, meter: MeterPlan, projection: Projection) -> Windows:
    """Return all windows that matter to a question, with their own starts, by its groups.

    What its conditions leave out is there too, under names that are no groups: a session may go on in another group.
    """
    chosen = within(windows, meter.reads(plan.period), plan.customers)

    def name(group: str) -> str:
        is_met = all(_is_met(group, condition, projection.meter_id) for condition in plan.conditions)
        named = group if projection.is_identity else _projected(group, projection.places)
        return named if is_met else named + LEFT_OUT

    return _with_groups(chosen, name)


def _as_asked(windows: Windows, plan: UsagePlan, meter: MeterPlan, projection: Projection) -> Windows:
    """Return the windows that a question is about, with the numbers of its windows as their starts, by its groups."""
    chosen = within(windows, plan.period, plan.customers)
    for condition in plan.conditions:
        chosen = chosen.take(_meets(chosen.groups, condition, projection.meter_id))
    starts_us = np.array([microseconds_of(window.start) for window in plan.windows], dtype=np.int64)
    numbered = replace(chosen, starts_us=np.searchsorted(starts_us, chosen.starts_us, side="right") - 1)
    if not meter.group_by:
        return _with_groups(numbered, lambda _: "[]")
    if projection.is_identity:
        return numbered
    return _with_groups(numbered, lambda group: _projected(group, projection.places))


def within(windows: Windows, period: Period, customers: Sequence[str]) -> Windows:
    """Return the windows of a period, and of some customers if any are named."""
    wanted = (windows.starts_us >= period.start_us) & (windows.starts_us < period.end_us)
    if customers and not frozenset(customers).issuperset(windows.customers.values):
        wanted &= _table(windows.customers.values, frozenset(customers).__contains__)[windows.customers.codes]
    return windows.take(wanted)


def _meets(groups: CodedTexts, condition: Condition, meter_id: int) -> NDArray[np.bool_]:
    place, values = dict(condition.places)[meter_id], frozenset(condition.values)
    return _table(groups.values, lambda group: group != OTHER_GROUP and json.loads(group)[place] in values)[
        groups.codes
    ]


def _is_met(group: str, condition: Condition, meter_id: int) -> bool:
    return group != OTHER_GROUP and json.loads(group)[dict(condition.places)[meter_id]] in condition.values


def _table(values: Sequence[str], is_wanted: Callable[[str], bool]) -> NDArray[np.bool_]:
    return np.fromiter((is_wanted(value) for value in values), dtype=np.bool_, count=len(values))


def _with_groups(windows: Windows, name: Callable[[str], str]) -> Windows:
    """Return windows by other groups, several of which may then be the same."""
    return replace(windows, groups=windows.groups.renamed([name(group) for group in windows.groups.values]))


def _projected(group: str, places: Sequence[int | None]) -> str:
    if group == OTHER_GROUP:
        # What its events are is not known, but that all of them are in the whole is.
        return group if places else group_key(())
    values = json.loads(group)
    return group_key(["" if place is None else values[place] for place in places])


def _rows_over_time(plan: UsagePlan, number: int, aggregation: OverTime, windows: Windows) -> Iterator[CountedRow]:
    meter = plan.meters[number]
    asked = asked_for(plan.windows, meter, plan.now_us, running=plan.running)
    customers, groups = windows.customers.values, windows.groups.values
    found = [
        CountedRow(
            RowKey(number, customers[row.customer], row.window, groups[row.group]),
            row.quantity,
            row.event_count,
            row.billable,
        )
        for row in aggregation.rows(windows, meter.rules, asked)
        if not groups[row.group].endswith(LEFT_OUT)
    ]
    yield from sorted(found, key=lambda row: (row.key.customer, row.key.window_number, row.key.group))


def _rows(plan: UsagePlan, number: int, aggregation: OfWindows, windows: Windows) -> Iterator[CountedRow]:
    if not len(windows):
        return
    billable: Sequence[Decimal | None] = aggregation.billable(windows) or [None] * len(windows)
    if plan.running:
        quantities, counts = _so_far(aggregation, windows)
        billable = _added_so_far(windows, billable)
    else:
        quantities, counts = list(aggregation.quantities(windows)), windows.event_counts.tolist()
    columns = (windows.customers.texts(), windows.starts_us.tolist(), windows.groups.texts())
    for customer, window, group, quantity, count, billed in zip(*columns, quantities, counts, billable, strict=True):
        yield CountedRow(RowKey(number, customer, window, group), quantity, count, billed)


def _added_so_far(windows: Windows, values: Sequence[Decimal | None]) -> list[Decimal | None]:
    """Add values, if there are any, up from the first window of each customer and group, by time, to each."""
    totals: dict[tuple[int, int], Decimal] = {}
    found: list[Decimal | None] = []
    with exact_arithmetic():
        series = zip(windows.customers.codes.tolist(), windows.groups.codes.tolist(), strict=True)
        for key, value in zip(series, values, strict=True):
            if value is not None:
                totals[key] = totals.get(key, ZERO) + value
            found.append(None if value is None else totals[key])
    return found


def _so_far(aggregation: OfWindows, windows: Windows) -> tuple[list[Decimal], list[int]]:
    """Return for each window the quantity and the events from the first window of its customer and group to it."""
    keys = windows.customers.codes * len(windows.groups.values) + windows.groups.codes
    order = sorting(keys, has_runs=True)
    firsts = run_starts(keys[order]).tolist()
    quantities: list[Decimal] = [Decimal(0)] * len(windows)
    counts = [0] * len(windows)
    for first, end in zip(firsts, [*firsts[1:], len(order)], strict=True):
        places = order[first:end]
        is_of_series = np.zeros(len(windows), dtype=np.bool_)
        is_of_series[places] = True
        series = windows.take(is_of_series)
        so_far = aggregation.quantities_so_far(series)
        for place, quantity, count in zip(
            np.sort(places).tolist(), so_far, np.cumsum(series.event_counts).tolist(), strict=True
        ):
            quantities[place], counts[place] = quantity, count
    return quantities, counts
