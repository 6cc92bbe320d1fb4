"""What a contract's period costs over time and by dimension, as usage is now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from chassis.errors import Conflict, InvalidRequest, Reason, invalid_field
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from chassis.side_by_side import each
from eventlog.as_of import AsOf
from money import currency
from rating.domain.cell_questions import CellQuestion
from rating.domain.cells import OTHER_VALUE
from rating.domain.charges import Terms, Usage
from rating.domain.contracts import AskedPeriod
from rating.domain.cost import (
    AskedUsage,
    CostQuestion,
    CostRow,
    MeterUsageOverTime,
    UsageByWindow,
    cost_rows,
    counted_in_all,
    rows_of_all,
    usage_by_cells,
    usage_that_adds_up,
    usage_that_runs,
)
from rating.domain.cost_of_formula import check_not_by_groups
from rating.domain.cost_slices import CostSlice, cost_slices
from rating.domain.cost_windows import CostWindows, cost_windows
from rating.domain.plans import PlanItem
from rating.domain.unpriced import MissingMeterError, NotByGroupError, NotToldApartError, check_bands, check_meters
from rating.operations.asking import select_period
from rating.operations.commitments import counted_in_full, find_committed_terms
from rating.operations.deps import Deps
from rating.operations.usage import not_priced, questions_of

# The aggregator answers each from its own database; more at once would only queue there.
_METERS_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class CostOfPeriod:
    """What a period costs; `as_of` is the part of the log that is counted in all rows.

    `is_other_left_out` says that filters left out groups which a meter counts as one.
    """

    rows: Sequence[CostRow]
    terms: Terms
    as_of: AsOf
    is_filled: bool
    is_other_left_out: bool = False


async def query_cost(deps: Deps, tenant: str, asked: AskedPeriod, question: CostQuestion) -> CostOfPeriod:
    """Return what a period costs over time and by group, by the terms of its live charges.

    Raises NotFound, InvalidRequest, TooBig, and Conflict if the log is restored meanwhile.
    """
    async with transaction(deps.engine) as conn:
        versions, period = await select_period(conn, tenant, asked, deps.clock.now())
        terms = await find_committed_terms(conn, tenant, versions, period)
    plan = terms.closing_plan.content
    with refusals():
        windows = cost_windows(
            period, terms.time_zone, question.window_size, question.until, as_draft=question.as_draft
        )
        slices = cost_slices(terms, question, windows)
        items = [item for one in slices for item in one.items]
        check_not_by_groups(items, question.breakdown.properties)
    totals = await deps.aggregator.totals(terms.customer, windows.span)
    try:
        check_meters(items, totals.meters)
    except (MissingMeterError, NotByGroupError) as error:
        raise not_priced(error) from error
    costs = [await _cost_of(deps, terms, one, question, totals) for one in slices]
    told = [one for _, found in costs for one in found]
    if question.breakdown.filters and told and not any(one.is_grouped for one in told):
        named = ", ".join(question.breakdown.properties)
        message = f"no item that is asked for has a meter that groups by {named}; `meterline get meters` shows by what"
        raise invalid_field("filters", Reason.GROUP_UNKNOWN, message)
    answers = [answer for one in told for answer in one.answers]
    as_of = counted_in_all([answer.as_of for answer in answers] or [totals.as_of])
    if as_of is None:
        message = "the log of events was restored while cost was computed; call again"
        raise Conflict(Reason.TRANSACTION_CONFLICT, message)
    rows = [row for found, _ in costs for row in found]
    if not question.items and not question.breakdown.filters:
        rows += rows_of_all(rows, await counted_in_full(deps, terms), windows, currency(plan.currency))
    is_other_left_out = bool(question.breakdown.filters) and not all(one.are_told_apart for one in told)
    return CostOfPeriod(rows, terms, as_of, all(answer.is_filled for answer in answers), is_other_left_out)


async def _cost_of(
    deps: Deps, terms: Terms, one: CostSlice, question: CostQuestion, totals: Usage
) -> tuple[list[CostRow], list[_Told]]:
    """Return what the items of a slice cost, and what the aggregator told of their usage."""
    meters = list(dict.fromkeys(meter for item in one.items for meter in item.meters))
    told: list[_Told] = []
    if one.has_begun:
        told = await _ask_all(deps, meters, totals, question, terms, one)
        for item in one.items:
            of_meter = told[meters.index(item.meter)] if item.price.by else None
            if of_meter is not None and not of_meter.are_told_apart:
                raise not_priced(NotToldApartError(item.name, item.meter))
        over_time = {meter: each_told.over_time(one.windows) for meter, each_told in zip(meters, told, strict=True)}
        for item in one.items:
            if item.price.is_of_events:
                _check_bands(item, over_time[item.meter])
    else:
        cells = questions_of(terms, one.part)
        over_time = {
            meter: MeterUsageOverTime(
                totals.meters[meter].unit, (), None, adds_up=True, cells_by=cells[meter].by if meter in cells else ()
            )
            for meter in meters
        }
    unit = currency(terms.plan.content.currency)
    # Thousands of rows would hold up every other call.
    rows = await asyncio.to_thread(cost_rows, one.items, over_time, one.windows, question.breakdown, unit, one.share)
    return rows, told


def _check_bands(item: PlanItem, usage: MeterUsageOverTime) -> None:
    try:
        for cells in usage.cells.values():
            check_bands(item, cells)
    except NotByGroupError as error:
        raise not_priced(error) from error


@dataclass(frozen=True, slots=True)
class _Told:
    """What the aggregator told of a meter: by groups, if it has them, and `running` where windows don't add up.

    `cells` says how windows are told apart where a price goes by values of properties; `asked` has those of them that
    were asked for.
    """

    by_window: UsageByWindow | None
    running: UsageByWindow | None
    is_grouped: bool
    cells: CellQuestion | None = None
    asked: tuple[str, ...] = ()

    @property
    def are_told_apart(self) -> bool:
        return not any(OTHER_VALUE in row.group for answer in self.answers for row in answer.rows)

    @property
    def answers(self) -> list[UsageByWindow]:
        return [answer for answer in (self.by_window, self.running) if answer is not None]

    def over_time(self, windows: CostWindows) -> MeterUsageOverTime:
        if self.running is not None:
            return usage_that_runs(self.running, self.by_window, windows)
        (by_window,) = self.answers
        if self.cells is not None:
            return usage_by_cells(by_window, windows, self.cells, self.asked)
        return usage_that_adds_up(by_window, windows, is_grouped=self.is_grouped)


async def _ask_all(
    deps: Deps, meters: Sequence[str], totals: Usage, question: CostQuestion, terms: Terms, one: CostSlice
) -> list[_Told]:
    """Ask for the usage of several meters side by side; the first failure ends all."""
    windows, cells = one.windows, questions_of(terms, one.part)
    usage = AskedUsage(terms.customer, windows.span, question.window_size, terms.time_zone)

    async def ask(meter: str) -> _Told:
        if meter in cells:
            return await _ask_cells(deps, usage, meter, question, windows, cells[meter])
        return await _ask(deps, usage, meter, question, adds_up=totals.meters[meter].adds_up)

    return await each(ask, meters, _METERS_AT_ONCE)


async def _ask(deps: Deps, usage: AskedUsage, meter: str, question: CostQuestion, *, adds_up: bool) -> _Told:
    properties = question.breakdown.properties
    grouped = await _ask_grouped(deps, usage, meter, properties, must=bool(question.items)) if properties else None
    if not adds_up:
        running = await deps.aggregator.usage_by_window(usage, meter, running=True)
        return _Told(grouped, running, grouped is not None)
    by_window = grouped or await deps.aggregator.usage_by_window(usage, meter)
    return _Told(by_window, None, grouped is not None)


async def _ask_cells(
    deps: Deps, usage: AskedUsage, meter: str, question: CostQuestion, windows: CostWindows, cells: CellQuestion
) -> _Told:
    """Ask for the usage of a meter whose price goes by values of properties."""
    asked = question.breakdown.properties
    wider = cells.extended(asked)
    bounds = windows.cut_at(cells.bounds) if cells.bounds else ()
    if asked:
        told = await _ask_grouped(deps, usage, meter, wider.group_by, must=bool(question.items), bounds=bounds)
        if told is not None:
            return _Told(told, None, is_grouped=True, cells=wider, asked=asked)
    told = await deps.aggregator.usage_by_window(usage, meter, group_by=cells.group_by, bounds=bounds)
    return _Told(told, None, is_grouped=False, cells=cells)


async def _ask_grouped(
    deps: Deps,
    usage: AskedUsage,
    meter: str,
    properties: Sequence[str],
    *,
    must: bool,
    bounds: Sequence[datetime] = (),
) -> UsageByWindow | None:
    """Return usage by properties; None for a meter that does not group by them, unless it `must`."""
    try:
        return await deps.aggregator.usage_by_window(usage, meter, group_by=properties, bounds=bounds)
    except InvalidRequest as error:
        if must or error.reason is not Reason.GROUP_UNKNOWN:
            raise
        return None
