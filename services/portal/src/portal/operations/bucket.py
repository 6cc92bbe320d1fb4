"""What is behind one bucket of usage: its largest values, and its events."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from chassis.errors import Reason
from chassis.errors.refused import Refused, refusals
from money import exact_arithmetic
from portal.domain.bucket import BucketDetail, TopValue, TopValues
from portal.domain.buckets import check_window, cut
from portal.domain.figures import HeatCell
from portal.domain.lines import LineEvents, MeteredSpan
from portal.domain.meters import ADDITIVE
from portal.domain.percents import share_of
from portal.domain.views import Span
from portal.operations.lines import check_page, shown_to
from portal.operations.usage import chosen_usage

if TYPE_CHECKING:
    from datetime import datetime

    from portal.domain.choices import Choices
    from portal.domain.figures import HeatMap, HourOfWeek
    from portal.domain.meters import Meter
    from portal.domain.usage import UsageAnswer, UsageQuestion
    from portal.domain.viewers import Viewer
    from portal.operations.deps import Deps

TOP_MAX: Final = 5
"""Values of each property that are shown."""


@dataclass(frozen=True, slots=True)
class BucketName:
    """Which bucket: that of a picture of usage which begins at `start`, or the hour of the week in its heat map."""

    meter: str
    choices: Choices
    start: datetime | None = None
    hour: HourOfWeek | None = None


async def describe_bucket(deps: Deps, viewer: Viewer, name: BucketName) -> BucketDetail:
    """Return what a bucket is made of. Raises InvalidRequest and NotFound."""
    meter, question = await _asked(deps, viewer, name)
    if name.hour is not None:
        return await _describe_hour(deps, viewer, meter, question, name.hour)
    whole, *groups = await asyncio.gather(
        deps.aggregator.usage(viewer.customer, question),
        *(deps.aggregator.usage(viewer.customer, replace(question, group_by=each)) for each in meter.group_by),
    )
    with exact_arithmetic():
        quantity = sum((row.quantity for row in whole.rows), Decimal(0))
        properties = tuple(
            _top(viewer, meter, each, answer, quantity)
            for each, answer in zip(meter.group_by, groups, strict=True)
            if answer.rows
        )
    return BucketDetail(
        as_of=whole.freshness.as_of,
        complete_until=whole.freshness.complete_until,
        meter=meter.name,
        unit=meter.unit,
        bucket=Span(start=question.start, end=question.end),
        quantity=quantity,
        event_count=sum(row.event_count for row in whole.rows),
        properties=properties,
    )


async def list_bucket_events(deps: Deps, viewer: Viewer, name: BucketName, after: str, limit: int) -> LineEvents:
    """Return a page of the events behind a bucket. Raises InvalidRequest and NotFound."""
    check_page(limit)
    meter, question = await _asked(deps, viewer, name)
    span = MeteredSpan(
        meter=meter.name,
        start=question.start,
        end=question.end,
        filters=question.filters,
        hour=name.hour,
        time_zone=question.time_zone,
        reads_log=question.reads_log,
    )
    total, page = await asyncio.gather(
        _event_count(deps, viewer, question, name.hour),
        deps.aggregator.metered_events(viewer.customer, span, after, limit),
    )
    return LineEvents(
        events=tuple(shown_to(viewer, event) for event in page.events), next=page.next or None, total=total
    )


async def _event_count(deps: Deps, viewer: Viewer, question: UsageQuestion, hour: HourOfWeek | None) -> int:
    if hour is not None:
        return (await _cell(deps, viewer, question, hour)).event_count
    whole = await deps.aggregator.usage(viewer.customer, question)
    return sum(row.event_count for row in whole.rows)


async def _describe_hour(
    deps: Deps, viewer: Viewer, meter: Meter, question: UsageQuestion, hour: HourOfWeek
) -> BucketDetail:
    """Return what an hour of the week came to; what it is made of is in its events."""
    heat = await deps.aggregator.heat(viewer.customer, question)
    cell = _cell_of(heat, hour)
    return BucketDetail(
        as_of=heat.as_of,
        complete_until=heat.complete_until,
        meter=meter.name,
        unit=meter.unit,
        bucket=Span(start=question.start, end=question.end),
        quantity=cell.quantity,
        event_count=cell.event_count,
        properties=(),
    )


async def _cell(deps: Deps, viewer: Viewer, question: UsageQuestion, hour: HourOfWeek) -> HeatCell:
    return _cell_of(await deps.aggregator.heat(viewer.customer, question), hour)


def _cell_of(heat: HeatMap, hour: HourOfWeek) -> HeatCell:
    """Return the cell of an hour; a short span does not have all of them."""
    empty = HeatCell(weekday=hour.weekday, hour=hour.hour, quantity=Decimal(0), event_count=0, minutes=0)
    return next((cell for cell in heat.cells if (cell.weekday, cell.hour) == (hour.weekday, hour.hour)), empty)


async def _asked(deps: Deps, viewer: Viewer, name: BucketName) -> tuple[Meter, UsageQuestion]:
    """Return the question for the whole of a bucket, or for the span in which an hour of the week lies.

    Only buckets and hours of pictures that are shown can be asked for. Raises InvalidRequest and NotFound.
    """
    with refusals():
        if (name.start is None) == (name.hour is None):
            text = "ask for the start of a bucket, or for an hour of the week by `weekday` and `hour`"
            raise Refused("bucket", Reason.WINDOW_INVALID, text)
        if name.hour is not None:
            check_window("hour", viewer.profile.window_floor)
    chosen = await chosen_usage(deps, viewer, name.meter, name.choices)
    if name.hour is not None:
        return chosen.meter, chosen.question
    with refusals():
        buckets = cut(chosen.period.start, chosen.period.end, name.choices.window, chosen.zone)
        bucket = next((each for each in buckets if each.start == name.start), None)
        if bucket is None:
            text = "no bucket of these choices begins then; take the start of one that `/usage` answers"
            raise Refused("bucket", Reason.WINDOW_INVALID, text)
    return chosen.meter, replace(chosen.question, start=bucket.start, end=bucket.end, window=None)


def _top(viewer: Viewer, meter: Meter, name: str, answer: UsageAnswer, whole: Decimal) -> TopValues:
    named = [row for row in answer.rows if not row.is_other]
    ranked = sorted(named, key=lambda row: (-abs(row.quantity), row.group))
    return TopValues(
        property=name,
        values=tuple(
            TopValue(
                key=row.group,
                label=viewer.value_label(name, row.group),
                quantity=row.quantity,
                share=share_of(row.quantity, whole) if meter.aggregation in ADDITIVE else None,
            )
            for row in ranked[:TOP_MAX]
        ),
        count=len(ranked),
    )
