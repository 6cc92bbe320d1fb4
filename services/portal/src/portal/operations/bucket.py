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
from portal.domain.buckets import cut
from portal.domain.lines import LineEvents, MeteredSpan
from portal.domain.meters import ADDITIVE
from portal.domain.percents import share_of
from portal.domain.views import Span
from portal.operations.lines import check_page, shown_to
from portal.operations.usage import chosen_usage

if TYPE_CHECKING:
    from datetime import datetime

    from portal.domain.choices import Choices
    from portal.domain.meters import Meter
    from portal.domain.usage import UsageAnswer, UsageQuestion
    from portal.domain.viewers import Viewer
    from portal.operations.deps import Deps

TOP_MAX: Final = 5
"""Values of each property that are shown."""


@dataclass(frozen=True, slots=True)
class BucketName:
    """Which bucket: that of a picture of usage which begins at `start`."""

    meter: str
    choices: Choices
    start: datetime


async def describe_bucket(deps: Deps, viewer: Viewer, name: BucketName) -> BucketDetail:
    """Return what a bucket is made of. Raises InvalidRequest and NotFound."""
    meter, question = await _asked(deps, viewer, name)
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
    span = MeteredSpan(meter.name, question.start, question.end, question.filters)
    whole, page = await asyncio.gather(
        deps.aggregator.usage(viewer.customer, question),
        deps.aggregator.metered_events(viewer.customer, span, after, limit),
    )
    return LineEvents(
        events=tuple(shown_to(viewer, event) for event in page.events),
        next=page.next or None,
        total=sum(row.event_count for row in whole.rows),
    )


async def _asked(deps: Deps, viewer: Viewer, name: BucketName) -> tuple[Meter, UsageQuestion]:
    """Return the question for the whole of a bucket. Only buckets of a picture that is shown can be asked for."""
    chosen = await chosen_usage(deps, viewer, name.meter, name.choices)
    with refusals():
        buckets = cut(chosen.period.start, chosen.period.end, name.choices.window, chosen.zone)
        bucket = next((each for each in buckets if each.start == name.start), None)
        if bucket is None:
            text = "no bucket of these choices begins then; take the start of one that `/usage` answers"
            raise Refused("bucket", Reason.WINDOW_INVALID, text)
    return chosen.meter, replace(chosen.question, start=bucket.start, end=bucket.end, window=None)


def _top(viewer: Viewer, meter: Meter, name: str, answer: UsageAnswer, whole: Decimal) -> TopValues:
    ranked = sorted(answer.rows, key=lambda row: (-abs(row.quantity), row.group))
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
