"""Servers that stop or are replaced while calls run: who may repeat a call sees nothing of it."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest_asyncio
from google.protobuf.descriptor import ServiceDescriptor

from chassis.rpc.client import open_channel
from chassis.rpc.credentials import StaticTokenSource
from testkit.wait import eventually

ECHO = "/test.v1.EchoService/Echo"
FIRST, SECOND = "127.0.0.2", "127.0.0.3"


class Names(asyncio.DatagramProtocol):
    """A name server that knows one list of IPv4 addresses, whatever name it is asked for."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Answer one question: with what is known if it asks for IPv4, else with nothing."""
        end = data.index(b"\0", 12) + 5
        asks_ipv4 = data[end - 4 : end - 2] == b"\0\1"
        known = [socket.inet_aton(address) for address in self.addresses] if asks_ipv4 else []
        header = data[:2] + struct.pack(">HHHHH", 0x8180, 1, len(known), 0, 0)
        answers = (b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + address for address in known)
        self._transport.sendto(header + data[12:end] + b"".join(answers), addr)


@pytest_asyncio.fixture(loop_scope="session")
async def names() -> AsyncIterator[tuple[Names, int]]:
    """A name server and the port on which it answers."""
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
    yield protocol, transport.get_extra_info("sockname")[1]
    transport.close()


@dataclass
class Echo:
    """A handler that answers, or waits forever if it hangs, and counts the calls that it began."""

    hangs: bool = False
    begun: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, request: bytes, context: Any) -> bytes:
        self.begun += 1
        try:
            if self.hangs:
                await asyncio.Event().wait()
        finally:
            self.ended.set()
        return request

    def handlers(self) -> dict[str, Any]:
        return {"Echo": grpc.unary_unary_rpc_method_handler(self)}


Connect = Callable[[str], Awaitable[Any]]


@pytest_asyncio.fixture(loop_scope="session")
async def connect(echo_settings: Any, signing_key: Any, echo_service: ServiceDescriptor) -> AsyncIterator[Connect]:
    """A function that opens a channel as services and the SDK do, and returns it once it is connected."""
    opened: list[grpc.aio.Channel] = []

    async def connected(target: str) -> grpc.aio.Channel:
        token = StaticTokenSource(signing_key.mint("acme", ["read"]))
        channel = open_channel(target, echo_settings, token, services=[echo_service])
        opened.append(channel)
        await channel.channel_ready()
        return channel

    yield connected
    for channel in opened:
        await channel.close(None)


def both(*running: Any) -> str:
    return "ipv4:" + ",".join(server.address for server in running)


async def codes(calls: Sequence[Any]) -> list[str]:
    return [(await call.code()).name for call in calls]


async def spread(channel: Any, *echoes: Echo) -> None:
    """Call until each server has had a call: the channel is then connected to all of them."""
    while not all(echo.begun for echo in echoes):
        await channel.unary_unary(ECHO)(b"")


async def test_calls_that_a_lost_server_had_begun_are_answered_by_another(start: Any, connect: Connect) -> None:
    lost, kept = Echo(), Echo()
    stopping, staying = [
        await start(echo.handlers(), listen=f"{host}:0") for echo, host in ((lost, FIRST), (kept, SECOND))
    ]
    channel = await connect(both(stopping, staying))
    await spread(channel, lost, kept)
    lost.hangs, lost.begun = True, 0

    calls = [channel.unary_unary(ECHO)(b"x", timeout=20) for _ in range(80)]
    await eventually(lambda: lost.begun >= 40)
    await stopping.server.stop(0)

    assert await codes(calls) == ["OK"] * 80


async def test_a_call_that_a_stopping_server_cancels_before_it_begins_is_answered_by_another(
    start: Any, connect: Connect
) -> None:
    left, kept = Echo(), Echo()
    stopping, staying = [
        await start(echo.handlers(), listen=f"{host}:0") for echo, host in ((left, FIRST), (kept, SECOND))
    ]
    channel = await connect(both(stopping, staying))
    await spread(channel, left, kept)
    calls = [channel.unary_unary(ECHO)(b"x", timeout=20) for _ in range(40)]
    for _ in range(5):
        await asyncio.sleep(0)

    # What a busy process does: the calls arrive in gRPC while the event loop of the server is not free to begin them.
    busy_until_s = time.monotonic() + 0.3
    while time.monotonic() < busy_until_s:
        sum(range(100))
    await stopping.server.stop(5)

    assert await codes(calls) == ["OK"] * 40


async def test_a_large_request_is_repeated_as_a_small_one_is(start: Any, connect: Connect) -> None:
    lost, kept = Echo(), Echo()
    stopping, staying = [
        await start(echo.handlers(), listen=f"{host}:0") for echo, host in ((lost, FIRST), (kept, SECOND))
    ]
    channel = await connect(both(stopping, staying))
    await spread(channel, lost, kept)
    lost.hangs, lost.begun = True, 0

    calls = [channel.unary_unary(ECHO)(b"x" * 500_000, timeout=20) for _ in range(4)]
    await eventually(lambda: lost.begun >= 2)
    await stopping.server.stop(0)

    assert await codes(calls) == ["OK"] * 4


async def test_a_call_that_its_caller_cancels_is_not_repeated(start: Any, connect: Connect) -> None:
    echo = Echo(hangs=True)
    running = await start(echo.handlers())
    channel = await connect(running.address)
    call = channel.unary_unary(ECHO)(b"x", timeout=20)
    await eventually(lambda: echo.begun == 1)

    call.cancel()
    await asyncio.wait_for(echo.ended.wait(), 5)
    echo.hangs = False
    assert await channel.unary_unary(ECHO)(b"next") == b"next"

    assert await call.code() is grpc.StatusCode.CANCELLED
    assert echo.begun == 2


async def test_a_server_that_is_replaced_at_another_address_is_found_at_once(
    start: Any, connect: Connect, names: tuple[Names, int]
) -> None:
    known, port = names
    old = await start(Echo().handlers(), listen=f"{FIRST}:0")
    known.addresses = [FIRST]
    server_port = old.address.rpartition(":")[2]
    channel = await connect(f"dns://127.0.0.1:{port}/ingest.test:{server_port}")
    assert await channel.unary_unary(ECHO)(b"old") == b"old"

    await start(Echo().handlers(), listen=f"{SECOND}:{server_port}")
    known.addresses = [SECOND]
    await old.server.stop(0)

    # gRPC by itself asks for addresses every 30 s at most, and gives up before.
    assert await channel.unary_unary(ECHO)(b"new", timeout=20) == b"new"
