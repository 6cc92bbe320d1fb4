"""Usage of one meter over time, added up and compared."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from chassis.errors import Reason
from chassis.errors.refused import Refused, refusals
from money import exact_arithmetic
from portal.domain.buckets import aligned, check_window, cut, midnight, same_point, zone_named
from portal.domain.exploring import Comparison, EqualLine, ExploredPeriod, SamePoint, Series
from portal.domain.meters import ADDITIVE, Meter
from portal.domain.percents import change_from
from portal.domain.periods import ContractPeriod, as_many_before, before, filling
from portal.domain.series import Point, largest, on_buckets, other, rest_of, series_of
from portal.domain.usage import Usage, UsageAnswer, UsageQuestion
from portal.domain.verdicts import Billed, places_of
from portal.domain.views import Span
from portal.operations.invoices import path_of
from portal.operations.meters import meter_named
from portal.operations.moments import of_one_moment
from portal.operations.periods import found_in
from portal.operations.seldom import earlier_usage, periods_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from portal.domain.choices import Choices
    from portal.domain.exploring import Window
    from portal.domain.invoices import Invoice, Line
    from portal.domain.viewers import Viewer
    from portal.operations.deps import Deps

    _Ask = Callable[[UsageQuestion], Awaitable[UsageAnswer]]


@dataclass(frozen=True, slots=True)
class ChosenUsage:
    """What is looked at: the span with its buckets, and the span before."""

    meter: Meter
    question: UsageQuestion
    period: ExploredPeriod
    zone: ZoneInfo
    contract_periods: Sequence[ContractPeriod]
    """The billing periods that fill it; none if it is no whole number of them."""
    previous: ExploredPeriod | None
    earlier_periods: Sequence[ContractPeriod] = ()
    """The billing periods that fill the span before."""

    @property
    def spans(self) -> tuple[Span, ...]:
        """The billing periods one by one, or else the span as a whole."""
        return _spans(self.contract_periods, self.period)

    @property
    def earlier_spans(self) -> tuple[Span, ...]:
        """The same of the span before, if there is one."""
        return () if self.previous is None else _spans(self.earlier_periods, self.previous)


@dataclass(frozen=True, slots=True)
class _Counted:
    """What was counted: bucket by bucket, over the whole span, and by the largest groups where they are asked for."""

    windows: UsageAnswer
    whole: UsageAnswer
    groups: _Groups | None


@dataclass(frozen=True, slots=True)
class _Answers:
    """All that was asked at once."""

    counted: _Counted
    compare: Comparison | None
    billed: Billed[EqualLine] | None

    @property
    def windows(self) -> UsageAnswer:
        """What was counted bucket by bucket."""
        return self.counted.windows

    @property
    def whole(self) -> UsageAnswer:
        """What was counted over the whole span."""
        return self.counted.whole

    @property
    def groups(self) -> _Groups | None:
        """The largest groups."""
        return self.counted.groups

    def total(self) -> Decimal:
        """Return the quantity of the whole span."""
        with exact_arithmetic():
            return sum((row.quantity for row in self.whole.rows), Decimal(0))

    def billed_total(self) -> Decimal | None:
        """Return what is billed of the whole span; None where that is the quantity itself."""
        billed = [row.billable for row in self.whole.rows if row.billable is not None]
        with exact_arithmetic():
            return sum(billed, Decimal(0)) if billed else None

    def events_read(self) -> int:
        """Return how many events of the log one of the questions had to read, at most."""
        by_groups = self.groups.wholes.events_read if self.groups else 0
        return max(self.whole.events_read, by_groups)

    def line(self) -> EqualLine | None:
        """Return the line with its verdict; None without one, and where events were counted in between."""
        return None if self.billed is None else self.billed.verdict(self.total(), self.whole.freshness.as_of)

    def agree(self) -> bool:
        """Whether the line, if there is one, was compared for good."""
        return self.billed is None or self.billed.is_settled(self.total(), self.whole.freshness.as_of)

    def are_of_one_moment(self) -> bool:
        """Whether they reflect the same part of the log, so that their numbers agree to the last digit."""
        answers = [self.windows, self.whole, *((self.groups.wholes, self.groups.windows) if self.groups else ())]
        return len({answer.freshness.as_of for answer in answers}) == 1


@dataclass(frozen=True, slots=True)
class _Groups:
    """The largest groups: over the whole span, and bucket by bucket."""

    keys: Sequence[str]
    wholes: UsageAnswer
    windows: UsageAnswer


async def explore_usage(deps: Deps, viewer: Viewer, name: str, choices: Choices) -> Usage:
    """Return usage of one meter. Raises InvalidRequest and NotFound."""
    chosen = await chosen_usage(deps, viewer, name, choices)
    meter = chosen.meter
    with refusals():
        buckets = _buckets(chosen.contract_periods, chosen.period, choices.window, chosen.zone)
    answers = await _asked(deps, viewer, chosen, choices)
    with exact_arithmetic():
        totals = on_buckets(_points(answers.windows), buckets).get("", (None,) * len(buckets))
        total = answers.total()
        return Usage(
            as_of=answers.windows.freshness.as_of,
            complete_until=answers.windows.freshness.complete_until,
            meter=meter.name,
            label=meter.label,
            unit=meter.unit,
            period=chosen.period,
            time_zone=chosen.zone.key,
            window=choices.window,
            group_by=choices.group_by or None,
            buckets=buckets,
            series=_series(viewer, chosen, choices, answers.groups, buckets, totals, total),
            totals=totals,
            total=total,
            event_count=sum(row.event_count for row in answers.whole.rows),
            compare=_with_change(answers.compare, total),
            billed_total=answers.billed_total(),
            events_read=answers.events_read(),
            line=answers.line(),
            filled=answers.windows.filled and answers.whole.filled,
        )


async def chosen_usage(deps: Deps, viewer: Viewer, name: str, choices: Choices) -> ChosenUsage:
    """Return what is looked at, if it may be. Raises InvalidRequest and NotFound."""
    meter, periods = await asyncio.gather(meter_named(deps, viewer, name), periods_of(deps, viewer))
    with refusals():
        check_window(choices.window, viewer.profile.window_floor)
        _check_properties(viewer, meter, choices)
        return _chosen(deps, meter, periods, choices)


async def _asked(deps: Deps, viewer: Viewer, chosen: ChosenUsage, choices: Choices) -> _Answers:
    """Ask all at once; again if something was counted in between, so that what is added up is of one moment."""
    ask_usage = partial(deps.aggregator.usage, viewer.customer)

    async def ask() -> _Answers:
        return _Answers(
            *await asyncio.gather(
                _counted(ask_usage, chosen, choices.group_by),
                _comparison(deps, viewer, chosen) if choices.compares else _nothing(),
                _billed(deps, viewer, chosen) if _may_equal_a_line(chosen, choices) else _nothing(),
            )
        )

    return await of_one_moment(ask, agrees=_Answers.agree, holds=_Answers.are_of_one_moment)


def _with_change(compare: Comparison | None, total: Decimal) -> Comparison | None:
    if compare is None:
        return None
    reference = compare.same_point.total if compare.same_point else compare.total
    return compare.model_copy(update={"change": change_from(reference, total)})


def _check_properties(viewer: Viewer, meter: Meter, choices: Choices) -> None:
    """Refuse properties by which the meter's usage can't be looked at here. Raises Refused."""

    def may_ask_by(name: str) -> bool:
        return name in meter.group_by or (meter.any_property and viewer.shows_property(name))

    allowed = ", ".join(meter.group_by) or "none"
    if choices.group_by and not may_ask_by(choices.group_by):
        text = f"{choices.group_by!r} is no property of {meter.name} to group by; it has: {allowed}"
        raise Refused("groupBy", Reason.GROUP_UNKNOWN, text)
    for name in choices.filters:
        if not may_ask_by(name):
            text = f"{name!r} is no property of {meter.name} to filter by; it has: {allowed}"
            raise Refused("filter", Reason.GROUP_UNKNOWN, text)


def _chosen(deps: Deps, meter: Meter, periods: Sequence[ContractPeriod], choices: Choices) -> ChosenUsage:
    """Return what is looked at. Raises Refused and NotFound."""
    if choices.is_by_days:
        newest = max(periods, key=lambda one: one.start, default=None)
        zone = zone_named(newest.time_zone if newest else "")
        first, end = choices.days()
        period = _by_days(first, end, zone)
        whole = filling(periods, period.start, period.end)
        earlier = as_many_before(periods, whole) if whole else ()
        previous = _as_one(earlier) if earlier else _days_before(first, end, zone)
        return ChosenUsage(meter, _question(meter, period, zone, choices), period, zone, whole, previous, earlier)
    found = found_in(periods, choices.billing_period, deps)
    zone = zone_named(found.time_zone)
    period, one_before = _as_explored(found), before(periods, found)
    question = _question(meter, period, zone, choices)
    if one_before is None:
        return ChosenUsage(meter, question, period, zone, (found,), None)
    return ChosenUsage(meter, question, period, zone, (found,), _as_explored(one_before), (one_before,))


def _spans(periods: Sequence[ContractPeriod], whole: Span) -> tuple[Span, ...]:
    return tuple(Span(start=one.start, end=one.end) for one in periods) or (whole,)


def _buckets(periods: Sequence[ContractPeriod], whole: Span, window: Window, zone: ZoneInfo) -> tuple[Span, ...]:
    """Return the buckets of a span; months of the billing periods that fill it are these. Raises Refused."""
    if window == "month" and periods:
        return _spans(periods, whole)
    return cut(whole.start, whole.end, window, zone)


async def _by_windows(
    ask: _Ask,
    question: UsageQuestion,
    periods: Sequence[ContractPeriod],
    zone: ZoneInfo,
) -> UsageAnswer:
    """Return the rows of a question bucket by bucket; `periods` are the billing periods that fill its span, if any."""
    whole = Span(start=question.start, end=question.end)
    # Periods that are months of the calendar are told by one question; others by one each.
    if (
        question.window != "month"
        or not periods
        or _spans(periods, whole) == cut(whole.start, whole.end, "month", zone)
    ):
        return await ask(question)
    asked = (replace(question, start=one.start, end=one.end, window=None) for one in periods)
    return _joined(await asyncio.gather(*map(ask, asked)))


def _joined(answers: Sequence[UsageAnswer]) -> UsageAnswer:
    """Return the rows of several answers together. Where they are of several moments, so is the answer."""
    moments = sorted({answer.freshness.as_of or "" for answer in answers})
    last = answers[-1]
    return replace(
        last,
        rows=[row for answer in answers for row in answer.rows],
        freshness=last.freshness.model_copy(update={"as_of": "+".join(moments) or None}),
        filled=all(answer.filled for answer in answers),
    )


def _by_days(first: date, end: date, zone: ZoneInfo) -> ExploredPeriod:
    return ExploredPeriod(start=midnight(first, zone), end=midnight(end, zone), billing_period=None)


def _days_before(first: date, end: date, zone: ZoneInfo) -> ExploredPeriod:
    """Return the span of as many days that ends where this one begins."""
    return _by_days(first - (end - first), first, zone)


def _as_one(periods: Sequence[ContractPeriod]) -> ExploredPeriod:
    """Return the span from the first to the last of some periods."""
    return ExploredPeriod(start=periods[0].start, end=periods[-1].end, billing_period=None)


def _as_explored(period: ContractPeriod) -> ExploredPeriod:
    return ExploredPeriod(start=period.start, end=period.end, billing_period=period.name)


def _question(meter: Meter, period: Span, zone: ZoneInfo, choices: Choices) -> UsageQuestion:
    return UsageQuestion(
        meter=meter.name,
        start=period.start,
        end=period.end,
        time_zone=zone.key,
        window=choices.window,
        filters=choices.filters,
        reads_log=any(name not in meter.group_by for name in choices.properties()),
    )


def _points(answer: UsageAnswer, *, of_rest: bool = False) -> list[Point]:
    return [Point(row.start, row.group, row.quantity) for row in answer.rows if row.is_other == of_rest]


async def _counted(ask: _Ask, chosen: ChosenUsage, group_by: str) -> _Counted:
    """Ask for what was counted, and for no number that others add up to: each question is work for two services."""
    by_windows = partial(_by_windows, ask, periods=chosen.contract_periods, zone=chosen.zone)
    adds_up = chosen.meter.aggregation in ADDITIVE
    if not adds_up:
        return _Counted(
            *await asyncio.gather(
                by_windows(chosen.question),
                ask(replace(chosen.question, window=None)),
                _groups(ask, chosen, group_by) if group_by else _nothing(),
            )
        )
    if not group_by:
        windows = await by_windows(chosen.question)
        return _Counted(windows, windows, None)
    grouped = replace(chosen.question, group_by=group_by)
    wholes = await ask(replace(grouped, window=None))
    keys = largest({row.group: row.quantity for row in wholes.rows if not row.is_other})
    if len(keys) == len(wholes.rows):
        parts = await by_windows(grouped) if keys else wholes
        together = replace(parts, rows=[replace(row, group="") for row in parts.rows])
        return _Counted(together, wholes, _Groups(keys, wholes, parts))
    if not keys:
        # All that happened is in groups that the meter does not tell apart.
        return _Counted(await by_windows(chosen.question), wholes, _Groups(keys, wholes, wholes))
    of_keys = replace(grouped, filters={**grouped.filters, group_by: keys})
    windows, parts = await asyncio.gather(by_windows(chosen.question), by_windows(of_keys))
    return _Counted(windows, wholes, _Groups(keys, wholes, parts))


async def _groups(ask: _Ask, chosen: ChosenUsage, group_by: str) -> _Groups:
    """Return the largest groups of a meter whose groups don't add up."""
    grouped = replace(chosen.question, group_by=group_by)
    wholes = await ask(replace(grouped, window=None))
    keys = largest({row.group: row.quantity for row in wholes.rows if not row.is_other})
    if not wholes.rows:
        return _Groups(keys, wholes, wholes)
    if len(keys) < len(wholes.rows):
        # What is left is no difference: the aggregator puts it together from what its windows hold.
        top = replace(grouped, top=len(keys))
        wholes, windows = await asyncio.gather(ask(replace(top, window=None)), ask(top))
        return _Groups([row.group for row in wholes.rows if not row.is_other], wholes, windows)
    return _Groups(keys, wholes, await _by_windows(ask, grouped, chosen.contract_periods, chosen.zone))


