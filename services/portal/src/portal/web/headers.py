"""What every answer tells the browser: load nothing from elsewhere, be framed by nobody who may not, guess no types."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.datastructures import MutableHeaders

from chassis.errors import Reason, TooBig
from portal.web import problems

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from portal.telemetry import Instruments

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; require-trusted-types-for 'script'; "
    "trusted-types lit-html"
)
_METHODS: Final = "GET, POST, DELETE"
_ALLOWED_HEADERS: Final = "authorization, content-type, if-none-match"
_EXPOSED_HEADERS: Final = "etag, x-meterline-complete-until, retry-after"
_PREFLIGHT_KEPT_S: Final = "600"
_API: Final = "/api/v1/"
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_BODY_BYTES_MAX: Final = 16 * 1024
_PROFILE_PATH: Final = "/api/v1/operator/profile"
_PROFILE_BYTES_MAX: Final = 512 * 1024
"""A profile has a logo in it, and labels."""


def policy_for(frame_ancestors: Sequence[str], *, frames_own: bool = False) -> str:
    """Return the content security policy of a page that these origins may frame; `frames_own`: it frames our own."""
    if frames_own:
        return f"{_POLICY}; frame-src 'self'; frame-ancestors 'none'"
    return f"{_POLICY}; frame-ancestors {' '.join(frame_ancestors) or chr(39) + 'none' + chr(39)}"


class Headers:
    """Writes the headers of every answer, answers preflights of allowed origins, and counts what was answered."""

    def __init__(self, app: ASGIApp, *, is_allowed: Callable[[str], Awaitable[bool]], instruments: Instruments) -> None:
        """Stand around `app`; `is_allowed` tells whether any tenant's profile allows an origin."""
        self._app = app
        self._is_allowed = is_allowed
        self._instruments = instruments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        state = scope.setdefault("state", {})

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._instruments.answered(message["status"], time.perf_counter() - started_s)
                if message["status"] == HTTPStatus.UNAUTHORIZED and "allowed_origin" not in state:
                    await self._let_read(scope, state)
                _write(MutableHeaders(scope=message), state)
            await send(message)

        if scope["method"] == "OPTIONS" and scope["path"].startswith(_API):
            await self._preflight(scope, send_with_headers)
            return
        bytes_max = _PROFILE_BYTES_MAX if scope["path"].startswith(_PROFILE_PATH) else _BODY_BYTES_MAX
        if scope["method"] not in _WITHOUT_BODY and not _is_short(scope, bytes_max):
            text = f"send a body of at most {bytes_max} bytes, and its length before it"
            await problems.answer(TooBig(Reason.MESSAGE_TOO_LARGE, text))(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    async def _let_read(self, scope: Scope, state: dict[str, object]) -> None:
        """Let a script read that its token is no good, and renew it: no session tells here whose page it is on."""
        origin = dict(scope["headers"]).get(b"origin", b"").decode("latin-1")
        if origin and scope["path"].startswith(_API) and await self._is_allowed(origin):
            state["allowed_origin"] = origin

    async def _preflight(self, scope: Scope, send: Send) -> None:
        """Answer whether a script of another page may ask: it names no tenant yet, so any tenant's profile counts.

        What it then asks is held to the profile of its own tenant.
        """
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        answer: list[tuple[bytes, bytes]] = []
        if origin and await self._is_allowed(origin):
            answer = [
                (b"access-control-allow-origin", origin.encode("latin-1")),
                (b"access-control-allow-methods", _METHODS.encode()),
                (b"access-control-allow-headers", _ALLOWED_HEADERS.encode()),
                (b"access-control-max-age", _PREFLIGHT_KEPT_S.encode()),
                (b"vary", b"origin"),
            ]
        await send({"type": "http.response.start", "status": 204, "headers": answer})
        await send({"type": "http.response.body", "body": b""})


def _is_short(scope: Scope, bytes_max: int) -> bool:
    """Whether a request says that its body is no longer than any that is asked for here."""
    length = dict(scope["headers"]).get(b"content-length", b"")
    return length.isdigit() and int(length) <= bytes_max


def _write(headers: MutableHeaders, state: dict[str, object]) -> None:
    ancestors = state.get("frame_ancestors", ())
    policy = policy_for(ancestors if isinstance(ancestors, tuple) else (), frames_own=state.get("frames_own") is True)
    headers.setdefault("content-security-policy", policy)
    headers.setdefault("cache-control", "no-store")
    headers.setdefault("cross-origin-resource-policy", "same-origin")
    headers["referrer-policy"] = "no-referrer"
    headers["x-content-type-options"] = "nosniff"
    headers["cross-origin-opener-policy"] = "same-origin"
    headers["permissions-policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
    origin = state.get("allowed_origin")
    if isinstance(origin, str):
        headers["access-control-allow-origin"] = origin
        headers["access-control-expose-headers"] = _EXPOSED_HEADERS
        headers["cross-origin-resource-policy"] = "cross-origin"
        headers.add_vary_header("origin")
