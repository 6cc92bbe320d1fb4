"""Every call ends its span and is measured, however it ends: answered, refused, broken, cancelled or abandoned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from chassis.errors import NotFound, Reason, Unavailable
from chassis.errors.status import from_rpc_error
from chassis.rpc.client import reading
from chassis.telemetry import current_traceparent, start_span
from testkit.wait import eventually

PATH = "/test.v1.EchoService/"
NAME = "test.v1.EchoService/"
KINDS = (SpanKind.SERVER, SpanKind.CLIENT)


class Echo:
    """All four kinds of calls; the request's text says how to end."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.closed = 0

    async def end(self, request: bytes, context: Any) -> bytes:
        self.started.set()
        if request == b"raise":
            raise NotFound(Reason.METER_NOT_FOUND, "no such meter")
        if request == b"unavailable":
            raise Unavailable(Reason.UPSTREAM_UNAVAILABLE, "later")
        if request == b"break":
            raise ZeroDivisionError
        if request == b"abort":
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, "by hand")
        if request == b"code":
            context.set_code(grpc.StatusCode.DATA_LOSS)
        if request == b"hang":
            await asyncio.Event().wait()
        return request

    async def unary(self, request: bytes, context: Any) -> bytes:
        return await self.end(request, context)

    async def generate(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        try:
            yield b"first"
            yield await self.end(request, context)
            while request == b"forever":
                yield b"x" * 10_000
        finally:
            self.closed += 1

    async def write(self, request: bytes, context: Any) -> None:
        await context.write(b"first")
        await context.write(await self.end(request, context))

    async def collect(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        last = b""
        async for request in requests:
            last = await self.end(request, context)
        return last

    async def both(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield await self.end(request, context)

    def handlers(self) -> dict[str, Any]:
        return {
            "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "Generate": grpc.unary_stream_rpc_method_handler(self.generate),
            "Write": grpc.unary_stream_rpc_method_handler(self.write),
            "Collect": grpc.stream_unary_rpc_method_handler(self.collect),
            "Both": grpc.stream_stream_rpc_method_handler(self.both),
        }


async def one(request: bytes) -> AsyncIterator[bytes]:
    yield request


async def call(channel: Any, method: str, request: bytes, **options: Any) -> list[bytes]:
    if method == "Unary":
        return [await channel.unary_unary(PATH + method)(request, **options)]
    if method == "Collect":
        return [await channel.stream_unary(PATH + method)(one(request), **options)]
    if method == "Both":
        stream = channel.stream_stream(PATH + method)(one(request), **options)
    else:
        stream = channel.unary_stream(PATH + method)(request, **options)
    async with reading(stream):
        return [answer async for answer in stream]


async def ending(calling: Awaitable[object]) -> str:
    """The name of the status a call ends with."""
    try:
        await calling
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


async def ended(recorded: Any, kind: SpanKind) -> Any:
    (span,) = await eventually(lambda: recorded.spans(kind), what=f"a finished {kind.name} span")
    return span


METHODS = ["Unary", "Generate", "Write", "Collect", "Both"]
ENDINGS = [
    (b"fine", "OK", None, None),
    (b"raise", "NOT_FOUND", None, "NOT_FOUND"),
    (b"unavailable", "UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"),
    (b"break", "INTERNAL", "ZeroDivisionError", "INTERNAL"),
    (b"abort", "OUT_OF_RANGE", None, "OUT_OF_RANGE"),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("sent", "code", "server_error", "client_error"), ENDINGS, ids=[row[1] for row in ENDINGS])
async def test_both_sides_tell_how_a_call_ended(
    start: Any,
    recorded: Any,
    method: str,
    sent: bytes,
    code: str,
    server_error: str | None,
    client_error: str | None,
) -> None:
    running = await start(Echo().handlers())

    assert await ending(call(running.channel(), method, sent)) == code

    for kind, error_type in zip(KINDS, (server_error, client_error), strict=True):
        span = await ended(recorded, kind)
        assert span.name == NAME + method
        assert span.attributes["rpc.system.name"] == "grpc"
        assert span.attributes["rpc.method"] == NAME + method
        assert span.attributes["rpc.response.status_code"] == code
        assert span.attributes.get("error.type") == error_type
        assert span.status.status_code is (StatusCode.ERROR if error_type else StatusCode.UNSET)
        assert not span.events
    for side in ("server", "client"):
        (measured,) = recorded.measured(f"rpc.{side}.call.duration")
        assert (measured["rpc.method"], measured["rpc.response.status_code"]) == (NAME + method, code)
        assert "metering.tenant" not in measured


async def test_a_code_that_a_handler_sets_by_itself_is_seen(start: Any, recorded: Any) -> None:
    running = await start(Echo().handlers())

    with pytest.raises(grpc.aio.AioRpcError):
        await call(running.channel(), "Unary", b"code")

    span = await ended(recorded, SpanKind.SERVER)
    assert span.attributes["rpc.response.status_code"] == "DATA_LOSS"
    assert span.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("method", METHODS)
async def test_a_call_the_client_cancels_ends_as_cancelled_on_both_sides(
    start: Any, recorded: Any, method: str
) -> None:
    echo = Echo()
    running = await start(echo.handlers())
    calling = asyncio.create_task(call(running.channel(), method, b"hang"))
    await asyncio.wait_for(echo.started.wait(), 5)

    calling.cancel()

    with pytest.raises(asyncio.CancelledError):
        await calling
    for kind in KINDS:
        span = await ended(recorded, kind)
        assert span.attributes["rpc.response.status_code"] == "CANCELLED"


@pytest.mark.parametrize("method", METHODS)
async def test_a_call_whose_time_is_over_ends_so_on_both_sides(start: Any, recorded: Any, method: str) -> None:
    running = await start(Echo().handlers())

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(running.channel(), method, b"hang", timeout=0.3)

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    client = await ended(recorded, SpanKind.CLIENT)
    assert client.attributes["rpc.response.status_code"] == "DEADLINE_EXCEEDED"
    server = await ended(recorded, SpanKind.SERVER)
    # The client's reset and the server's own timer race each other; both are true, neither is OK.
    assert server.attributes["rpc.response.status_code"] in {"DEADLINE_EXCEEDED", "CANCELLED"}


async def test_a_stream_left_in_the_middle_is_closed_and_ends_its_spans(start: Any, recorded: Any) -> None:
    echo = Echo()
    running = await start(echo.handlers())
    stream = running.channel().unary_stream(PATH + "Generate")(b"forever")

    async with reading(stream):
        async for _ in stream:
            break

    for kind in KINDS:
        span = await ended(recorded, kind)
        assert span.attributes["rpc.response.status_code"] == "CANCELLED"
    await eventually(lambda: echo.closed == 1, what="the handler's generator to be closed")


async def test_a_server_that_is_gone_ends_the_clients_span(start: Any, recorded: Any) -> None:
    running = await start(Echo().handlers())
    await running.server.stop(0)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(running.channel(), "Unary", b"fine", timeout=2)

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert isinstance(from_rpc_error(caught.value), Unavailable)
    span = await ended(recorded, SpanKind.CLIENT)
    assert span.attributes["error.type"] == "UNAVAILABLE"


async def test_the_server_span_is_the_child_of_the_clients_and_the_parent_of_the_work(
    start: Any, recorded: Any
) -> None:
    async def working(request: bytes, context: Any) -> bytes:
        with start_span("work"):
            return (current_traceparent() or "").encode()

    running = await start({"Unary": grpc.unary_unary_rpc_method_handler(working)})

    with start_span("outer") as outer:
        (traceparent,) = await call(running.channel(), "Unary", b"")

    client, server = [await ended(recorded, kind) for kind in (SpanKind.CLIENT, SpanKind.SERVER)]
    work = next(span for span in recorded.spans(SpanKind.INTERNAL) if span.name == "work")
    assert client.parent.span_id == outer.get_span_context().span_id
    assert server.parent.span_id == client.context.span_id
    assert work.parent.span_id == server.context.span_id
    assert f"{work.context.trace_id:032x}" in traceparent.decode()
    assert server.attributes["metering.tenant"] == "acme"
    assert client.attributes["server.port"] == int(running.address.rpartition(":")[2])


@pytest.mark.parametrize("flags", ["00", "01"])
async def test_a_callers_sampled_flag_changes_nothing(start: Any, recorded: Any, flags: str) -> None:
    running = await start(Echo().handlers())
    trace_id, span_id = "ab" * 16, "cd" * 8
    token = running.key.mint("acme", ["read"])

    await call(
        running.bare_channel(),
        "Unary",
        b"",
        metadata=(("authorization", f"Bearer {token}"), ("traceparent", f"00-{trace_id}-{span_id}-{flags}")),
    )

    span = await ended(recorded, SpanKind.SERVER)
    assert (span.context.trace_id, span.parent.span_id) == (int(trace_id, 16), int(span_id, 16))


@pytest.mark.parametrize("traceparent", ["", "x", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "00-zz-11-01", "9" * 2000])
async def test_a_malformed_traceparent_starts_a_new_trace(start: Any, recorded: Any, traceparent: str) -> None:
    running = await start(Echo().handlers())
    token = running.key.mint("acme", ["read"])

    await call(
        running.bare_channel(),
        "Unary",
        b"",
        metadata=(("authorization", f"Bearer {token}"), ("traceparent", traceparent)),
    )

    assert (await ended(recorded, SpanKind.SERVER)).parent is None


async def test_a_refused_token_ends_its_span_too(start: Any, recorded: Any) -> None:
    running = await start(Echo().handlers())

    with pytest.raises(grpc.aio.AioRpcError):
        await call(running.bare_channel(), "Unary", b"")

    span = await ended(recorded, SpanKind.SERVER)
    assert span.attributes["rpc.response.status_code"] == "UNAUTHENTICATED"
    assert span.attributes["metering.reason"] == "TOKEN_MISSING"


async def test_a_feed_opens_no_span_on_the_server_but_is_measured(start: Any, recorded: Any) -> None:
    running = await start(Echo().handlers(), feeds=frozenset({PATH + "Generate"}))

    await call(running.channel(), "Generate", b"fine")

    (measured,) = await eventually(lambda: recorded.measured("rpc.server.call.duration"))
    assert measured["rpc.method"] == NAME + "Generate"
    assert not recorded.spans(SpanKind.SERVER)


async def test_spans_do_not_leak_from_one_call_into_the_next(start: Any, recorded: Any) -> None:
    running = await start(Echo().handlers())
    channel = running.channel()

    await asyncio.gather(*(call(channel, "Unary", b"fine") for _ in range(20)))

    assert not trace.get_current_span().get_span_context().is_valid
    servers = recorded.spans(SpanKind.SERVER)
    clients = {span.context.span_id for span in recorded.spans(SpanKind.CLIENT)}
    assert {span.parent.span_id for span in servers} == clients
    assert len(clients) == len({span.context.trace_id for span in servers}) == 20
