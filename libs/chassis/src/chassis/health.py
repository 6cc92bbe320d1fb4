"""Health on its own port: "readiness" and "" follow the checks; "liveness" only says that the event loop runs.

Readiness is about this process and its own database, never about a neighbor. Otherwise one service that is down would
take all the others out of the load balancer with it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from chassis.logs import get_logger
from chassis.tasks import wait_or_stop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

LIVENESS: Final = "liveness"
READINESS: Final = "readiness"
CHECK_INTERVAL_S: Final = 2.0
CHECK_TIMEOUT_S: Final = 2.0
_PROBES_MAX: Final = 1000

_log = get_logger(__name__)
_Status = health_pb2.HealthCheckResponse


class HealthServer:
    """A gRPC server with the standard health service only; it needs no token and reveals nothing but the state."""

    def __init__(self, listen: str) -> None:
        """Bind to `listen` ("host:port") immediately. Raises RuntimeError if the port is taken."""
        # Anybody may ask, so that nothing may be had from it but an answer.
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 4096)]
        self._server = grpc.aio.server(options=options, maximum_concurrent_rpcs=_PROBES_MAX)
        self._servicer = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, self._server)
        self.address = bind(self._server, listen)

    async def start(self) -> None:
        """Start serving, as alive but not ready."""
        await self._servicer.set(LIVENESS, _Status.SERVING)
        await self.set_ready(is_ready=False)
        await self._server.start()

    async def set_ready(self, *, is_ready: bool) -> None:
        """Report whether the service accepts calls."""
        status = _Status.SERVING if is_ready else _Status.NOT_SERVING
        for service in ("", READINESS):
            await self._servicer.set(service, status)

    async def stop(self) -> None:
        """Stop at once: health probes have nothing to finish."""
        await self._server.stop(None)


class ProblemBoard(Protocol):
    """Where the monitor shows what is wrong, by name of the check."""

    problems: Mapping[str, str]


class ReadinessMonitor:
    """Runs the checks every two seconds and tells the health server; a check returns what is wrong, or None."""

    def __init__(
        self,
        server: HealthServer,
        checks: dict[str, Callable[[], Awaitable[str | None]]],
        board: ProblemBoard | None = None,
        *,
        interval_s: float = CHECK_INTERVAL_S,
    ) -> None:
        """Watch `checks` (name -> check), and show on `board` what is wrong."""
        self._board = board
        self._server = server
        self._checks = checks
        self._interval_s = interval_s
        self._last: dict[str, str] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Check until `stop` is set, and then mark the service as not ready."""
        while not stop.is_set():
            await self.check()
            await wait_or_stop(self._interval_s, stop)
        await self._server.set_ready(is_ready=False)

    async def check(self) -> dict[str, str]:
        """Run every check once, tell the health server, and return what is wrong, by name of the check."""
        problems: dict[str, str] = {}
        for name, check in self._checks.items():
            try:
                async with asyncio.timeout(CHECK_TIMEOUT_S):
                    problem = await check()
            except Exception as error:  # noqa: BLE001 - a check that can't answer counts as failed
                problem = f"the check failed: {type(error).__name__}"
            if problem is not None:
                problems[name] = problem
        if problems != self._last:
            self._last = problems
            if problems:
                _log.warning("not ready", problems=problems)
            else:
                _log.info("ready")
        if self._board is not None:
            self._board.problems = problems
        await self._server.set_ready(is_ready=not problems)
        return problems


def bind(server: grpc.aio.Server, listen: str, credentials: grpc.ServerCredentials | None = None) -> str:
    """Bind `server` to `listen` ("host:port", port 0 = any) and return the address with the real port.

    Without `credentials` the port speaks plain text, which is all that probes of Kubernetes understand.
    """
    host, _, _ = listen.rpartition(":")
    port = server.add_insecure_port(listen) if credentials is None else server.add_secure_port(listen, credentials)
    if port == 0:
        raise RuntimeError(f"can't listen on {listen}")
    return f"{host}:{port}"