def _series(
    viewer: Viewer,
    chosen: ChosenUsage,
    choices: Choices,
    groups: _Groups | None,
    buckets: Sequence[Span],
    totals: Sequence[Decimal | None],
    total: Decimal,
) -> tuple[Series, ...]:
    """Return the series: one for all, or the largest groups, and what they leave where parts add up."""
    if groups is None:
        return series_of({"": totals}, {"": total}, total, lambda _: chosen.meter.label)
    adds_up = chosen.meter.aggregation in ADDITIVE
    by_group = {row.group: row.quantity for row in groups.wholes.rows if not row.is_other}
    values = on_buckets(_points(groups.windows), buckets) if groups.keys else {}
    empty = (None,) * len(buckets)
    shown = series_of(
        {key: values.get(key, empty) for key in groups.keys},
        {key: by_group[key] for key in groups.keys},
        total if adds_up else None,
        lambda key: viewer.value_label(choices.group_by, key),
    )
    if not adds_up:
        rest_in = on_buckets(_points(groups.windows, of_rest=True), buckets).get("", empty)
        return (*shown, *(other(rest_in, row.quantity, None) for row in groups.wholes.rows if row.is_other))
    if len(groups.keys) == len(groups.wholes.rows):
        return shown
    rest = total - sum((one.total for one in shown), Decimal(0))
    return (*shown, other(rest_of(totals, [one.values for one in shown]), rest, total))


