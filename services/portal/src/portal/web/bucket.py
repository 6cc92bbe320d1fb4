"""One bucket of usage: its largest values, and the events behind it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime

from chassis.errors import Reason
from chassis.errors.refused import Refused, refusals
from portal.domain.bucket import BucketDetail
from portal.domain.figures import HourOfWeek
from portal.domain.lines import LineEvents
from portal.operations.bucket import BucketName, describe_bucket, list_bucket_events
from portal.operations.lines import EVENTS_MAX
from portal.web.answers import sent
from portal.web.parameters import After, ChoicesOfQuery, MeterName
from portal.web.parts import parts_of
from portal.web.sessions import UsageViewer

router = APIRouter()
BucketStart = Annotated[
    AwareDatetime | None,
    Query(description="Start of a bucket of these choices, as `/usage` answers it.", examples=["2013-11-09T05:00:00Z"]),
]


async def _name(
    meter: MeterName,
    choices: ChoicesOfQuery,
    bucket: BucketStart = None,
    weekday: Annotated[
        int | None, Query(ge=1, le=7, description="In place of `bucket`, with `hour`: 1 is Monday, 7 Sunday.")
    ] = None,
    hour: Annotated[int | None, Query(ge=0, le=23, description="Hour of the clock in the contract's zone.")] = None,
) -> BucketName:
    """Return which bucket is asked for. Raises InvalidRequest."""
    if (weekday is None) != (hour is None):
        with refusals():
            raise Refused("hour", Reason.FIELD_INVALID, "give both `weekday` and `hour`")
    cell = None if weekday is None or hour is None else HourOfWeek(weekday, hour)
    return BucketName(meter, choices, bucket, cell)


NameOfQuery = Annotated[BucketName, Depends(_name)]


@router.get("/usage/bucket", response_model=BucketDetail)
async def usage_bucket(request: Request, viewer: UsageViewer, name: NameOfQuery) -> Response:
    """One bucket of usage, or one hour of the week: what it came to, and its largest values, property by property."""
    return sent(request, await describe_bucket(parts_of(request).deps, viewer, name))


@router.get("/usage/events", response_model=LineEvents)
async def usage_events(
    request: Request,
    viewer: UsageViewer,
    name: NameOfQuery,
    after: After = "",
    limit: Annotated[int, Query(ge=1, le=EVENTS_MAX, description="At most this many.")] = 100,
) -> Response:
    """A page of the events behind one bucket of usage, or one hour of the week, in the order of the log."""
    return sent(request, await list_bucket_events(parts_of(request).deps, viewer, name, after, limit))
