"""The first page: the bill so far, how it grew, and what changed against the period before."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from money import exact_arithmetic
from portal.domain.buckets import after_days, cut, whole_days, zone_named
from portal.domain.cost import CostAnswer, CostPart, CostQuestion
from portal.domain.exploring import ExploredPeriod
from portal.domain.line_names import item_of_line
from portal.domain.overview import (
    AmountAtSamePoint,
    Bill,
    Cumulative,
    IncludedUnits,
    LastInvoice,
    Overview,
    OverviewItem,
    Waterfall,
    WaterfallEnd,
    WaterfallStep,
)
from portal.domain.percents import change_from
from portal.domain.periods import ContractPeriod, before
from portal.domain.series import OTHER_LABEL
from portal.operations.cost import CostAtSamePoint, same_point_of
from portal.operations.moments import of_one_moment
from portal.operations.periods import found_in
from portal.operations.seldom import earlier_cost, periods_of, price_list_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portal.domain.invoices import Invoice, Line, ListedInvoice
    from portal.domain.plans import PlanPage
    from portal.domain.viewers import Viewer
    from portal.domain.views import Span
    from portal.operations.deps import Deps

ADJUSTMENTS: Final = "Adjustments"


async def get_overview(deps: Deps, viewer: Viewer, billing_period: str) -> Overview:
    """Return the first page of a period, by default the newest that has begun. Raises NotFound."""
    periods = await periods_of(deps, viewer)
    period = found_in(periods, billing_period, deps)
    previous = before(periods, period)
    (bill, cost), earlier, plan, last = await asyncio.gather(
        of_one_moment(lambda: _bill_and_growth(deps, period), agrees=_are_alike),
        _earlier(deps, viewer, period, previous),
        price_list_of(deps, viewer, period),
        deps.invoicing.invoices(viewer.customer, "", 1),
    )
    with exact_arithmetic():
        start = None if earlier is None else _by_item(earlier.in_one, earlier.at_same_point)
        at_same_point = None if earlier is None else earlier.at_same_point
        return Overview(
            as_of=bill.as_of,
            complete_until=bill.complete_until,
            period=ExploredPeriod(start=period.start, end=period.end, billing_period=period.name),
            time_zone=period.time_zone,
            bill_so_far=Bill(amount=bill.total, currency=bill.currency, final=bill.status == "final"),
            same_point=_same_point(bill, start, at_same_point),
            last_invoice=_last(last.invoices),
            cumulative=_cumulative(deps, period, cost, previous, None if earlier is None else earlier.by_day),
            waterfall=None
            if start is None or previous is None
            else _waterfall(viewer, bill, start, previous, at_same_point),
            items=_items(viewer, bill),
            included=_included(viewer, plan, bill),
            adjustments=_adjustments(bill),
        )


async def _bill_and_growth(deps: Deps, period: ContractPeriod) -> tuple[Invoice, CostAnswer]:
    """Return the bill, and the days by which it grew."""
    return await asyncio.gather(
        deps.invoicing.preview(period.contract, period.billing_period), deps.rating.cost(_until_today(deps, period))
    )


def _are_alike(answers: tuple[Invoice, CostAnswer]) -> bool:
    """Whether the days come to the bill, as they do unless events were counted in between.

    Those of one that is final need not, nor of one with fees of the period that follows.
    """
    bill, cost = answers
    with exact_arithmetic():
        grown = sum((row.amount for row in cost.rows), Decimal(0))
        is_equal = grown == bill.total - _adjustments(bill)
    bills_ahead = any(line.period.start >= bill.period.end for line in bill.lines)
    return is_equal or bills_ahead or bill.status == "final"


@dataclass(frozen=True, slots=True)
class _Earlier:
    """The cost of the period before: by day, in one window, and in one window up to the same point."""

    by_day: CostAnswer
    in_one: CostAnswer
    at_same_point: CostAtSamePoint | None
    """None where this period does not run."""


async def _earlier(
    deps: Deps, viewer: Viewer, period: ContractPeriod, previous: ContractPeriod | None
) -> _Earlier | None:
    if previous is None:
        return None
    by_day = _by_day(previous)
    return _Earlier(
        *await asyncio.gather(
            earlier_cost(deps, viewer, by_day),
            earlier_cost(deps, viewer, replace(by_day, window=None)),
            same_point_of(deps, viewer, period, previous, by_day),
        )
    )


def _by_day(period: ContractPeriod) -> CostQuestion:
    return CostQuestion(contract=period.contract, billing_period=period.billing_period, window="day")


def _until_today(deps: Deps, period: ContractPeriod) -> CostQuestion:
    """Return the question for the days of a period up to this one, which together are its draft."""
    now = deps.clock.now()
    if not period.start <= now < period.end:
        return _by_day(period)
    zone = zone_named(period.time_zone)
    tomorrow = after_days(period.start, whole_days(period.start, now, zone) + 1, zone)
    return replace(_by_day(period), until=min(tomorrow, period.end), as_draft=True)


class _Before:
    """What an item had come to: its amount, its quantity, and its unit."""

    def __init__(self) -> None:
        self.amount = Decimal(0)
        self.quantity = Decimal(0)
        self.unit = ""
        self.parts: set[str] = set()

    @property
    def is_usage(self) -> bool:
        """Whether it has a quantity."""
        return len(self.parts) == 1

    @property
    def is_in_parts(self) -> bool:
        """Whether it was charged by parts of the period, whose quantities need not add up."""
        return len(self.parts) > 1


def _by_item(whole: CostAnswer, at_same_point: CostAtSamePoint | None) -> Mapping[str, _Before]:
    """Return what each item of the period before had come to, at the same point where this period still runs.

    Both answers have one window: the quantities of days would not add up for all meters. Where no day has passed, there
    are only the fees, which are there in full from the first day on, as they are on a draft.
    """
    found: dict[str, _Before] = {item_of_line(row.item): _Before() for row in whole.rows}
    for row in whole.rows if at_same_point is None else at_same_point.rows(whole.rows):
        before = found[item_of_line(row.item)]
        before.amount += row.amount
        if row.part is CostPart.USAGE:
            before.quantity += row.quantity or Decimal(0)
            before.unit = row.unit
            before.parts.add(row.item)
    return found


def _same_point(
    bill: Invoice, start: Mapping[str, _Before] | None, at_same_point: CostAtSamePoint | None
) -> AmountAtSamePoint | None:
    if start is None or at_same_point is None:
        return None
    amount = sum((item.amount for item in start.values()), Decimal(0))
    now = bill.total - _adjustments(bill)
    return AmountAtSamePoint(amount=amount, days=at_same_point.days, change=change_from(amount, now))


def _last(invoices: Sequence[ListedInvoice]) -> LastInvoice | None:
    if not invoices:
        return None
    newest = invoices[0].summary
    return LastInvoice(
        number=newest.number, total=newest.total, currency=newest.currency, billing_period=newest.billing_period
    )


def _cumulative(
    deps: Deps,
    period: ContractPeriod,
    cost: CostAnswer,
    previous: ContractPeriod | None,
    earlier: CostAnswer | None,
) -> Cumulative:
    buckets = cut(period.start, period.end, "day", zone_named(period.time_zone))
    now = deps.clock.now()
    past = [bucket for bucket in buckets if bucket.start <= now]
    amounts = _grown(cost, past)
    grown: Sequence[Decimal] = ()
    if previous is not None and earlier is not None:
        grown = _grown(earlier, cut(previous.start, previous.end, "day", zone_named(previous.time_zone)))
    return Cumulative(
        buckets=buckets,
        amounts=(*amounts, *(None for _ in buckets[len(amounts) :])),
        previous=tuple(grown[place] if place < len(grown) else None for place in range(len(buckets))),
    )


def _grown(answer: CostAnswer, buckets: Sequence[Span]) -> list[Decimal]:
    """Return what all rows came to by the end of each bucket. Fees are there in full from the first one on."""
    added: dict[object, Decimal] = {}
    for row in answer.rows:
        start = answer.start if row.part is CostPart.FIXED else row.start
        added[start] = added.get(start, Decimal(0)) + row.amount
    reached, found = Decimal(0), []
    for bucket in buckets:
        reached += added.get(bucket.start, Decimal(0))
        found.append(reached)
    return found


def _waterfall(
    viewer: Viewer,
    bill: Invoice,
    start: Mapping[str, _Before],
    previous: ContractPeriod,
    at_same_point: CostAtSamePoint | None,
) -> Waterfall:
    """Return what each item adds, in the order of the bill; items that are gone come after, adjustments last."""
    lines: dict[str, list[Line]] = {}
    for line in bill.lines:
        if line.kind != "adjustment":
            lines.setdefault(item_of_line(line.item), []).append(line)
    items = [*lines, *(item for item in start if item not in lines)]
    every = [_step(viewer, item, lines.get(item, ()), start.get(item)) for item in items]
    steps = [step for step in every if viewer.shows_item(step.item)]
    if len(steps) < len(every):
        hidden = sum((step.amount for step in every if not viewer.shows_item(step.item)), Decimal(0))
        steps.append(
            WaterfallStep(
                item=OTHER_LABEL, label=OTHER_LABEL, amount=hidden, quantity_before=None, quantity=None, unit=""
            )
        )
    adjustments = _adjustments(bill)
    if adjustments:
        steps.append(
            WaterfallStep(item="", label=ADJUSTMENTS, amount=adjustments, quantity_before=None, quantity=None, unit="")
        )
    label = previous.billing_period
    if at_same_point is not None:
        label = f"{label}, first {at_same_point.days} days"
    return Waterfall(
        start=WaterfallEnd(label=label, amount=sum((item.amount for item in start.values()), Decimal(0))),
        steps=tuple(step for step in steps if step.amount),
        end=WaterfallEnd(label=bill.billing_period, amount=bill.total),
    )


def _step(viewer: Viewer, item: str, lines: Sequence[Line], was: _Before | None) -> WaterfallStep:
    """Return what an item adds; its lines are one, but for parts of a period and what is billed in advance."""
    now = sum((line.amount for line in lines), Decimal(0))
    line = lines[0] if len(lines) == 1 else None
    is_usage = (line is not None and line.kind == "usage") or (was is not None and was.is_usage)
    return WaterfallStep(
        item=item,
        label=viewer.item_label(item),
        amount=now - (Decimal(0) if was is None else was.amount),
        quantity_before=was.quantity if was is not None and is_usage and not was.is_in_parts else None,
        quantity=line.quantity if line is not None and is_usage else None,
        unit=line.unit if line is not None else "" if was is None else was.unit,
    )


def _items(viewer: Viewer, bill: Invoice) -> tuple[OverviewItem, ...]:
    """Return what the bill is made of; items that the seller hides are one."""
    lines = [line for line in bill.lines if line.kind != "adjustment"]
    shown = tuple(_item(viewer, line) for line in lines if viewer.shows_item(line.item))
    if len(shown) == len(lines):
        return shown
    hidden = sum((line.amount for line in lines if not viewer.shows_item(line.item)), Decimal(0))
    other = OverviewItem(item=OTHER_LABEL, label=OTHER_LABEL, amount=hidden, quantity=Decimal(0), unit="", line_id="")
    return (*shown, other)


def _item(viewer: Viewer, line: Line) -> OverviewItem:
    return OverviewItem(
        item=line.item,
        label=viewer.item_label(line.item),
        amount=line.amount,
        quantity=line.quantity,
        unit=line.unit,
        line_id=line.id,
    )


def _included(viewer: Viewer, plan: PlanPage, bill: Invoice) -> tuple[IncludedUnits, ...]:
    """Return the items with included units, with how many of them are left."""
    used = {line.item: line.quantity for line in bill.lines if line.kind == "usage"}
    return tuple(
        IncludedUnits(
            item=item.item,
            label=viewer.item_label(item.item),
            unit=item.unit,
            included=item.included,
            used=used.get(item.item, Decimal(0)),
            left=max(Decimal(0), item.included - used.get(item.item, Decimal(0))),
        )
        for item in plan.items
        # A line has the metered quantity, of which included units in another unit can't be taken off.
        if item.included and not item.is_converted and viewer.shows_item(item.item)
    )


def _adjustments(bill: Invoice) -> Decimal:
    return sum((line.amount for line in bill.lines if line.kind == "adjustment"), Decimal(0))
