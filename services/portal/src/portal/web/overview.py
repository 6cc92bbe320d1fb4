"""The first page, and the plan."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from portal.domain.overview import Overview
from portal.domain.plans import PlanPage
from portal.operations.overview import get_overview
from portal.operations.plans import get_plan
from portal.web.answers import sent
from portal.web.parameters import BillingPeriodName
from portal.web.parts import parts_of
from portal.web.sessions import OverviewViewer, PlanViewer

router = APIRouter()


@router.get("/overview", response_model=Overview)
async def overview(request: Request, viewer: OverviewViewer, billing_period: BillingPeriodName = "") -> Response:
    """The bill so far, how it grew, and why it changed."""
    return sent(request, await get_overview(parts_of(request).deps, viewer, billing_period))


@router.get("/plan", response_model=PlanPage)
async def plan(request: Request, viewer: PlanViewer, billing_period: BillingPeriodName = "") -> Response:
    """The plan and its prices, in words."""
    return sent(request, await get_plan(parts_of(request).deps, viewer, billing_period))
