"""The RPC server of a service: every method is guarded, and every size and rate is limited."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import grpc

from chassis.auth import TokenVerifier
from chassis.health import bind
from chassis.rpc.binding import Binding, OwnedKind
from chassis.rpc.guard import CallGuard
from chassis.rpc.method import PolicyError
from chassis.rpc.places import PlaceLimits
from chassis.rpc.rates import call_rates
from chassis.rpc.reflecting import add_reflection
from chassis.rpc.room import RoomLimits
from chassis.rpc.rules import CallRules, Gate
from chassis.tls.server import server_credentials

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from chassis.rpc.method import Method
    from chassis.settings import ServiceSettings
    from chassis.tls.files import TlsSource

_STREAMS_MAX: Final = 1024
_FEEDS_MAX: Final = 256
_PENDING_MAX: Final = 10_000


@dataclass(frozen=True)
class Served:
    """A gRPC service that a process offers, and what its contract declares for its methods, by full name.

    `owners` has an entry for every kind of object that the contract says belongs to a customer.
    """

    add: Callable[[grpc.aio.Server], None]
    methods: Mapping[str, Method]
    owners: Mapping[str, OwnedKind] = field(default_factory=dict)

    def bindings(self) -> dict[str, Binding]:
        """Return the rule that holds callers to their customer, by method. Raises PolicyError for an unknown kind."""
        found: dict[str, Binding] = {}
        for name, method in self.methods.items():
            kind = method.concern.owner_of
            if kind and kind not in self.owners:
                raise PolicyError(f"{name} concerns the customer of a {kind}, and its service can't tell whose that is")
            found[name] = Binding(method.concern, self.owners.get(kind))
        return found


class RpcServer:
    """A grpc.aio server that offers exactly the methods whose policy it knows. Raises PolicyError if they differ."""

    def __init__(
        self,
        served: Sequence[Served],
        settings: ServiceSettings,
        verifier: TokenVerifier,
        *,
        gate: Gate | None = None,
        tls: TlsSource | None = None,
        refusals: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        """Build and bind the server; an open `gate` lets calls in from the start (the default).

        With `tls` its ports speak TLS by these certificates, and services of the suite must prove their names.
        `refusals` records in the audit trail what administrators were refused.
        """
        rules = CallRules(
            methods={name: method for part in served for name, method in part.methods.items()},
            bindings={name: binding for part in served for name, binding in part.bindings().items()},
            places=PlaceLimits(settings.calls_max, settings.tenant_calls_max, settings.tenant_streams_max),
            rates=call_rates(settings),
            room=RoomLimits(settings.request_bytes_max, settings.tenant_request_bytes_max, settings.message_bytes_max),
            request_wait_s=settings.request_wait_s,
            gate=gate or Gate(is_open=True),
            internal_names=settings.tls_internal_names if tls is not None and settings.speaks_tls else None,
            refusals=refusals,
        )
        self._server = grpc.aio.server(
            options=server_options(settings),
            # A backstop far behind the guard's own limits, which know whose calls they are and when to call again.
            maximum_concurrent_rpcs=settings.calls_max * 2 + _FEEDS_MAX + _PENDING_MAX,
        )
        services = _register(self._server, served, CallGuard(rules, verifier))
        if settings.reflection_enabled:
            add_reflection(services, self._server)
        self.internal_address: str | None = None
        if tls is None or not settings.speaks_tls:
            self.address = bind(self._server, settings.listen)
            return
        demands = settings.tls_client_certs == "required"
        self.address = bind(self._server, settings.listen, server_credentials(tls, demands_certificate=demands))
        if settings.internal_listen is not None:
            credentials = server_credentials(tls, demands_certificate=True)
            self.internal_address = bind(self._server, settings.internal_listen, credentials)

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
        # Off by default, because two services given the same port by mistake would share its calls at random.
        ("grpc.so_reuseport", int(settings.reuse_port)),
        ("grpc.max_concurrent_streams", _STREAMS_MAX),
        ("grpc.max_allowed_incoming_connections", settings.connections_max),
        # Calls that the event loop has not looked at yet. From the first limit on gRPC drops some at random; its
        # default of 1000 would let one who opens many calls at once without a token have those of others dropped.
        ("grpc.server.max_pending_requests", _PENDING_MAX),
        ("grpc.server.max_pending_requests_hard_limit", 2 * _PENDING_MAX),
        # gRPC itself adds 10 % of jitter, so that clients do not all reconnect at once.
        ("grpc.max_connection_age_ms", round(settings.connection_age_s * 1000)),
        ("grpc.max_connection_age_grace_ms", round(max(settings.drain_s, 1.0) * 1000)),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.max_ping_strikes", 2),
        ("grpc.max_metadata_size", 16 * 1024),
        # Otherwise gRPC lets fast callers send megabytes ahead, also of a request that nobody reads yet.
        ("grpc.http2.bdp_probe", 0),
    ]


class _Registrar:
    """Stands in for the server while services register, and guards each handler for which the contract has a policy."""

    def __init__(self, server: grpc.aio.Server, guard: CallGuard, methods: Mapping[str, Method]) -> None:
        self._server = server
        self._guard = guard
        self._declared = methods
        self.registered: set[str] = set()

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Do nothing: generated code adds each handler in two ways, and only the way by name can be guarded."""
        for handler in handlers:
            if not isinstance(handler, grpc.ServiceRpcHandler):
                raise PolicyError("a generic handler without a service name can't be served: no policy can cover it")

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Register the guarded methods of `service` with the server."""
        guarded = {}
        for name, handler in handlers.items():
            full_name = f"/{service}/{name}"
            if full_name not in self._declared:
                raise PolicyError(f"no policy for {full_name}: serve it with the methods that its contract declares")
            guarded[name] = self._guard.guard(full_name, handler)
            self.registered.add(full_name)
        self._server.add_registered_method_handlers(service, guarded)


def _register(server: grpc.aio.Server, served: Sequence[Served], guard: CallGuard) -> list[str]:
    """Register what is served and return the names of the services."""
    for part in served:
        registrar = _Registrar(server, guard, part.methods)
        part.add(cast("grpc.aio.Server", registrar))
        for method in sorted(part.methods.keys() - registrar.registered):
            raise PolicyError(f"{method} has a policy and is not served")
    return sorted({method.split("/")[1] for part in served for method in part.methods})
