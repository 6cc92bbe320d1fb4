"""The application: routers, errors and headers put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from portal.operations.profiles import is_allowed_origin
from portal.web import (
    branding,
    bucket,
    changes,
    exploring,
    invoices,
    links,
    operators,
    overview,
    pages,
    portal_session,
    problems,
    revenue,
    saved_views,
)
from portal.web.headers import Headers
from portal.web.tracing import Traced

if TYPE_CHECKING:
    from portal.web.parts import Parts

API: Final = "/api/v1"
_DESCRIPTION: Final = (
    "What the pages of the customers' portal ask. Every request carries the token of a session as a bearer token, or "
    "the cookie of a link that was opened, and concerns the one customer of that session. Quantities and amounts are "
    "decimal text. Errors are problem documents (RFC 9457) with the stable reasons of the suite."
)


def api() -> FastAPI:
    """Return the application without anything to work with, which is enough to describe it."""
    app = FastAPI(
        title="Meterline portal",
        version="1",
        description=_DESCRIPTION,
        # They load their scripts from another host.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=_operation_name,
    )
    routes = APIRouter(prefix=API, responses=problems.PROBLEMS)
    for noun in (
        portal_session,
        exploring,
        bucket,
        overview,
        invoices,
        saved_views,
        changes,
        operators,
        revenue,
        branding,
    ):
        routes.include_router(noun.router)
    app.include_router(routes)
    app.include_router(links.router)
    app.include_router(pages.router)
    problems.install(app)
    return app


def create_app(parts: Parts) -> FastAPI:
    """Return the application as it is served."""
    app = api()
    app.state.parts = parts

    async def is_allowed(origin: str) -> bool:
        return await is_allowed_origin(parts.deps, origin)

    app.add_middleware(Traced)
    app.add_middleware(Headers, is_allowed=is_allowed, instruments=parts.deps.instruments)
    return app


def _operation_name(route: APIRoute) -> str:
    return route.name
