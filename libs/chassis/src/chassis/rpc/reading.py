"""Reads the one request of a call: within a time, within a size, checked, and without holding up other calls."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

import grpc
from google.protobuf.message import DecodeError, Message

from chassis.errors import DeadlineExceeded, InvalidRequest, MeterlineError, Reason, TooBig
from chassis.errors.status import DETAILS_KEY, status_code, to_status
from chassis.rpc.lengths import check_lengths
from chassis.rpc.slices import parse_in_slices
from chassis.rpc.validation import check_request, check_texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import Descriptor

    Context = grpc.aio.ServicerContext[Any, Any]

_ASIDE_FROM_BYTES: Final = 64 * 1024
"""Requests from this size on are checked in a thread."""
_PARSED_ASIDE_FROM_BYTES: Final = 512 * 1024
"""The same for those that are only parsed: it costs far less, and a change of threads costs something too."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a method's request is read: how it is parsed (None = not at all), how large it may be, and how late."""

    deserializer: Callable[[bytes], Any] | None
    bytes_max: int
    wait_s: float
    validates: bool
    message: type[Message] | None = None
    """The type of the request; None for a service of plain bytes."""

    def ends_late(self, context: Context) -> asyncio.TimerHandle:
        """Let the call end with REQUEST_LATE, and with it the read that is under way, unless that is cancelled."""
        return asyncio.get_running_loop().call_later(self.wait_s, self._end_late, context)

    def _end_late(self, context: Context) -> None:
        message = f"the request did not arrive within {self.wait_s:g} s of its headers; send it again, in smaller parts"
        end_with(context, DeadlineExceeded(Reason.REQUEST_LATE, message))

    def is_quick(self, data: Any) -> bool:
        """Whether nobody will notice how long parsing takes."""
        return data is grpc.aio.EOF or len(data) < (_ASIDE_FROM_BYTES if self.validates else _PARSED_ASIDE_FROM_BYTES)

    def parse(self, data: Any) -> Any:
        """Return the request. Raises TooBig, or InvalidRequest with the fields at fault."""
        if data is grpc.aio.EOF:
            raise InvalidRequest(Reason.REQUEST_INVALID, "the call holds no request; send one message")
        if len(data) > self.bytes_max:
            message = f"the request has {len(data)} bytes; this call takes at most {self.bytes_max}, so split it"
            raise TooBig(Reason.MESSAGE_TOO_LARGE, message)
        if self.deserializer is None:
            return data
        try:
            if self.message is not None:
                check_lengths(cast("Descriptor", self.message.DESCRIPTOR), data, declared=self.validates)
            request = self.deserializer(data) if self.message is None else parse_in_slices(self.message, data)
        except DecodeError as error:
            raise InvalidRequest(Reason.REQUEST_INVALID, "the message is not protobuf of the request's type") from error
        if self.validates and isinstance(request, Message):
            check_texts(request, data)
            check_request(request)
        return request


_received_bytes: Final[ContextVar[int]] = ContextVar("meterline_received_bytes", default=0)


def note_received(data: bytes) -> None:
    """Keep the size of the call's request, for the rest of this task. For the server, where each call is one task."""
    _received_bytes.set(len(data))


def received_bytes() -> int:
    """Return the size of the call's request as it came; to ask the message would write it anew."""
    return _received_bytes.get()


_ENDINGS: Final[set[asyncio.Task[None]]] = set()


def end_with(context: Context, error: MeterlineError) -> None:
    """End the call with `error` beside whatever it waits for, which gRPC then ends."""
    ending = asyncio.get_running_loop().create_task(_abort(context, error))
    # The loop keeps only a weak reference.
    _ENDINGS.add(ending)
    ending.add_done_callback(_ENDINGS.discard)


async def _abort(context: Context, error: MeterlineError) -> None:
    with suppress(grpc.aio.AbortError, grpc.aio.BaseError):
        await abort_with(context, error)


async def abort_with(context: Context, error: MeterlineError) -> NoReturn:
    """End the call with `error`. Always raises: gRPC's AbortError."""
    details = to_status(error)
    await context.abort(status_code(error), details.message, ((DETAILS_KEY, details.SerializeToString()),))
