"""Client interceptors for all four kinds of calls: deadline, token, tenant, trace, metrics.

A span ends with its call, however the call ends: by an answer, an error, a local cancel, or a stream that nobody reads
any further.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, cast

import grpc
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode

from chassis.deadline import RESERVE_S, current_deadline_s
from chassis.errors import DeadlineExceeded, Reason
from chassis.identity import ANY_TENANT, CUSTOMER_METADATA, TENANT_METADATA, customer_to_metadata, find_identity
from chassis.rpc import conventions
from chassis.telemetry import active_telemetry, traceparent_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from chassis.rpc.credentials import TokenSource

    Continuation = Callable[[grpc.aio.ClientCallDetails, Any], Awaitable[Any]]

UNARY_TIMEOUT_DEFAULT_S: Final = 30.0
"""Time limit of a unary call whose caller set none: nothing waits indefinitely."""


class _Call:
    """One outgoing call: its changed details, its span and its start time."""

    __slots__ = ("details", "ended", "method", "span", "started_s")

    def __init__(self, details: grpc.aio.ClientCallDetails, method: str, span: Span) -> None:
        self.details = details
        self.method = method
        self.span = span
        self.started_s = time.perf_counter()
        self.ended = False


class CallObserver:
    """What the four kinds of interceptors share: how a call begins and ends."""

    def __init__(
        self,
        target: str,
        token_source: TokenSource | None,
        metadata: Mapping[str, str | bytes],
        polled: frozenset[str] = frozenset(),
    ) -> None:
        """Observe calls to `target` ("host:port", or a URI of it), each of which carries `metadata`.

        Those of the methods `polled`, by full name, are observed without a span.
        """
        self._metadata = metadata
        self._polled = polled
        host, _, port = target.rpartition("/")[2].rpartition(":")
        self._server: dict[str, str | int] = {conventions.SERVER_ADDRESS: host or target}
        if port.isdecimal():
            self._server[conventions.SERVER_PORT] = int(port)
        self._token_source = token_source
        telemetry = active_telemetry()
        self._tracer = telemetry.tracer
        self._duration = conventions.call_duration(telemetry.meter, "client")
        self._endings: set[asyncio.Task[None]] = set()

    def begin(self, details: grpc.aio.ClientCallDetails, *, is_unary: bool) -> _Call:
        """Open the span; return the call with metadata and time limit. Raises DeadlineExceeded if no time is left."""
        # Its type says text, but gRPC passes bytes.
        named = cast("str | bytes", details.method)
        path = named.decode() if isinstance(named, bytes) else named
        method = path.removeprefix("/")
        timeout_s = _timeout_s(details.timeout, is_unary=is_unary)
        span = INVALID_SPAN if path in self._polled else self._span(method)
        metadata = grpc.aio.Metadata(*(details.metadata or ()))
        _set(metadata, conventions.TRACEPARENT_METADATA, traceparent_of(span))
        for key, value in self._metadata.items():
            _set(metadata, key, value)
        if self._token_source is not None:
            _set(metadata, "authorization", f"Bearer {self._token_source.token()}")
            identity = find_identity()
            if identity is not None and identity.tenant != ANY_TENANT:
                _set(metadata, TENANT_METADATA, identity.tenant)
            if identity is not None and identity.customer:
                _set(metadata, CUSTOMER_METADATA, customer_to_metadata(identity.customer))
        changed = grpc.aio.ClientCallDetails(
            details.method, timeout_s, metadata, details.credentials, details.wait_for_ready
        )
        return _Call(changed, method, span)

    def _span(self, method: str) -> Span:
        return self._tracer.start_span(
            method,
            kind=SpanKind.CLIENT,
            attributes={conventions.RPC_SYSTEM: "grpc", conventions.RPC_METHOD: method, **self._server},
        )

    def end(self, call: _Call, code: grpc.StatusCode) -> None:
        """End the call's span and measure it, once."""
        if call.ended:
            return
        call.ended = True
        is_error = code is not grpc.StatusCode.OK
        call.span.set_attribute(conventions.RPC_STATUS, code.name)
        if is_error:
            call.span.set_attribute(conventions.ERROR_TYPE, code.name)
            call.span.set_status(Status(StatusCode.ERROR))
        call.span.end()
        attributes = conventions.metric_attributes(call.method, code, is_error=is_error)
        self._duration.record(time.perf_counter() - call.started_s, {**attributes, **self._server})

    async def answered(self, call: _Call, continuation: Continuation, request: Any) -> Any:
        """Make a unary call, wait for its status and return it. Cancelling the caller cancels the call."""
        outgoing = None
        try:
            outgoing = await continuation(call.details, request)
            code = await outgoing.code()
        except asyncio.CancelledError:
            if outgoing is not None:
                outgoing.cancel()
            self.end(call, grpc.StatusCode.CANCELLED)
            raise
        except grpc.aio.AioRpcError as error:
            self.end(call, error.code())
            raise
        except Exception:
            self.end(call, grpc.StatusCode.UNKNOWN)
            raise
        self.end(call, code)
        return outgoing

    async def opened(self, call: _Call, continuation: Continuation, request: Any) -> Any:
        """Open a streaming call and return it at once; its span ends when the stream does."""
        try:
            outgoing = await continuation(call.details, request)
        except asyncio.CancelledError:
            self.end(call, grpc.StatusCode.CANCELLED)
            raise
        except Exception:
            self.end(call, grpc.StatusCode.UNKNOWN)
            raise
        outgoing.add_done_callback(lambda done: self._end_soon(call, done))
        return outgoing

    def _end_soon(self, call: _Call, outgoing: Any) -> None:
        # The status of a finished call can only be awaited. The task is kept, or it could be collected before it ran.
        task = asyncio.get_running_loop().create_task(self._end_with_status(call, outgoing))
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def _end_with_status(self, call: _Call, outgoing: Any) -> None:
        self.end(call, await outgoing.code())


