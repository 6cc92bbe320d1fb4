"""gRPC reflection, which asks for no token: a few streams at once, each for a short time."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, cast

from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from chassis.errors import DeadlineExceeded, Overloaded, Reason
from chassis.rpc.reading import abort_with, end_with

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import grpc

_STREAMS_MAX: Final = 16
_LIFE_S: Final = 30.0


class _Reflection(reflection.aio.ReflectionServicer):
    """Describes the server to a few at a time."""

    _open = 0

    async def ServerReflectionInfo(  # type: ignore[override]  # the stubs take the generator for a coroutine
        self, requests: Any, context: Any
    ) -> AsyncIterator[Any]:
        """Answer the questions of one stream."""
        if self._open >= _STREAMS_MAX:
            await abort_with(context, Overloaded(Reason.OVERLOADED, "many ask at the moment; retry later"))
        self._open += 1
        context.add_done_callback(self._closed)
        too_long = DeadlineExceeded(Reason.DEADLINE_EXCEEDED, f"reflection takes at most {_LIFE_S:g} s; ask again")
        ending = asyncio.get_running_loop().call_later(_LIFE_S, end_with, context, too_long)
        try:
            async with aclosing(cast("Any", super().ServerReflectionInfo(requests, context))) as answers:
                async for answer in answers:
                    yield answer
        finally:
            ending.cancel()

    def _closed(self, _context: Any) -> None:
        self._open -= 1


def add_reflection(services: Sequence[str], server: grpc.aio.Server) -> None:
    """Let `server` describe `services` and itself to whoever asks."""
    servicer = _Reflection([*services, reflection.SERVICE_NAME])
    cast("Any", reflection_pb2_grpc).add_ServerReflectionServicer_to_server(servicer, server)
