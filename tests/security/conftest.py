"""The front door of all services on one port: their real policies and rules, before handlers that say nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any, Final, cast

import grpc
import pytest
import pytest_asyncio
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from pydantic import SecretStr

from chassis.auth import TokenVerifier
from chassis.clock import SystemClock
from chassis.errors import MeterlineError
from chassis.errors.status import from_rpc_error
from chassis.identity import CUSTOMER_METADATA, TENANT_METADATA, Scope
from chassis.rpc.method import CustomerConcern
from chassis.rpc.server import RpcServer, Served
from chassis.settings import ServiceSettings
from eventlog.audit import served_audit
from eventlog.service import served_feed
from meterline.suite.services import SERVICES
from testkit.tokens import SigningKey

_ROOMS: Final = [import_module(f"{service.package or service.name}.rpc") for service in SERVICES]


@dataclass(frozen=True)
class Method:
    """A method of the suite, and what its service decided about it."""

    path: str
    described: MethodDescriptor
    scopes: frozenset[Scope]
    checks_itself: bool
    concern: CustomerConcern


@dataclass
class Door:
    """The served methods, a key that the door trusts, and a way to knock."""

    channel: Any  # the stubs do not know of calls on bytes
    key: SigningKey
    heard: list[Message]
    """The requests that handlers got."""

    def token(self, scope: Scope, tenant: str = "acme") -> str:
        """A sound token of one scope."""
        return self.key.mint_internal() if scope is Scope.INTERNAL else self.key.mint(tenant, [scope])

    async def knock(
        self,
        method: Method,
        token: str | None,
        request: Message | None = None,
        *,
        tenant: str | None = None,
        customer: str | None = None,
    ) -> MeterlineError | None:
        """Call a method; return what it refused with, or None if it answered."""
        metadata = [] if token is None else [("authorization", f"Bearer {token}")]
        metadata += [] if tenant is None else [(TENANT_METADATA, tenant)]
        metadata += [] if customer is None else [(CUSTOMER_METADATA, customer)]
        data = b"" if request is None else request.SerializeToString()
        try:
            if method.described.server_streaming:
                async for _ in self.channel.unary_stream(method.path)(data, metadata=metadata, timeout=10):
                    raise AssertionError("the handlers behind the door say nothing")
            else:
                await self.channel.unary_unary(method.path)(data, metadata=metadata, timeout=10)
        except grpc.aio.AioRpcError as error:
            return from_rpc_error(error)
        return None


def _served() -> list[Served]:
    # None of the handlers is ever called: these tests end before them.
    nothing = cast("Any", None)
    rooms = [room.served(*[nothing] * len(signature(room.served).parameters)) for room in _ROOMS]
    return [*rooms, served_feed(nothing, nothing), served_audit(nothing)]


def _described(path: str) -> MethodDescriptor:
    return descriptor_pool.Default().FindMethodByName(path[1:].replace("/", "."))


def _methods() -> list[Method]:
    return [
        Method(path, _described(path), declared.scopes, declared.checks_itself, declared.concern)
        for part in _served()
        for path, declared in part.methods.items()
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for every `method` it asks for, or for those of them that its name for it says."""
    methods = _methods()
    chosen = {
        "method": methods,
        "checked_method": [one for one in methods if not one.checks_itself],
        "method_of_customers": [one for one in methods if one.concern.in_field],
        "method_of_objects": [one for one in methods if one.concern.object_fields],
        "method_of_tenants": [one for one in methods if one.concern.is_of_tenant],
    }
    for name in chosen.keys() & metafunc.fixturenames:
        metafunc.parametrize(name, chosen[name], ids=lambda method: method.path.rpartition(".")[2])


async def _owner(_tenant: str, *names: str) -> str | None:
    """Objects whose names end in the name of a customer are that one's; there are no others."""
    return next((customer for customer in ("ann", "bob") if names[-1].endswith(customer)), None)


def _silenced(part: Served, heard: list[Message]) -> Served:
    """The same rules for the same methods, each of which answers with an empty message or an empty stream."""

    async def answer(request: Message, context: Any) -> Message:
        heard.append(request)
        return responses[type(request)]()

    async def stream(request: Message, context: Any) -> AsyncIterator[Message]:
        heard.append(request)
        nothing: tuple[Message, ...] = ()
        for response in nothing:
            yield response

    responses: dict[type[Message], type[Message]] = {}
    handlers: dict[str, dict[str, Any]] = {}
    for method in map(_described, part.methods):
        request_type, response_type = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        responses[request_type] = response_type
        make: Any = grpc.unary_unary_rpc_method_handler
        if method.server_streaming:
            make = grpc.unary_stream_rpc_method_handler
        handlers.setdefault(method.containing_service.full_name, {})[method.name] = make(
            stream if method.server_streaming else answer,
            request_deserializer=request_type.FromString,
            response_serializer=response_type.SerializeToString,
        )

    def add(server: Any) -> None:
        for name, methods in handlers.items():
            server.add_registered_method_handlers(name, methods)

    owners = {name: replace(kind, find_owner=_owner) for name, kind in part.owners.items()}
    return replace(part, add=add, owners=owners)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """All services behind one port, open."""
    key = SigningKey.generate()
    jwks_file: Path = key.write_jwks(tmp_path_factory.mktemp("door") / "jwks.json")
    settings = ServiceSettings(dsn=SecretStr("postgresql://nobody@localhost/none"), jwks_file=jwks_file)
    verifier = TokenVerifier(jwks_file, settings.audience, SystemClock())
    heard: list[Message] = []
    server = RpcServer([_silenced(part, heard) for part in _served()], settings, verifier)
    await server.start()
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(server.address, options=options) as channel:
        yield Door(channel, key, heard)
    await server.stop(0)
