"""What a server does not take: too little time, too large a message, too many calls, a method nobody decided about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from chassis.auth import TokenVerifier
from chassis.clock import SystemClock
from chassis.deadline import current_deadline_s, within_deadline_s
from chassis.errors import DeadlineExceeded, Overloaded, Reason, TooBig, Unavailable
from chassis.errors.status import from_rpc_error
from chassis.identity import Scope
from chassis.rpc.method import Method, PolicyError
from chassis.rpc.rules import Gate
from chassis.rpc.server import RpcServer, Served
from testkit.wait import eventually

SERVICE = "test.v1.EchoService"
METHOD = f"/{SERVICE}/Echo"


async def echo(request: bytes, context: Any) -> bytes:
    return request


async def time_left(request: bytes, context: Any) -> bytes:
    return repr(current_deadline_s()).encode()


ECHO: dict[str, grpc.RpcMethodHandler[Any, Any]] = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
TIME_LEFT: dict[str, grpc.RpcMethodHandler[Any, Any]] = {"Echo": grpc.unary_unary_rpc_method_handler(time_left)}


async def refused(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


def token_of(running: Any) -> tuple[tuple[str, str]]:
    return (("authorization", f"Bearer {running.key.mint('acme', ['read'])}"),)


async def test_a_unary_call_with_too_little_time_left_is_refused_at_once(start: Any) -> None:
    running = await start(ECHO)

    error = await refused(running.bare_channel().unary_unary(METHOD)(b"", timeout=0.09, metadata=token_of(running)))

    assert isinstance(error, DeadlineExceeded)
    assert error.reason is Reason.DEADLINE_TOO_SHORT


async def test_a_handler_knows_how_much_time_is_left_and_none_means_no_limit(start: Any) -> None:
    running = await start(TIME_LEFT)
    call = running.bare_channel().unary_unary(METHOD)

    limited = float(await call(b"", timeout=5, metadata=token_of(running)))
    unlimited = await call(b"", metadata=token_of(running))

    assert 4 < limited <= 5.1
    assert unlimited == b"None"


async def test_the_next_call_gets_what_is_left_less_a_reserve(start: Any) -> None:
    running = await start(TIME_LEFT)
    call = running.channel().unary_unary(METHOD)

    with within_deadline_s(2.0):
        inherited = float(await call(b""))
        shorter = float(await call(b"", timeout=1))
    default = float(await call(b""))

    # gRPC rounds up a little on its way through the wire.
    assert 1.5 < inherited <= 1.99
    assert 0.5 < shorter <= 1.1
    assert 20 < default <= 30.1


async def test_no_time_left_is_told_before_anything_is_sent(start: Any) -> None:
    running = await start(ECHO)

    with within_deadline_s(0.01), pytest.raises(DeadlineExceeded):
        await running.channel().unary_unary(METHOD)(b"")


async def test_a_message_larger_than_the_limit_is_refused_for_good(start: Any) -> None:
    running = await start(ECHO, message_bytes_max=64 * 1024)
    channel = running.bare_channel(("grpc.max_send_message_length", -1))

    error = await refused(channel.unary_unary(METHOD)(b"x" * 70_000, metadata=token_of(running)))

    assert isinstance(error, TooBig)
    assert error.retry_after_s is None


async def test_a_small_message_that_unpacks_to_a_huge_one_is_refused(start: Any) -> None:
    running = await start(ECHO, message_bytes_max=1024 * 1024)
    channel = running.bare_channel(("grpc.max_send_message_length", -1))
    call = channel.unary_unary(METHOD)

    error = await refused(call(bytes(64 << 20), metadata=token_of(running), compression=grpc.Compression.Gzip))

    assert isinstance(error, TooBig)
    assert await call(b"still here", metadata=token_of(running)) == b"still here"


async def test_one_call_too_many_is_told_when_to_come_again(start: Any) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(request: bytes, context: Any) -> bytes:
        entered.set()
        await leave.wait()
        return request

    running = await start({"Echo": grpc.unary_unary_rpc_method_handler(slow)}, calls_max=1)
    call = running.channel().unary_unary(METHOD)
    first = asyncio.ensure_future(call(b"first"))
    await asyncio.wait_for(entered.wait(), 5)

    error = await refused(call(b"second"))
    leave.set()

    assert isinstance(error, Overloaded)
    assert error.retry_after_s == 1.0
    assert await first == b"first"
    assert await call(b"third") == b"third"


async def test_feeds_take_no_place_among_the_calls_in_work(start: Any) -> None:
    async def feed(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"segment"
        await asyncio.Event().wait()

    handlers = {**ECHO, "Feed": grpc.unary_stream_rpc_method_handler(feed)}
    running = await start(handlers, calls_max=1, feeds=frozenset({f"/{SERVICE}/Feed"}))
    channel = running.channel()
    feeds = [channel.unary_stream(f"/{SERVICE}/Feed")(b"") for _ in range(2)]
    for stream in feeds:
        assert await stream.read() == b"segment"

    assert await channel.unary_unary(METHOD)(b"x") == b"x"

    for stream in feeds:
        stream.cancel()


async def test_calls_wait_outside_until_the_gate_opens(start: Any) -> None:
    gate = Gate()
    running = await start(ECHO, gate=gate)
    call = running.channel().unary_unary(METHOD)

    error = await refused(call(b""))
    gate.is_open = True

    assert isinstance(error, Unavailable)
    assert (error.reason, error.retry_after_s) == (Reason.SERVICE_NOT_READY, 1.0)
    assert await call(b"x") == b"x"


async def test_an_idempotent_read_is_repeated_while_the_service_is_not_ready(start: Any, echo_service: Any) -> None:
    gate, tries = Gate(is_open=True), []

    async def flaky(request: bytes, context: Any) -> bytes:
        tries.append(request)
        if len(tries) < 3:
            raise Unavailable(Reason.DATABASE_UNAVAILABLE, "again")
        return request

    running = await start({"Echo": grpc.unary_unary_rpc_method_handler(flaky)}, gate=gate)
    channel = running.channel(services=[echo_service])

    assert await channel.unary_unary(METHOD)(b"x") == b"x"
    assert len(tries) == 3


async def test_a_drained_server_lets_calls_in_flight_finish_and_takes_no_new_ones(start: Any) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(request: bytes, context: Any) -> bytes:
        entered.set()
        await leave.wait()
        return b"done"

    running = await start({"Echo": grpc.unary_unary_rpc_method_handler(slow)})
    call = running.channel().unary_unary(METHOD)
    in_flight = asyncio.ensure_future(call(b""))
    await asyncio.wait_for(entered.wait(), 5)

    stopping = asyncio.create_task(running.server.stop(10))
    error = await eventually(lambda: refused(call(b"", timeout=1)))
    leave.set()

    assert isinstance(error, Unavailable)
    assert await in_flight == b"done"
    await asyncio.wait_for(stopping, 5)


async def test_an_unknown_method_is_unimplemented(start: Any) -> None:
    running = await start(ECHO)

    error = await refused(running.channel().unary_unary(f"/{SERVICE}/Other")(b""))

    assert error.reason is Reason.METHOD_UNKNOWN


async def test_a_malformed_message_is_the_callers_error(start: Any) -> None:
    handler = grpc.unary_unary_rpc_method_handler(
        echo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionRequest.SerializeToString,
    )
    running = await start({"Echo": handler})

    error = await refused(running.channel().unary_unary(METHOD)(b"\xff\xff\xff"))

    assert error.reason is Reason.REQUEST_INVALID


async def names_by_reflection(channel: Any) -> list[str]:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    stub = cast("Any", reflection_pb2_grpc).ServerReflectionStub(channel)
    answers = [answer async for answer in stub.ServerReflectionInfo(iter([request]))]
    return [service.name for service in answers[0].list_services_response.service]


async def test_a_server_describes_itself_in_development(start: Any) -> None:
    running = await start(ECHO)

    assert SERVICE in await names_by_reflection(running.bare_channel())


@pytest.mark.parametrize("changed", [{"environment": "production"}, {"reflection": False}])
async def test_a_server_keeps_its_shape_to_itself_elsewhere(start: Any, changed: dict[str, object]) -> None:
    running = await start(ECHO, **changed)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await names_by_reflection(running.bare_channel())

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def add_echo(server: grpc.aio.Server) -> None:
    server.add_registered_method_handlers(SERVICE, ECHO)


async def test_a_policy_for_nothing_and_a_method_without_one_stop_the_start(echo_settings: Any) -> None:
    verifier = TokenVerifier(echo_settings.jwks_file, "meterline", SystemClock())
    allowed = Method(frozenset(Scope))

    for methods, said in (
        ({}, f"no policy for {METHOD}"),
        ({METHOD: allowed, f"/{SERVICE}/Gone": allowed}, "Gone has a policy and is not served"),
    ):
        with pytest.raises(PolicyError, match=said):
            RpcServer([Served(add_echo, methods)], echo_settings, verifier)


async def test_a_port_that_is_taken_stops_the_start(start: Any) -> None:
    running = await start(ECHO)

    with pytest.raises(RuntimeError, match=r"listen|bind"):
        await start(ECHO, listen=running.address)