async def _comparison(deps: Deps, viewer: Viewer, chosen: ChosenUsage) -> Comparison | None:
    """Return the span before; its change is filled in by who knows the total."""
    previous = chosen.previous
    if previous is None:
        return None
    question = replace(chosen.question, start=previous.start, end=previous.end)
    window = chosen.question.window or "day"
    with refusals():
        buckets = _buckets(chosen.earlier_periods, previous, window, chosen.zone)
        shown = _buckets(chosen.contract_periods, chosen.period, window, chosen.zone)
    windows, whole, point = await asyncio.gather(
        _by_windows(partial(earlier_usage, deps, viewer), question, chosen.earlier_periods, chosen.zone),
        earlier_usage(deps, viewer, replace(question, window=None)),
        _same_point(deps, viewer, chosen, question),
    )
    with exact_arithmetic():
        return Comparison(
            period=previous,
            buckets=buckets,
            totals=on_buckets(_points(windows), buckets).get("", (None,) * len(buckets)),
            aligned=aligned(shown, buckets, window, chosen.zone),
            total=sum((row.quantity for row in whole.rows), Decimal(0)),
            same_point=point,
            change=None,
        )


async def _same_point(deps: Deps, viewer: Viewer, chosen: ChosenUsage, previous: UsageQuestion) -> SamePoint | None:
    """Return the first days of the span before, as many as have passed of this one, while it runs."""
    place = same_point(chosen.spans, chosen.earlier_spans, deps.clock.now(), chosen.zone)
    if place is None:
        return None
    if place.until <= previous.start:
        return SamePoint(days=0, total=Decimal(0))
    part = await earlier_usage(deps, viewer, replace(previous, end=place.until, window=None))
    with exact_arithmetic():
        return SamePoint(days=place.days, total=sum((row.quantity for row in part.rows), Decimal(0)))


