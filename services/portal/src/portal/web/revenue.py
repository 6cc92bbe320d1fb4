"""What the seller earns, by customer, item or plan."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from portal.domain.revenue import Cut, Revenue
from portal.operations.revenue import get_revenue
from portal.web.answers import sent
from portal.web.parameters import After
from portal.web.parts import parts_of
from portal.web.sessions import Operator

router = APIRouter(prefix="/operator")
Month = Annotated[
    str,
    Query(alias="billingPeriod", pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", description="Label.", examples=["2013-11"]),
]


@router.get("/revenue", response_model=Revenue)
async def revenue(
    request: Request,
    _: Operator,
    billing_period: Month,
    months: Annotated[int, Query(ge=1, le=12, description="How many months, of which that one is the last.")] = 1,
    by: Annotated[Cut, Query(description="What the rows are.")] = "customer",
    after: After = "",
) -> Response:
    """The sums of the invoices of some months, and of the drafts of what is not final."""
    return sent(request, await get_revenue(parts_of(request).deps, billing_period, months, by, after))
