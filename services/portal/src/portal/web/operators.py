"""The seller's own pages, by the suite's own token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from metering.portal.v1 import portal_service_pb2 as pb
from portal.domain.catalog import Catalog
from portal.domain.operators import CustomerList, MadeSession, SessionList, SessionToMake
from portal.domain.price_lint import PriceFindings
from portal.domain.unbilled import UnbilledPage
from portal.operations.catalog import list_catalog
from portal.operations.operators import list_customers, list_open_sessions
from portal.operations.price_lint import lint_catalog
from portal.web.answers import sent
from portal.web.parameters import After
from portal.web.parts import parts_of
from portal.web.sessions import Operator
from portal.wire.sessions import made_from_proto, place_after, to_make

if TYPE_CHECKING:
    from portal.operations.deps import Deps

router = APIRouter(prefix="/operator")
_SESSIONS_PER_PAGE = 100
_UNBILLED_PER_PAGE = 100


@router.get("/customers", response_model=CustomerList)
async def customers(
    request: Request,
    _: Operator,
    search: Annotated[
        str, Query(max_length=128, description="Only those of whose key and name every word of this begins one.")
    ] = "",
    after: After = "",
) -> Response:
    """A page of customers, with their live bills and their last invoices."""
    return sent(request, await list_customers(_deps(request), after, search.strip()))


@router.get("/catalog", response_model=Catalog)
async def catalog(request: Request, _: Operator, after: After = "") -> Response:
    """A page of plans, with their versions and who is on them."""
    return sent(request, await list_catalog(_deps(request), after))


@router.get("/catalog/findings", response_model=PriceFindings)
async def price_findings(request: Request, _: Operator) -> Response:
    """What is odd about the prices of all plans, the worst first."""
    return sent(request, await lint_catalog(_deps(request)))


@router.get("/unbilled", response_model=UnbilledPage)
async def unbilled(request: Request, _: Operator, after: After = "") -> Response:
    """A page of usage that no invoice will have; it may be short and not be the last."""
    return sent(request, await _deps(request).seller.unbilled(after, _UNBILLED_PER_PAGE))


@router.get("/sessions", response_model=SessionList)
async def operator_sessions(
    request: Request,
    operator: Operator,
    customer: Annotated[str, Query(max_length=128, description="Only this customer.")] = "",
    ended: Annotated[bool, Query(description="Also those that ended in the last 30 days.")] = False,  # noqa: FBT002 - a parameter of the address
    after: After = "",
) -> Response:
    """A page of sessions, the newest first."""
    deps, place = _deps(request), place_after(after)
    return sent(
        request, await list_open_sessions(deps, operator.tenant, customer, place, _SESSIONS_PER_PAGE, ended=ended)
    )


@router.post("/sessions", response_model=MadeSession)
async def made_session(request: Request, _: Operator, wanted: SessionToMake) -> Response:
    """Make a session to look at what a customer sees. It is recorded, with its reason."""
    made: pb.CreateSessionResponse = await _own(request, to_make(wanted))
    answer = sent(request, made_from_proto(made))
    answer.headers["cache-control"] = "no-store"
    return answer


@router.delete("/sessions/{sessionId}", status_code=204)
async def revoked_session(
    request: Request, _: Operator, session_id: Annotated[str, Path(alias="sessionId", max_length=64)]
) -> Response:
    """End a session at once."""
    await _own(request, pb.RevokeSessionRequest(session_id=session_id))
    return Response(status_code=204)


def _deps(request: Request) -> Deps:
    return parts_of(request).deps


async def _own(request: Request, message: Any) -> Any:
    """Call the portal's own service as whoever looks."""
    return await parts_of(request).own_calls.call(message)