def _timeout_s(asked_s: float | None, *, is_unary: bool) -> float | None:
    """Return the time limit: the one asked for, within what our own caller left us. Unary calls always have one."""
    limit_s = UNARY_TIMEOUT_DEFAULT_S if asked_s is None and is_unary else asked_s
    remaining_s = current_deadline_s()
    if remaining_s is None:
        return limit_s
    left_s = remaining_s - RESERVE_S
    if left_s <= 0:
        raise DeadlineExceeded(Reason.DEADLINE_EXCEEDED, "no time is left to ask the next service; allow more time")
    return left_s if limit_s is None else min(limit_s, left_s)


def _set(metadata: grpc.aio.Metadata, key: str, value: str | bytes) -> None:
    """Set `key` to `value` only: a value that was passed on by mistake must not stand beside ours."""
    metadata.set_all(key, [value])


class _UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, observer: CallObserver) -> None:
        self._observer = observer

    async def intercept_unary_unary(
        self, continuation: Continuation, client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        call = self._observer.begin(client_call_details, is_unary=True)
        return await self._observer.answered(call, continuation, request)


class _UnaryStream(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, observer: CallObserver) -> None:
        self._observer = observer

    async def intercept_unary_stream(
        self, continuation: Any, client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        call = self._observer.begin(client_call_details, is_unary=False)
        return await self._observer.opened(call, continuation, request)


class _StreamUnary(grpc.aio.StreamUnaryClientInterceptor):
    def __init__(self, observer: CallObserver) -> None:
        self._observer = observer

    async def intercept_stream_unary(
        self, continuation: Continuation, client_call_details: grpc.aio.ClientCallDetails, request_iterator: Any
    ) -> Any:
        call = self._observer.begin(client_call_details, is_unary=False)
        return await self._observer.opened(call, continuation, request_iterator)


class _StreamStream(grpc.aio.StreamStreamClientInterceptor):
    def __init__(self, observer: CallObserver) -> None:
        self._observer = observer

    async def intercept_stream_stream(
        self, continuation: Any, client_call_details: grpc.aio.ClientCallDetails, request_iterator: Any
    ) -> Any:
        call = self._observer.begin(client_call_details, is_unary=False)
        return await self._observer.opened(call, continuation, request_iterator)


def client_interceptors(
    target: str,
    token_source: TokenSource | None,
    metadata: Mapping[str, str | bytes],
    polled: frozenset[str] = frozenset(),
) -> Sequence[grpc.aio.ClientInterceptor]:
    """Return the interceptors of a channel to `target`. Create them after `Telemetry.start`.

    Calls of the methods `polled` have no span.
    """
    observer = CallObserver(target, token_source, metadata, polled)
    return cast(
        "Sequence[grpc.aio.ClientInterceptor]",
        [_UnaryUnary(observer), _UnaryStream(observer), _StreamUnary(observer), _StreamStream(observer)],
    )
