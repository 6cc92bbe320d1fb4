"""Cost over time, by item or by property: every sum is that of the printed amounts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from chassis.errors import Reason
from chassis.errors.refused import Refused, refusals
from money import exact_arithmetic
from portal.domain.buckets import BUCKETS_MAX, after_days, aligned, check_window, cut, midnight, whole_days, zone_named
from portal.domain.cost import (
    Cost,
    CostAnswer,
    CostComparison,
    CostPart,
    CostQuestion,
    CostRow,
    CostSamePoint,
    CostSeries,
    EqualAmount,
)
from portal.domain.exploring import ExploredPeriod
from portal.domain.percents import change_from, price_of_one, share_of
from portal.domain.periods import ContractPeriod, as_many_before, filling
from portal.domain.series import OTHER_LABEL, Point, largest, on_buckets, rest_of, summed
from portal.domain.verdicts import Billed, places_of
from portal.domain.views import Span
from portal.operations.invoices import path_of
from portal.operations.moments import of_one_moment
from portal.operations.periods import found_in
from portal.operations.seldom import earlier_cost, periods_of

if TYPE_CHECKING:
    from portal.domain.choices import Choices
    from portal.domain.viewers import Viewer
    from portal.operations.deps import Deps

BY_ITEM: Final = "item"
_OTHER_GROUP: Final = "\x00"
"""Key of all groups that the meter does not tell apart: no property of an event has it."""


@dataclass(frozen=True, slots=True)
class CostChoices:
    """The choices of the cost explorer: as those of usage, and which items (none = all)."""

    choices: Choices
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """One of the billing periods that are looked at, with its own buckets."""

    period: ContractPeriod
    question: CostQuestion
    buckets: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class _Answers:
    """All that was asked at once."""

    costs: Sequence[CostAnswer]
    compare: CostComparison | None
    billed: Billed[EqualAmount] | None

    def line(self) -> EqualAmount | None:
        """Return the line with its verdict; None without one, and where events were counted in between."""
        return None if self.billed is None else self.billed.verdict(self.total(), self.costs[-1].freshness.as_of)

    def total(self) -> Decimal:
        """Return the sum of all printed amounts."""
        with exact_arithmetic():
            return sum((row.amount for answer in self.costs for row in answer.rows), Decimal(0))

    def agree(self) -> bool:
        """Whether the line, if there is one, was compared for good."""
        return self.billed is None or self.billed.is_settled(self.total(), self.costs[-1].freshness.as_of)


async def explore_cost(deps: Deps, viewer: Viewer, wanted: CostChoices) -> Cost:
    """Return the cost of one billing period, or of several after each other. Raises InvalidRequest and NotFound."""
    choices = wanted.choices
    periods = await periods_of(deps, viewer)
    with refusals():
        check_window(choices.window, viewer.profile.window_floor)
        _check_items(viewer, wanted.items)
        chosen = _chosen(deps, periods, choices)
        parts = _parts(chosen, wanted)
    zone = zone_named(chosen[-1].time_zone)
    buckets = tuple(bucket for part in parts for bucket in part.buckets)
    earlier = as_many_before(periods, chosen) if choices.compares else ()

    async def ask() -> _Answers:
        return _Answers(
            *await asyncio.gather(
                _costs(deps, parts),
                _comparison(deps, viewer, parts, earlier, wanted),
                _billed(deps, viewer, chosen, wanted),
            )
        )

    answers = await of_one_moment(ask, agrees=_Answers.agree)
    answer, compare = _as_one(answers.costs), answers.compare
    with exact_arithmetic():
        series = _series(viewer, answer.rows, buckets, choices.group_by)
        totals = summed([one.values for one in series], len(buckets))
        total = sum((one.total for one in series), Decimal(0))
        if compare is not None:
            reference = compare.same_point.total if compare.same_point else compare.total
            compare = compare.model_copy(update={"change": change_from(reference, total)})
        unit_prices = _unit_prices(answer, buckets, totals)
    return Cost(
        as_of=answer.freshness.as_of,
        complete_until=answer.freshness.complete_until,
        label="Cost",
        currency=answer.currency,
        period=_explored(chosen),
        time_zone=zone.key,
        window=choices.window,
        group_by=choices.group_by or None,
        items=wanted.items,
        meters=_meters(viewer, answer.rows),
        buckets=buckets,
        series=series,
        totals=totals,
        total=total,
        event_count=None,
        compare=compare,
        line=answers.line(),
        unit_prices=unit_prices,
        filled=answer.filled,
    )


def _chosen(deps: Deps, periods: Sequence[ContractPeriod], choices: Choices) -> tuple[ContractPeriod, ...]:
    """Return the periods that are looked at, the oldest first. Raises Refused and NotFound."""
    if not choices.is_by_days:
        return (found_in(periods, choices.billing_period, deps),)
    newest = max(periods, key=lambda one: one.start, default=None)
    zone = zone_named(newest.time_zone if newest else "")
    first, end = choices.days()
    found = filling(periods, midnight(first, zone), midnight(end, zone))
    if not found:
        text = "cost is told of whole billing periods; take the first day of one, and as `until` the day after the last"
        raise Refused("from", Reason.PERIOD_INVALID, text)
    return found


def _parts(periods: Sequence[ContractPeriod], wanted: CostChoices) -> tuple[_Part, ...]:
    """Return the periods with their buckets. Raises Refused for more than 1000 of them."""
    window = wanted.choices.window
    # A month is a period: its days may begin within a month of the calendar.
    is_whole = window == "month"
    parts = tuple(_part(period, wanted, is_whole=is_whole) for period in periods)
    if sum(len(part.buckets) for part in parts) > BUCKETS_MAX:
        text = f"the span has more than {BUCKETS_MAX} windows of a {window}; ask for a larger one or fewer periods"
        raise Refused("window", Reason.WINDOW_INVALID, text)
    return parts


def _part(period: ContractPeriod, wanted: CostChoices, *, is_whole: bool) -> _Part:
    by, window = wanted.choices.group_by, wanted.choices.window
    question = CostQuestion(
        contract=period.contract,
        billing_period=period.billing_period,
        window=None if is_whole else window,
        group_by=by if by not in {"", BY_ITEM} else None,
        filters=wanted.choices.filters,
        items=wanted.items,
    )
    whole = (Span(start=period.start, end=period.end),)
    buckets = whole if is_whole else cut(period.start, period.end, window, zone_named(period.time_zone))
    return _Part(period, question, buckets)


async def _costs(deps: Deps, parts: Sequence[_Part]) -> Sequence[CostAnswer]:
    return await asyncio.gather(*(deps.rating.cost(part.question) for part in parts))


def _as_one(answers: Sequence[CostAnswer]) -> CostAnswer:
    """Return the rows of all periods together: as fresh as the last of them, which may still move."""
    return replace(
        answers[-1],
        rows=[row for answer in answers for row in answer.rows],
        filled=all(answer.filled for answer in answers),
    )


def _explored(periods: Sequence[ContractPeriod]) -> ExploredPeriod:
    label = periods[0].name if len(periods) == 1 else None
    return ExploredPeriod(start=periods[0].start, end=periods[-1].end, billing_period=label)


def _check_items(viewer: Viewer, items: Sequence[str]) -> None:
    """Refuse items that the seller hides. Raises Refused."""
    for item in items:
        if not viewer.shows_item(item):
            raise Refused("item", Reason.FIELD_INVALID, f"there is no item {item!r} by itself; leave it out to see all")


def _series(viewer: Viewer, rows: Sequence[CostRow], buckets: Sequence[Span], group_by: str) -> tuple[CostSeries, ...]:
    """Return series that add up to all rows: the largest, the rest, and what comes from no group."""
    keyed: dict[str | None, list[CostRow]] = {}
    for row in rows:
        keyed.setdefault(_key(row, group_by), []).append(row)
    ungrouped = keyed.pop(None, [])
    values = on_buckets(
        [Point(row.start, str(key), row.amount) for key, found in keyed.items() for row in found], buckets
    )
    by_key = {str(key): sum((row.amount for row in found), Decimal(0)) for key, found in keyed.items()}
    whole = sum((row.amount for row in rows), Decimal(0))
    named = (key for key in by_key if key != _OTHER_GROUP and (group_by != BY_ITEM or viewer.shows_item(key)))
    keys = largest({key: by_key[key] for key in named})
    shown = tuple(_one(key, _label(viewer, group_by, key), values[key], by_key[key], whole) for key in keys)
    left = [by_key[key] for key in by_key if key not in keys]
    if left:
        everything = summed([values[key] for key in by_key], len(buckets))
        rest = rest_of(everything, [values[key] for key in keys])
        shown = (*shown, _one("", OTHER_LABEL, rest, sum(left, Decimal(0)), whole, is_other=True))
    if ungrouped:
        fixed = on_buckets([Point(row.start, "", row.amount) for row in ungrouped], buckets)[""]
        amount = sum((row.amount for row in ungrouped), Decimal(0))
        # Fees and minimums, which come from no group of usage.
        label = f"Not by {viewer.property_label(group_by)}"
        shown = (*shown, _one("", label, fixed, amount, whole))
    return shown


def _key(row: CostRow, group_by: str) -> str | None:
    """Return of which series a row is; None if of no group."""
    if not group_by:
        return ""
    if group_by == BY_ITEM:
        return row.item
    return _OTHER_GROUP if row.is_other_group else row.group


def _one(
    key: str, label: str, values: Sequence[Decimal | None], total: Decimal, whole: Decimal, *, is_other: bool = False
) -> CostSeries:
    share = share_of(total, whole)
    return CostSeries(key=key, label=label, is_other=is_other, values=tuple(values), total=total, share=share)


def _label(viewer: Viewer, group_by: str, key: str) -> str:
    if not group_by:
        return "Cost"
    return viewer.item_label(key) if group_by == BY_ITEM else viewer.value_label(group_by, key)


def _meters(viewer: Viewer, rows: Sequence[CostRow]) -> dict[str, str]:
    """Return the meter of each item, but for those that the seller hides."""
    return {row.item: row.meter for row in rows if row.meter and row.meter not in viewer.profile.hidden_meters}


def _unit_prices(
    answer: CostAnswer, buckets: Sequence[Span], totals: Sequence[Decimal | None]
) -> tuple[Decimal | None, ...]:
    """Return what one unit came to in each bucket, where one item is shown."""
    used = [row for row in answer.rows if row.part is CostPart.USAGE]
    used_up = [Point(row.start, "", row.quantity) for row in used if row.quantity is not None]
    if len({row.item for row in answer.rows}) != 1 or len(used_up) < len(used):
        return (None,) * len(buckets)
    quantities = on_buckets(used_up, buckets)
    units = quantities.get("", (None,) * len(buckets))
    return tuple(
        None if amount is None or not unit else price_of_one(amount, unit)
        for amount, unit in zip(totals, units, strict=True)
    )


async def _comparison(
    deps: Deps, viewer: Viewer, parts: Sequence[_Part], earlier: Sequence[ContractPeriod], wanted: CostChoices
) -> CostComparison | None:
    """Return as many periods before; its change is filled in by who knows the total."""
    last = parts[-1].period
    if not earlier:
        return None
    with refusals():
        before = _parts(earlier, wanted)
    # At most one of them runs; those before it are compared whole.
    now = deps.clock.now()
    place = next((place for place, part in enumerate(parts) if part.period.start <= now < part.period.end), None)
    answers, point = await asyncio.gather(
        asyncio.gather(*(earlier_cost(deps, viewer, replace(part.question, group_by=None)) for part in before)),
        _nothing() if place is None else _point_of(deps, viewer, parts[place], before[place]),
    )
    buckets = tuple(bucket for part in before for bucket in part.buckets)
    shown = tuple(bucket for part in parts for bucket in part.buckets)
    with exact_arithmetic():
        rows = _as_one(answers).rows
        return CostComparison(
            period=_explored(earlier),
            buckets=buckets,
            totals=on_buckets([Point(row.start, "", row.amount) for row in rows], buckets).get(
                "", (None,) * len(buckets)
            ),
            aligned=aligned(shown, buckets, wanted.choices.window, zone_named(last.time_zone)),
            total=sum((row.amount for row in rows), Decimal(0)),
            same_point=None if point is None else _same_point(before, answers, point),
            change=None,
        )


async def _point_of(deps: Deps, viewer: Viewer, part: _Part, before: _Part) -> CostAtSamePoint | None:
    question = replace(before.question, window=None, group_by=None)
    return await same_point_of(deps, viewer, part.period, before.period, question)


def _same_point(before: Sequence[_Part], answers: Sequence[CostAnswer], point: CostAtSamePoint) -> CostSamePoint:
    """Return what the periods before had cost when the one of `point` was there: those before that one, whole."""
    place = next(place for place, part in enumerate(before) if part.period == point.period)
    rows = [row for answer in answers[:place] for row in answer.rows]
    zone = zone_named(before[place].period.time_zone)
    days = point.days + whole_days(before[0].period.start, before[place].period.start, zone)
    return CostSamePoint(
        days=days, total=sum((row.amount for row in (*rows, *point.rows(answers[place].rows))), Decimal(0))
    )


async def _nothing() -> None:
    """Stand in for a question that is not asked."""


@dataclass(frozen=True, slots=True)
class CostAtSamePoint:
    """What the period before had cost after as many days as have passed of this one."""

    period: ContractPeriod
    """The period before."""
    days: int
    answer: CostAnswer | None
    """None where no day has passed."""

    def rows(self, whole: Sequence[CostRow]) -> Sequence[CostRow]:
        """Return what it cost, of rows of the whole period: where no day has passed, its fees."""
        return [row for row in whole if row.part is CostPart.FIXED] if self.answer is None else self.answer.rows


async def same_point_of(
    deps: Deps, viewer: Viewer, period: ContractPeriod, previous: ContractPeriod, question: CostQuestion
) -> CostAtSamePoint | None:
    """Return the period before as its draft was at the same point, while this one runs."""
    now = deps.clock.now()
    if not period.start <= now < period.end:
        return None
    zone = zone_named(period.time_zone)
    days = whole_days(period.start, now, zone)
    until = min(after_days(previous.start, days, zone_named(previous.time_zone)), previous.end)
    if until <= previous.start:
        return CostAtSamePoint(previous, 0, None)
    part = replace(
        question,
        window=None,
        until=until,
        as_draft=True,
        contract=previous.contract,
        billing_period=previous.billing_period,
    )
    return CostAtSamePoint(previous, days, await earlier_cost(deps, viewer, part))


async def _billed(
    deps: Deps, viewer: Viewer, periods: Sequence[ContractPeriod], wanted: CostChoices
) -> Billed[EqualAmount] | None:
    """Return the lines, or for all items the totals, that should be the same as what is shown, as one."""
    if wanted.choices.filters:
        return None
    # What is adjusted of other periods is no part of the picture, and credit pays for what this costs.
    asked = (deps.invoicing.preview(one.contract, one.billing_period, alone=True) for one in periods)
    invoices = await asyncio.gather(*asked)
    lines = [line for invoice in invoices for line in invoice.lines if line.kind not in {"adjustment", "credit"}]
    if wanted.items:
        lines = [line for line in lines if line.item in wanted.items]
    with exact_arithmetic():
        amount = sum((line.amount for line in lines), Decimal(0))
    name = viewer.item_label(lines[0].item) if len({line.item for line in lines}) == 1 else "Total"
    line = EqualAmount(quantity=amount, item=name, equals=False, href=path_of(invoices, periods))
    return Billed(line, places_of(invoices))
