"""What callers do who mean harm, or do not care: calls without requests, requests without an end, answers not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest

from chassis.errors import DeadlineExceeded, Overloaded, Reason, TooBig, Unauthenticated
from chassis.errors.status import from_rpc_error
from chassis.rpc.method import REQUEST_BYTES_MAX_DEFAULT
from testkit.http2 import RawConnection, raw_connection, resident_mib
from testkit.wait import eventually

SERVICE = "test.v1.EchoService"
METHOD = f"/{SERVICE}/Echo"
MIB = 1024 * 1024


async def echo(request: bytes, context: Any) -> bytes:
    return request


async def pour(request: bytes, context: Any) -> AsyncIterator[bytes]:
    while True:
        yield bytes(2 * MIB)


ECHO: dict[str, grpc.RpcMethodHandler[Any, Any]] = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
POUR: dict[str, grpc.RpcMethodHandler[Any, Any]] = {"Pour": grpc.unary_stream_rpc_method_handler(pour), **ECHO}


def bearer(running: Any, tenant: str = "acme") -> dict[str, str]:
    return {"authorization": f"Bearer {running.key.mint(tenant, ['read'])}"}


async def refused(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def is_answered(call: Any) -> bool:
    try:
        return bool(await call(b"x", timeout=5))
    except grpc.aio.AioRpcError:
        return False


async def connections(stack: AsyncExitStack, running: Any, count: int) -> list[RawConnection]:
    return [await stack.enter_async_context(raw_connection(running.address)) for _ in range(count)]


def all_answered(opened: list[tuple[RawConnection, int]]) -> bool:
    return all(number in connection.answered for connection, number in opened)


async def test_calls_without_a_token_are_ended_at_their_headers_and_take_nobodys_place(start: Any) -> None:
    running = await start(ECHO, calls_max=20)
    async with AsyncExitStack() as stack:
        attackers = await connections(stack, running, 3)
        opened = [(attacker, attacker.open(METHOD, {})) for attacker in attackers for _ in range(800)]

        assert await running.channel().unary_unary(METHOD)(b"x", timeout=5) == b"x"
        await eventually(lambda: all_answered(opened))


async def test_questions_about_the_server_without_an_end_take_nobodys_place(start: Any) -> None:
    running = await start(ECHO)
    path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    async with AsyncExitStack() as stack:
        attackers = await connections(stack, running, 3)
        opened = [(attacker, attacker.open(path, {})) for attacker in attackers for _ in range(800)]

        assert await running.channel().unary_unary(METHOD)(b"x", timeout=5) == b"x"
        await eventually(lambda: len([one for one in opened if all_answered([one])]) == 2400 - 16)


async def test_a_tenant_that_never_sends_its_requests_leaves_places_for_others(start: Any) -> None:
    running = await start(ECHO, calls_max=100, tenant_calls_max=60)
    async with AsyncExitStack() as stack:
        attackers = await connections(stack, running, 3)
        opened = [(attacker, attacker.open(METHOD, bearer(running))) for attacker in attackers for _ in range(200)]
        await eventually(lambda: len([one for one in opened if all_answered([one])]) == 600 - 60)

        other = running.channel(running.key.mint("globex", ["read"]))
        own = await refused(running.channel().unary_unary(METHOD)(b"x", timeout=5))

        assert await other.unary_unary(METHOD)(b"x", timeout=5) == b"x"
        assert isinstance(own, Overloaded)
        assert (own.reason, own.retry_after_s) == (Reason.OVERLOADED, 1.0)
    # Their connections are closed: the places are free again.
    await eventually(lambda: is_answered(running.channel().unary_unary(METHOD)))


@pytest.mark.parametrize("sent", [0, 10])
async def test_a_request_that_does_not_come_in_time_ends_its_call(start: Any, sent: int) -> None:
    running = await start(ECHO, tenant_calls_max=1, request_wait_s=0.2)
    async with raw_connection(running.address) as attacker:
        number = attacker.open(METHOD, bearer(running))
        if sent:
            await attacker.begin_request(number, 100, sent)

        await eventually(lambda: number in attacker.answered)

        assert await running.channel().unary_unary(METHOD)(b"x", timeout=5) == b"x"


async def test_the_caller_of_a_late_request_is_told_what_to_do(start: Any) -> None:
    running = await start(ECHO, request_wait_s=0.2)
    call = running.channel().stream_unary(METHOD)()

    error = await refused(call)

    assert isinstance(error, DeadlineExceeded)
    assert error.reason is Reason.REQUEST_LATE


async def test_a_call_without_a_request_is_the_callers_error(start: Any) -> None:
    running = await start(ECHO)
    nothing: list[bytes] = []

    error = await refused(running.channel().stream_unary(METHOD)(iter(nothing)))

    assert error.reason is Reason.REQUEST_INVALID


async def test_requests_of_nobody_are_not_kept_in_memory(start: Any) -> None:
    running = await start(ECHO)
    assert await running.channel().unary_unary(METHOD)(b"x") == b"x"
    before_mib = resident_mib()
    async with AsyncExitStack() as stack:
        attackers = await connections(stack, running, 4)
        opened = [(attacker, attacker.open(METHOD, {})) for attacker in attackers for _ in range(10)]
        sending = [
            asyncio.create_task(attacker.begin_request(number, 8 * MIB, 8 * MIB - 100)) for attacker, number in opened
        ]

        await eventually(lambda: all_answered(opened))
        await asyncio.wait(sending)

        assert resident_mib() - before_mib < 40


async def test_unfinished_requests_of_one_tenant_take_little_memory_and_none_of_the_room_of_others(start: Any) -> None:
    running = await start(ECHO, tenant_request_bytes_max=24 * MIB, request_bytes_max=40 * MIB)
    other = running.channel(running.key.mint("globex", ["read"])).unary_unary(METHOD)
    assert await other(b"x") == b"x"
    before_mib = resident_mib()
    async with AsyncExitStack() as stack:
        attackers = await connections(stack, running, 4)
        opened = [(attacker, attacker.open(METHOD, bearer(running))) for attacker in attackers for _ in range(25)]
        sending = [
            asyncio.create_task(attacker.begin_request(number, 8 * MIB, 8 * MIB - 100)) for attacker, number in opened
        ]
        await eventually(lambda: sum(task.done() for task in sending) == 3, 20)
        stack.callback(lambda: [task.cancel() for task in sending])

        assert await other(b"x", timeout=5) == b"x"
        assert resident_mib() - before_mib < 60
        assert not any(all_answered([one]) for one in opened)
    # Their connections are closed: the room is free again.
    await eventually(lambda: is_answered(running.channel().unary_unary(METHOD)))


async def test_two_tokens_in_one_call_are_refused_whichever_is_sound(start: Any) -> None:
    running = await start(ECHO)
    sound = ("authorization", bearer(running)["authorization"])
    other = ("authorization", "Bearer x")
    call = running.bare_channel().unary_unary(METHOD)

    for metadata in ((sound, other), (other, sound), (sound, sound)):
        error = await refused(call(b"x", metadata=metadata))
        assert isinstance(error, Unauthenticated)
        assert error.reason is Reason.TOKEN_INVALID


async def test_streams_that_nobody_reads_hold_little_and_leave_the_others_alone(start: Any) -> None:
    running = await start(POUR)
    assert await running.channel().unary_unary(METHOD)(b"x") == b"x"
    before_mib = resident_mib()
    async with raw_connection(running.address, window=0) as attacker:
        opened = [(attacker, attacker.open(f"/{SERVICE}/Pour", bearer(running))) for _ in range(500)]
        for _, number in opened:
            attacker.finish(number, b"")
        await eventually(lambda: len([one for one in opened if all_answered([one])]) == 500 - 20)
        other = running.channel(running.key.mint("globex", ["read"]))

        assert await other.unary_unary(METHOD)(b"x", timeout=5) == b"x"
        assert resident_mib() - before_mib < 100


async def test_an_answer_that_nobody_reads_keeps_its_place(start: Any) -> None:
    running = await start(ECHO, tenant_calls_max=1)
    async with raw_connection(running.address, window=0) as attacker:
        number = attacker.open(METHOD, bearer(running))
        attacker.finish(number, bytes(1000))
        own = running.channel().unary_unary(METHOD)

        # The call is done but for its bytes.
        await eventually(lambda: number in attacker.begun)
        error = await refused(own(b"x", timeout=5))

        assert isinstance(error, Overloaded)
    await eventually(lambda: is_answered(own))


async def test_a_tenant_that_calls_too_often_is_told_when_to_call_again(start: Any) -> None:
    running = await start(ECHO, tenant_calls_per_s=1.0)
    own = running.channel().unary_unary(METHOD)
    # What it may send in two seconds, and the one that overdraws it.
    for _ in range(3):
        await own(b"x")

    error = await refused(own(b"x"))

    assert isinstance(error, Overloaded)
    assert error.reason is Reason.RATE_LIMITED
    assert error.retry_after_s is not None
    assert await running.channel(running.key.mint("globex", ["read"])).unary_unary(METHOD)(b"x") == b"x"
    # A service of the suite works for all of them.
    assert await running.channel(running.key.mint_internal()).unary_unary(METHOD)(b"x") == b"x"


async def test_bytes_are_counted_before_the_next_request_is_read(start: Any) -> None:
    running = await start(ECHO, tenant_bytes_per_s=1000.0)
    own = running.channel().unary_unary(METHOD)
    assert await own(bytes(10_000)) == bytes(10_000)
    async with raw_connection(running.address) as connection:
        number = connection.open(METHOD, bearer(running))

        await eventually(lambda: number in connection.answered)


async def test_a_request_beyond_its_methods_size_is_refused_for_good(start: Any) -> None:
    running = await start(ECHO)

    error = await refused(running.channel().unary_unary(METHOD)(bytes(REQUEST_BYTES_MAX_DEFAULT + 1)))

    assert isinstance(error, TooBig)
    assert error.reason is Reason.MESSAGE_TOO_LARGE