def _may_equal_a_line(chosen: ChosenUsage, choices: Choices) -> bool:
    """Whether lines of invoices may bill just what is shown: quantities of several only where they add up."""
    count = len(chosen.contract_periods)
    return not choices.filters and (count == 1 or (count > 1 and chosen.meter.aggregation in ADDITIVE))


async def _billed(deps: Deps, viewer: Viewer, chosen: ChosenUsage) -> Billed[EqualLine] | None:
    """Return the lines of the periods that bill the meter, one a period, as one."""
    periods = chosen.contract_periods
    # What is adjusted of other periods is no part of the picture.
    asked = (deps.invoicing.preview(one.contract, one.billing_period, alone=True) for one in periods)
    invoices = await asyncio.gather(*asked)
    lines = [_lines_of(chosen.meter, invoice) for invoice in invoices]
    if any(len(found) != 1 for found in lines):
        return None
    with exact_arithmetic():
        quantity = sum((line.quantity for (line,) in lines), Decimal(0))
    item = viewer.item_label(lines[-1][0].item)
    line = EqualLine(quantity=quantity, item=item, equals=False, href=path_of(invoices, periods))
    return Billed(line, places_of(invoices))


def _lines_of(meter: Meter, invoice: Invoice) -> list[Line]:
    return [line for line in invoice.lines if line.kind == "usage" and line.meter == meter.name]


async def _nothing() -> None:
    """Stand in for a question that is not asked."""
