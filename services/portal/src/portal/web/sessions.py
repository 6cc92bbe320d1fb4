"""Who a request is from: a session by its bearer token or cookie, or somebody of the seller by the suite's token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request

from chassis.errors import Forbidden, Reason, Unauthenticated
from chassis.identity import Identity, Scope, set_identity
from portal.domain.sessions import COOKIE_LIFE, TOKEN_PREFIX, PageName, SessionKind
from portal.domain.viewers import Viewer
from portal.operations.passed_on import pass_on
from portal.operations.viewers import viewer_of
from portal.web.parts import parts_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import Response

COOKIE: Final = "__Host-meterline"
_BEARER: Final = "bearer "
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


async def viewer(request: Request) -> Viewer:
    """Return who looks, by the session of the request. Raises Unauthenticated, Forbidden and Overloaded."""
    parts = parts_of(request)
    bearer = bearer_in(request)
    secret = bearer or request.cookies.get(COOKIE, "")
    if not secret:
        raise Unauthenticated(Reason.TOKEN_MISSING, "send the session's token as a bearer token, or open a link first")
    if not bearer:
        check_same_site(request)
    found = await viewer_of(parts.deps, secret)
    parts.limits.begin(found.session.id, parts.deps.clock.monotonic_s())
    origin = request.headers.get("origin")
    if origin is not None and origin != parts.origin:
        if origin not in found.profile.allowed_origins:
            message = "this page's origin is not among those that the portal's profile allows; add it there"
            raise Forbidden(Reason.ORIGIN_FOREIGN, message)
        # Read by the middleware that writes the headers.
        request.state.allowed_origin = origin
    return found


def sees(page: PageName) -> Callable[..., Awaitable[Viewer]]:
    """Return the dependency of a route that shows a page."""

    async def checked(found: Annotated[Viewer, Depends(viewer)]) -> Viewer:
        found.check_sees(page)
        return found

    return checked


AnyViewer = Annotated[Viewer, Depends(viewer)]
OverviewViewer = Annotated[Viewer, Depends(sees(PageName.OVERVIEW))]
UsageViewer = Annotated[Viewer, Depends(sees(PageName.USAGE))]
CostViewer = Annotated[Viewer, Depends(sees(PageName.COST))]
InvoicesViewer = Annotated[Viewer, Depends(sees(PageName.INVOICES))]
PlanViewer = Annotated[Viewer, Depends(sees(PageName.PLAN))]


async def operator(request: Request) -> Identity:
    """Return who of the seller asks, by the suite's own token, and pass that token on to whoever is asked for it.

    Raises Unauthenticated, and Forbidden for a token that may not read all that the tenant has.
    """
    token = bearer_in(request)
    if not token or token.startswith(TOKEN_PREFIX):
        raise Unauthenticated(Reason.TOKEN_MISSING, "send a token of the suite, with the scope read, as a bearer token")
    identity = parts_of(request).verifier.verify(token)
    if Scope.READ not in identity.scopes or identity.is_internal or identity.customer or identity.acts_for_customers:
        message = "these pages need a token of the whole tenant with the scope read"
        raise Forbidden(Reason.SCOPE_MISSING, message)
    origin = request.headers.get("origin")
    if origin is not None and origin != parts_of(request).origin:
        raise Forbidden(Reason.ORIGIN_FOREIGN, "the seller's pages can't be embedded; open the portal itself")
    set_identity(identity)
    pass_on(token)
    return identity


Operator = Annotated[Identity, Depends(operator)]


def bearer_in(request: Request) -> str:
    """Return the bearer token of a request; empty if it has none."""
    authorization = request.headers.get("authorization", "")
    return authorization[len(_BEARER) :].strip() if authorization.lower().startswith(_BEARER) else ""


def check_same_site(request: Request) -> None:
    """Refuse what changes something unless a page of the portal itself asks for it. Raises Forbidden.

    Browsers send a cookie by themselves, also when another site's page makes them ask.
    """
    if request.method in _SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    is_own = site == "same-origin" if site is not None else request.headers.get("origin") == parts_of(request).origin
    if not is_own:
        raise Forbidden(Reason.ORIGIN_FOREIGN, "only a page of the portal itself may ask for that")


def check_may_change(found: Viewer) -> None:
    """Refuse a change by somebody of the seller who only looks at what the customer sees. Raises Forbidden."""
    if found.session.kind is SessionKind.OPERATOR:
        message = "you look at what the customer sees, and change nothing here; open a session of the customer"
        raise Forbidden(Reason.SCOPE_MISSING, message)


def set_cookie(response: Response, secret: str) -> None:
    """Have the browser keep the secret of a session where no script can read it."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(COOKIE_LIFE.total_seconds()),
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
    )


def origin_of(url: str) -> str:
    """Return the origin of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
