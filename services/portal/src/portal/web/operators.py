"""The seller's own pages, by the suite's own token."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from portal.domain.operators import CustomerList, SessionList
from portal.operations.operators import list_customers, list_open_sessions
from portal.web.answers import sent
from portal.web.parameters import After
from portal.web.parts import parts_of
from portal.web.sessions import Operator
from portal.wire.sessions import place_after

router = APIRouter(prefix="/operator")
_SESSIONS_PER_PAGE = 100


@router.get("/customers", response_model=CustomerList)
async def customers(request: Request, _: Operator, after: After = "") -> Response:
    """A page of customers, with their live bills and their last invoices."""
    return sent(request, await list_customers(parts_of(request).deps, after))


@router.get("/sessions", response_model=SessionList)
async def sessions(
    request: Request,
    operator: Operator,
    customer: Annotated[str, Query(max_length=128, description="Only this customer.")] = "",
    after: After = "",
) -> Response:
    """A page of sessions that have not ended, the newest first."""
    deps, place = parts_of(request).deps, place_after(after)
    return sent(request, await list_open_sessions(deps, operator.tenant, customer, place, _SESSIONS_PER_PAGE))
