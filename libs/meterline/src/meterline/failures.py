"""Turns failed calls into the suite's errors, so that a caller branches on `reason` and not on status codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import grpc

from chassis.errors import from_rpc_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


class _UnaryErrors(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[type-arg]  # not generic at run time
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        try:
            # The interceptors below raise (no time left, say) or give a call, which raises when it is awaited.
            return await (await continuation(client_call_details, request))
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error


class _StreamErrors(grpc.aio.UnaryStreamClientInterceptor):  # type: ignore[type-arg]  # not generic at run time
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return _told(await continuation(client_call_details, request))


async def _told(call: Any) -> AsyncIterator[Any]:
    try:
        async for message in call:
            yield message
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error
    finally:
        # An abandoned streaming call is never collected by grpcio and would live on at the server.
        call.cancel()


def error_interceptors() -> Sequence[grpc.aio.ClientInterceptor]:
    """Give the interceptors that raise `MeterlineError` for failed unary and server-streaming calls."""
    return cast("Sequence[grpc.aio.ClientInterceptor]", [_UnaryErrors(), _StreamErrors()])
