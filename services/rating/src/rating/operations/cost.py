"""What a contract's period costs over time and by dimension, as usage is now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from chassis.errors import Conflict, InvalidRequest, Reason
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from chassis.side_by_side import each
from eventlog.as_of import AsOf
from money import currency
from rating.domain.cell_questions import CellQuestion
from rating.domain.cells import OTHER_VALUE
from rating.domain.charges import (
    MissingMeterError,
    NotByGroupError,
    NotToldApartError,
    Terms,
    Usage,
    check_meters,
)
from rating.domain.contracts import AskedPeriod
from rating.domain.cost import (
    AskedUsage,
    CostQuestion,
    CostRow,
    MeterUsageOverTime,
    UsageByWindow,
    chosen_items,
    cost_rows,
    counted_in_all,
    rows_of_all,
    usage_by_cells,
    usage_that_adds_up,
    usage_that_runs,
)
from rating.domain.cost_of_formula import check_not_by_groups
from rating.domain.cost_windows import CostWindows, cost_windows
from rating.operations.asking import select_period
from rating.operations.commitments import counted_in_full, find_committed_terms
from rating.operations.deps import Deps
from rating.operations.usage import not_priced, questions_of

# The aggregator answers each from its own database; more at once would only queue there.
_METERS_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class CostOfPeriod:
    """What a period costs; `as_of` is the part of the log that is counted in all rows."""

    rows: Sequence[CostRow]
    terms: Terms
    as_of: AsOf
    is_filled: bool


async def query_cost(deps: Deps, tenant: str, asked: AskedPeriod, question: CostQuestion) -> CostOfPeriod:
    """Return what a period costs over time and by group, by the terms of its live charges.

    Raises NotFound, InvalidRequest, TooBig, and Conflict if the log is restored meanwhile.
    """
    async with transaction(deps.engine) as conn:
        versions, period = await select_period(conn, tenant, asked, deps.clock.now())
        terms = await find_committed_terms(conn, tenant, versions, period)
    plan = terms.plan.content
    with refusals():
        windows = cost_windows(
            period, terms.time_zone, question.window_size, question.until, as_draft=question.as_draft
        )
        items = chosen_items(plan, question.items)
        check_not_by_groups(items, question.breakdown.properties)
    totals = await deps.aggregator.totals(terms.customer, windows.span)
    try:
        check_meters(items, totals.meters)
    except (MissingMeterError, NotByGroupError) as error:
        raise not_priced(error) from error
    usage = AskedUsage(terms.customer, windows.span, question.window_size, terms.time_zone)
    meters = list(dict.fromkeys(meter for item in items for meter in item.meters))
    told = await _ask_all(deps, usage, meters, totals, question, windows, terms)
    as_of = counted_in_all([answer.as_of for one in told for answer in one.answers] or [totals.as_of])
    if as_of is None:
        message = "the log of events was restored while cost was computed; call again"
        raise Conflict(Reason.TRANSACTION_CONFLICT, message)
    for item in items:
        one = told[meters.index(item.meter)] if item.price.by else None
        if one is not None and not one.are_told_apart:
            raise not_priced(NotToldApartError(item.name, item.meter))
    over_time = {meter: one.over_time(windows) for meter, one in zip(meters, told, strict=True)}
    # Thousands of rows would hold up every other call.
    rows = await asyncio.to_thread(
        cost_rows, items, over_time, windows, question.breakdown, currency(plan.currency), terms.share
    )
    if not question.items and not question.breakdown.filters:
        rows += rows_of_all(rows, await counted_in_full(deps, terms), windows, currency(plan.currency))
    return CostOfPeriod(rows, terms, as_of, all(answer.is_filled for one in told for answer in one.answers))


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
    deps: Deps,
    usage: AskedUsage,
    meters: Sequence[str],
    totals: Usage,
    question: CostQuestion,
    windows: CostWindows,
    terms: Terms,
) -> list[_Told]:
    """Ask for the usage of several meters side by side; the first failure ends all."""
    cells = questions_of(terms)

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
