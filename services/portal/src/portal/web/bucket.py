"""One bucket of usage: its largest values, and the events behind it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from portal.domain.bucket import BucketDetail
from portal.domain.lines import LineEvents
from portal.operations.bucket import BucketName, describe_bucket, list_bucket_events
from portal.operations.lines import EVENTS_MAX
from portal.web.answers import sent
from portal.web.parameters import After, ChoicesOfQuery, MeterName
from portal.web.parts import parts_of
from portal.web.sessions import UsageViewer

router = APIRouter()
BucketStart = Annotated[
    AwareDatetime,
    Query(description="Start of a bucket of these choices, as `/usage` answers it.", examples=["2013-11-09T05:00:00Z"]),
]


@router.get("/usage/bucket", response_model=BucketDetail)
async def usage_bucket(
    request: Request, viewer: UsageViewer, meter: MeterName, choices: ChoicesOfQuery, bucket: BucketStart
) -> Response:
    """One bucket of usage: what it came to, and its largest values, property by property."""
    name = BucketName(meter, choices, bucket)
    return sent(request, await describe_bucket(parts_of(request).deps, viewer, name))


@router.get("/usage/events", response_model=LineEvents)
async def usage_events(
    request: Request,
    viewer: UsageViewer,
    meter: MeterName,
    choices: ChoicesOfQuery,
    bucket: BucketStart,
    after: After = "",
    limit: Annotated[int, Query(ge=1, le=EVENTS_MAX, description="At most this many.")] = 100,
) -> Response:
    """A page of the events behind one bucket of usage, in the order of the log."""
    name = BucketName(meter, choices, bucket)
    return sent(request, await list_bucket_events(parts_of(request).deps, viewer, name, after, limit))
