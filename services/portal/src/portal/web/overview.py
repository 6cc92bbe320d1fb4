"""The first page, and the plan."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from portal.domain.entitlements import Entitlements
from portal.domain.overview import Overview
from portal.domain.plans import PlanPage, Quote
from portal.domain.variance import Explained
from portal.operations.entitlements import list_entitlements
from portal.operations.overview import get_overview
from portal.operations.plans import get_plan, quote
from portal.operations.variance import explain_variance
from portal.web.answers import sent
from portal.web.parameters import BillingPeriodName
from portal.web.parts import parts_of
from portal.web.sessions import OverviewViewer, PlanViewer

router = APIRouter()

ItemName = Annotated[str, Query(min_length=1, max_length=256, description="Name of an item of the plan.")]
QuotedQuantity = Annotated[
    str,
    Query(
        pattern=r"^[0-9]{1,20}(\.[0-9]{1,9})?$",
        description="Quantity of a whole period, as decimal text.",
        examples=["1250.5"],
    ),
]


@router.get("/overview", response_model=Overview)
async def overview(request: Request, viewer: OverviewViewer, billing_period: BillingPeriodName = "") -> Response:
    """The bill so far, how it grew, and why it changed."""
    return sent(request, await get_overview(parts_of(request).deps, viewer, billing_period))


@router.get("/overview/variance", response_model=Explained)
async def overview_variance(
    request: Request, viewer: OverviewViewer, billing_period: BillingPeriodName = ""
) -> Response:
    """Why a period costs more or less than the whole one before it, by what changed."""
    return sent(request, await explain_variance(parts_of(request).deps, viewer, billing_period))


@router.get("/plan", response_model=PlanPage)
async def plan(request: Request, viewer: PlanViewer, billing_period: BillingPeriodName = "") -> Response:
    """The plan and its prices, in words."""
    return sent(request, await get_plan(parts_of(request).deps, viewer, billing_period))


@router.get("/plan/entitlements", response_model=Entitlements)
async def plan_entitlements(request: Request, viewer: PlanViewer) -> Response:
    """What the customer may use in the period that goes on, what is left of it, and until when it lasts."""
    return sent(request, await list_entitlements(parts_of(request).deps, viewer))


@router.get("/plan/quote", response_model=Quote)
async def plan_quote(
    request: Request,
    viewer: PlanViewer,
    item: ItemName,
    quantity: QuotedQuantity,
    billing_period: BillingPeriodName = "",
) -> Response:
    """What a quantity of an item would cost in a period, by the code that rates."""
    return sent(request, await quote(parts_of(request).deps, viewer, billing_period, item, Decimal(quantity)))
