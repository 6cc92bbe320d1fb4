"""Turns failed calls into the suite's errors, so that a caller branches on `reason` and not on status codes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, cast

import grpc

from chassis.errors import DeadlineExceeded, MeterlineError, Reason, Unavailable
from chassis.errors.status import from_rpc_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


_BARE_DEADLINE: Final = "deadline exceeded"
"""All that gRPC says of a call whose time is over."""


class _UnaryErrors(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, server: str) -> None:
        self._server = server

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        started_s = time.monotonic()
        try:
            # The interceptors below raise (no time left, say) or give a call, which raises when it is awaited.
            return await (await continuation(client_call_details, request))
        except grpc.RpcError as error:
            raise _named(error, self._server, time.monotonic() - started_s) from error


class _StreamErrors(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, server: str) -> None:
        self._server = server

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return _told(await continuation(client_call_details, request), self._server)


async def _told(call: Any, server: str) -> AsyncIterator[Any]:
    started_s = time.monotonic()
    try:
        async for message in call:
            yield message
    except grpc.RpcError as error:
        raise _named(error, server, time.monotonic() - started_s) from error
    finally:
        # An abandoned streaming call is never collected by grpcio and would live on at the server.
        call.cancel()


def _named(error: grpc.RpcError, server: str, waited_s: float) -> MeterlineError:
    """Return the suite's error; of a server that did not answer at all gRPC does not say which it is."""
    known = from_rpc_error(error)
    if isinstance(known, Unavailable) and known.reason is Reason.UNAVAILABLE:
        cause = known.message.rpartition(": ")[2]
        return Unavailable(known.reason, f"{server} can't be reached: {cause}; is it running?")
    if isinstance(known, DeadlineExceeded) and known.message.lower().endswith(_BARE_DEADLINE):
        return DeadlineExceeded(
            known.reason,
            f"waited {waited_s:.1f} s for an answer of {server} and got none; it may be busy, or still at work. "
            "Ask again (with the same ids, this is safe), or allow more time; `meterline status` says how it is",
        )
    return known


def error_interceptors(server: str) -> Sequence[grpc.aio.ClientInterceptor]:
    """Return the interceptors that raise `MeterlineError` for failed unary and server-streaming calls to `server`."""
    return cast("Sequence[grpc.aio.ClientInterceptor]", [_UnaryErrors(server), _StreamErrors(server)])
