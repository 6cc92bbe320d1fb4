"""The HTTP server of the portal, run by the process as one of its loops."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn

from chassis.startup import SettingsError
from chassis.tls.plaintext import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

_STOP_S: Final = 2
"""Seconds that answers in work get at the end; streams have ended before, when the process began to drain."""
_BACKLOG: Final = 2048
_HEADERS_BYTES_MAX: Final = 32 * 1024
_IDLE_S: Final = 30


def listening(address: str, *, plaintext_allowed: bool) -> socket.socket:
    """Return a socket on host:port, in which connections wait until the server serves. Raises SettingsError."""
    if not plaintext_allowed and not is_loopback(address):
        raise SettingsError(
            f"PORTAL_HTTP_LISTEN={address} would serve plain text beyond this machine: listen on 127.0.0.1, or set "
            "PORTAL_PLAINTEXT=allowed if what stands before it speaks TLS to browsers"
        )
    host, _, port = address.rpartition(":")
    try:
        return socket.create_server((host.strip("[]"), int(port)), backlog=_BACKLOG)
    except (OSError, ValueError) as error:
        raise SettingsError(f"can't listen on PORTAL_HTTP_LISTEN={address}: {error}; name a free host:port") from error


def address_of(listener: socket.socket) -> str:
    """Return host:port of a socket."""
    host, port, *_ = listener.getsockname()
    return f"{host}:{port}"


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process, which ends its loops in order."""
        yield


class WebServer:
    """Serves an application on a socket."""

    def __init__(self, app: FastAPI, listener: socket.socket) -> None:
        """Serve `app` on `listener`, which is kept open: the loop may be started again."""
        self._app = app
        self._listener = listener

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until told to stop, then let answers in work end."""
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=_STOP_S,
            timeout_keep_alive=_IDLE_S,
            h11_max_incomplete_event_size=_HEADERS_BYTES_MAX,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve([self._listener.dup()]))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.should_exit = True
            stopped.cancel()
            await serving
