"""The RPC server of a service: every method guarded, every size and rate limited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import grpc
from grpc_reflection.v1alpha import reflection

from chassis.auth import Policy, TokenVerifier
from chassis.health import bind
from chassis.rpc.guard import CallGuard, CallRules, Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from chassis.settings import ServiceSettings

_STREAMS_MAX: Final = 1024
_FEEDS_MAX: Final = 256


class PolicyError(Exception):
    """A method that nobody decided about, or a decision about no method: the service must not start."""


@dataclass(frozen=True)
class Served:
    """One or more gRPC services a process offers, and what holds for their methods (full names, "/pkg.Service/M")."""

    add: Callable[[grpc.aio.Server], None]
    service_names: Sequence[str]
    policy: Policy
    unvalidated: frozenset[str] = frozenset()
    """Hot methods that check their requests themselves, without protovalidate."""
    long_streams: frozenset[str] = frozenset()
    """Streams that live for hours (feeds): no span, no place among the calls in work; they must watch `draining`."""


class RpcServer:
    """A grpc.aio server whose every method has a policy. Raises PolicyError when made, if one has none."""

    def __init__(
        self,
        served: Sequence[Served],
        settings: ServiceSettings,
        verifier: TokenVerifier,
        *,
        gate: Gate | None = None,
    ) -> None:
        """Build and bind the server; an open `gate` lets calls in from the start (the default)."""
        rules = CallRules(
            policy={method: scopes for part in served for method, scopes in part.policy.items()},
            unvalidated=frozenset().union(*(part.unvalidated for part in served)),
            long_streams=frozenset().union(*(part.long_streams for part in served)),
            calls_max=settings.calls_max,
            gate=gate or Gate(is_open=True),
        )
        self._server = grpc.aio.server(
            options=server_options(settings),
            # A backstop behind the guard's own limit, which can say when to come again; feeds count here too.
            maximum_concurrent_rpcs=settings.calls_max * 2 + _FEEDS_MAX,
        )
        methods = _register(self._server, served, CallGuard(rules, verifier))
        check_policy(methods, served)
        if settings.reflection_enabled:
            names = [name for part in served for name in part.service_names]
            reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], self._server)
        self.address = bind(self._server, settings.listen)

    async def start(self) -> None:
        """Accept calls."""
        await self._server.start()

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls, let those in flight finish for up to `grace_s` seconds, then cancel the rest."""
        await self._server.stop(grace_s)


def server_options(settings: ServiceSettings) -> list[tuple[str, int]]:
    """Return gRPC's options: every size, age and rate of a connection has a limit."""
    return [
        ("grpc.max_receive_message_length", settings.message_bytes_max),
        ("grpc.max_send_message_length", settings.message_bytes_max),
        # Off, or two services told the same port by mistake would share its calls at random.
        ("grpc.so_reuseport", int(settings.reuse_port)),
        ("grpc.max_concurrent_streams", _STREAMS_MAX),
        # gRPC adds 10 % of jitter itself, so that clients do not all come back at once.
        ("grpc.max_connection_age_ms", round(settings.connection_age_s * 1000)),
        ("grpc.max_connection_age_grace_ms", round(max(settings.drain_s, 1.0) * 1000)),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.max_ping_strikes", 2),
        ("grpc.max_metadata_size", 16 * 1024),
    ]


class _Registrar:
    """Stands in for the server while services register: guards each handler and notes the names of the methods."""

    def __init__(self, server: grpc.aio.Server, guard: CallGuard) -> None:
        self._server = server
        self._guard = guard
        self.methods: dict[str, set[str]] = {}

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Note the service only. Generated code adds each handler both ways; by name is the way that can be guarded."""
        for handler in handlers:
            if not isinstance(handler, grpc.ServiceRpcHandler):
                raise PolicyError("a generic handler without a service name can't be served: no policy can cover it")
            self.methods.setdefault(handler.service_name(), set())

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Register the guarded methods of `service` with the server."""
        self.methods.setdefault(service, set()).update(handlers)
        guarded = {name: self._guard.guard(f"/{service}/{name}", handler) for name, handler in handlers.items()}
        self._server.add_registered_method_handlers(service, guarded)


def _register(server: grpc.aio.Server, served: Sequence[Served], guard: CallGuard) -> dict[str, set[str]]:
    registrar = _Registrar(server, guard)
    for part in served:
        part.add(cast("grpc.aio.Server", registrar))
    return registrar.methods


def check_policy(methods: Mapping[str, set[str]], served: Sequence[Served]) -> None:
    """Raise PolicyError unless methods and policies match one to one; an empty set of scopes is no policy either."""
    named = {name for part in served for name in part.service_names}
    if named != set(methods):
        raise PolicyError(f"service_names say {sorted(named)}, but registered are {sorted(methods)}")
    full_names = {f"/{service}/{method}" for service, names in methods.items() for method in names}
    decided: set[str] = set()
    for part in served:
        for method, scopes in part.policy.items():
            if method not in full_names:
                raise PolicyError(f"the policy names {method}, which is not served")
            if scopes:
                decided.add(method)
        for method in part.unvalidated | part.long_streams:
            if method not in full_names:
                raise PolicyError(f"the rules name {method}, which is not served")
    for method in sorted(full_names - decided):
        raise PolicyError(f"no policy for {method}: say which scopes may call it")
