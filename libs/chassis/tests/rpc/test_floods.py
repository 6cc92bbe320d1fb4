"""Floods below the level of calls: taken back, never complete, or connections and nothing else."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Final

import grpc
import pytest

from testkit.http2 import raw_connection, resident_mib
from testkit.wait import eventually

SERVICE: Final = "test.v1.EchoService"
METHOD: Final = f"/{SERVICE}/Echo"
KIB: Final = 1024


async def echo(request: bytes, context: Any) -> bytes:
    return request


ECHO: dict[str, grpc.RpcMethodHandler[Any, Any]] = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}


def files_open() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def bearer(running: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {running.key.mint('acme', ['read'])}"}


async def test_calls_that_are_taken_back_at_once_hold_nothing(start: Any) -> None:
    running = await start(ECHO, tenant_calls_max=20)
    other = running.channel(running.key.mint("globex", ["read"])).unary_unary(METHOD)
    assert await other(b"x") == b"x"
    before_mib, headers = resident_mib(), bearer(running)
    async with raw_connection(running.address) as attacker:
        for turn in range(10_000):
            attacker.reset(attacker.open(METHOD, headers))
            if turn % 500 == 0:
                await attacker.drain()

        assert await other(b"x", timeout=10) == b"x"
    # The places of the tenant itself are free again as well.
    own = running.channel().unary_unary(METHOD)
    assert await own(b"x", timeout=10, wait_for_ready=True) == b"x"
    assert resident_mib() - before_mib < 64


async def test_headers_without_an_end_close_their_connection(start: Any) -> None:
    running = await start(ECHO)
    other = running.channel().unary_unary(METHOD)
    assert await other(b"x") == b"x"
    before_mib = resident_mib()
    async with raw_connection(running.address) as attacker:
        number = attacker.open_without_end(METHOD)
        # A header that is never indexed, of one letter and 8,000 bytes, again and again.
        part = b"\0\1x" + bytes((127, 0xC1, 0x3D)) + b"y" * 8000
        with suppress(OSError):
            for _ in range(4000):
                attacker.go_on_with_headers(number, part)
                await attacker.drain()

        await eventually(lambda: attacker.is_closed)
        assert await other(b"x", timeout=10) == b"x"
        assert resident_mib() - before_mib < 32


async def test_headers_beyond_their_limit_are_refused(start: Any) -> None:
    running = await start(ECHO)
    metadata = (*bearer(running).items(), ("x", "y" * 64 * KIB))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await running.bare_channel().unary_unary(METHOD)(b"x", metadata=metadata, timeout=10)

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await running.channel().unary_unary(METHOD)(b"x", timeout=10) == b"x"


async def test_connections_that_come_and_go_leave_no_file_open(start: Any) -> None:
    running = await start(ECHO)
    assert await running.channel().unary_unary(METHOD)(b"x") == b"x"
    before = files_open()
    for _ in range(20):
        async with AsyncExitStack() as stack:
            for _ in range(20):
                attacker = await stack.enter_async_context(raw_connection(running.address))
                attacker.open(METHOD, bearer(running))

    await eventually(lambda: files_open() <= before + 2, limit_s=20)
    assert await running.channel().unary_unary(METHOD)(b"x", timeout=10) == b"x"


async def test_connections_that_say_nothing_are_limited_and_leave_calls_alone(start: Any) -> None:
    running = await start(ECHO, connections_max=40)
    known = running.channel().unary_unary(METHOD)
    assert await known(b"x") == b"x"
    async with AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(raw_connection(running.address)) for _ in range(120)]

        await eventually(lambda: sum(one.is_closed for one in idle) >= 120 - 40, limit_s=20)
        assert await known(b"x", timeout=10) == b"x"
    late = running.bare_channel().unary_unary(METHOD)
    metadata = tuple(bearer(running).items())
    assert await late(b"x", metadata=metadata, timeout=20, wait_for_ready=True) == b"x"
