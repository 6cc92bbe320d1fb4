"""The explorers: usage and cost over time."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from portal.domain.cost import Cost
from portal.domain.figures import HeatMap, UsageFigures
from portal.domain.usage import Usage
from portal.operations.cost import CostChoices, explore_cost
from portal.operations.figures import usage_figures, usage_heat
from portal.operations.usage import explore_usage
from portal.web.answers import csv_of, sent
from portal.web.parameters import ChoicesOfQuery, MeterName
from portal.web.parts import parts_of
from portal.web.sessions import CostViewer, UsageViewer
from portal.web.tables import exploration_header, exploration_rows

router = APIRouter()

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


@router.get("/usage/figures", response_model=UsageFigures)
async def figures(request: Request, viewer: UsageViewer, meter: MeterName, choices: ChoicesOfQuery) -> Response:
    """Largest bucket and 95th percentile over the buckets of one meter."""
    return sent(request, await usage_figures(parts_of(request).deps, viewer, meter, choices))


@router.get("/usage/heat", response_model=HeatMap)
async def heat(request: Request, viewer: UsageViewer, meter: MeterName, choices: ChoicesOfQuery) -> Response:
    """Usage of one meter by the hour of the week."""
    return sent(request, await usage_heat(parts_of(request).deps, viewer, meter, choices))


@router.get("/cost", response_model=Cost)
async def cost(request: Request, viewer: CostViewer, choices: ChoicesOfQuery, items: ItemNames = None) -> Response:
    """Cost over time; its sum is that of the amounts on the invoice."""
    return sent(request, await explore_cost(parts_of(request).deps, viewer, CostChoices(choices, tuple(items or ()))))


@router.get("/cost.csv", response_class=Response)
async def cost_csv(request: Request, viewer: CostViewer, choices: ChoicesOfQuery, items: ItemNames = None) -> Response:
    """The same as a table."""
    shown = await explore_cost(parts_of(request).deps, viewer, CostChoices(choices, tuple(items or ())))
    return csv_of("cost", exploration_header(shown, shown.currency), exploration_rows(shown))
