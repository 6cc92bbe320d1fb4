"""A span for each question of a page, below which the calls stand that it makes to other services."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import SpanKind, Status, StatusCode

from chassis.telemetry import start_span

if TYPE_CHECKING:
    from opentelemetry.trace import Span
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHOD: Final = "http.request.method"
ROUTE: Final = "http.route"
STATUS: Final = "http.response.status_code"
"""Names from OpenTelemetry's HTTP conventions."""
_HOME: Final = "/api/v1"
_STREAM: Final = f"{_HOME}/changes"
"""It stays open for as long as a page does, so it has no span, as feeds have none."""


class Traced:
    """Opens a span for each question; neither parameters nor names of customers or invoices are in it."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand around `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(f"{_HOME}/") or path == _STREAM:
            await self._app(scope, receive, send)
            return

        async def send_noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                _note(span, scope, message["status"])
            await send(message)

        # Browsers send no trace of theirs, and what others claim is not taken over: each question begins its own.
        with start_span(scope["method"], kind=SpanKind.SERVER, attributes={METHOD: scope["method"]}, root=True) as span:
            await self._app(scope, receive, send_noting)


def _note(span: Span, scope: Scope, status: int) -> None:
    own_path = getattr(scope.get("route"), "path", None)
    if own_path is not None:
        # A route knows its path within the router that it was declared in.
        route = _HOME + own_path.removeprefix(_HOME)
        # The route as it is written, so that there are as many names as routes.
        span.update_name(f"{scope['method']} {route}")
        span.set_attribute(ROUTE, route)
    span.set_attribute(STATUS, status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.set_status(Status(StatusCode.ERROR))
