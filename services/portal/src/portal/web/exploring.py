"""The explorers: usage and cost over time."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from portal.domain.bucket import BucketDetail
from portal.domain.cost import Cost
from portal.domain.lines import LineEvents
from portal.domain.usage import Usage
from portal.operations.bucket import BucketName, describe_bucket, list_bucket_events
from portal.operations.cost import CostChoices, explore_cost
from portal.operations.lines import EVENTS_MAX
from portal.operations.usage import explore_usage
from portal.web.answers import csv_of, sent
from portal.web.parameters import After, ChoicesOfQuery
from portal.web.parts import parts_of
from portal.web.sessions import CostViewer, UsageViewer
from portal.web.tables import exploration_header, exploration_rows

router = APIRouter()

MeterName = Annotated[str, Query(min_length=1, max_length=64, description="Name of the meter.")]
BucketStart = Annotated[
    AwareDatetime,
    Query(description="Start of a bucket of these choices, as `/usage` answers it.", examples=["2013-11-09T05:00:00Z"]),
]
ItemNames = Annotated[list[str] | None, Query(alias="item", max_length=200, description="Items; none = all.")]


@router.get("/usage", response_model=Usage)
async def usage(request: Request, viewer: UsageViewer, meter: MeterName, choices: ChoicesOfQuery) -> Response:
    """Usage of one meter over time."""
    return sent(request, await explore_usage(parts_of(request).deps, viewer, meter, choices))


@router.get("/usage.csv", response_class=Response)
async def usage_csv(request: Request, viewer: UsageViewer, meter: MeterName, choices: ChoicesOfQuery) -> Response:
    """The same as a table."""
    shown = await explore_usage(parts_of(request).deps, viewer, meter, choices)
    return csv_of("usage", exploration_header(shown, shown.unit or shown.label), exploration_rows(shown))


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


@router.get("/cost", response_model=Cost)
async def cost(request: Request, viewer: CostViewer, choices: ChoicesOfQuery, items: ItemNames = None) -> Response:
    """Cost over time; its sum is that of the amounts on the invoice."""
    return sent(request, await explore_cost(parts_of(request).deps, viewer, CostChoices(choices, tuple(items or ()))))


@router.get("/cost.csv", response_class=Response)
async def cost_csv(request: Request, viewer: CostViewer, choices: ChoicesOfQuery, items: ItemNames = None) -> Response:
    """The same as a table."""
    shown = await explore_cost(parts_of(request).deps, viewer, CostChoices(choices, tuple(items or ())))
    return csv_of("cost", exploration_header(shown, shown.currency), exploration_rows(shown))
