"""How a call ends: its span, its measurement, and what its caller is told."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Status, StatusCode, format_trace_id

from chassis.audit.trail import audited_call, set_audited_call
from chassis.errors import DeadlineExceeded, Internal, MeterlineError, Overloaded, Reason, Unavailable
from chassis.errors.status import status_code
from chassis.logs import get_logger
from chassis.rpc import conventions
from chassis.rpc.call import audited_of, code_of, code_when_gone
from chassis.rpc.reading import abort_with

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.metrics import Histogram

    from chassis.rpc.call import Call
    from chassis.rpc.rules import CallRules

    Context = grpc.aio.ServicerContext[Any, Any]

_log = get_logger(__name__)
_IDS: Final = RandomIdGenerator()
_COMES_AGAIN: Final = (Overloaded, Unavailable, DeadlineExceeded)


class Endings:
    """Ends calls: each once, however it comes to its end."""

    def __init__(self, duration: Histogram, rules: CallRules) -> None:
        """Measure in `duration`."""
        self._duration = duration
        self._rules = rules
        self._metric_attributes: dict[tuple[str, grpc.StatusCode], Mapping[str, str]] = {}

    def end(self, call: Call, code: grpc.StatusCode, error_type: str | None = None) -> None:
        """End the call's span and measure it."""
        if call.ended:
            return
        call.ended = True
        is_fault = code in conventions.SERVER_FAULTS
        if call.span.is_recording():
            # Set all at once, because each call of a setter takes the span's lock.
            attributes = {conventions.RPC_STATUS: code.name, conventions.TENANT: call.tenant}
            if call.reason:
                attributes[conventions.REASON] = call.reason
            if is_fault:
                attributes[conventions.ERROR_TYPE] = error_type or code.name
                call.span.set_status(Status(StatusCode.ERROR))
            call.span.set_attributes(attributes)
        call.span.end()
        key = (call.method, code)
        labels = self._metric_attributes.get(key)
        if labels is None:
            labels = conventions.metric_attributes(call.method[1:], code, is_error=is_fault)
            self._metric_attributes[key] = labels
        self._duration.record(time.perf_counter() - call.started_s, labels)

    async def fail(self, call: Call, context: Context, error: BaseException) -> NoReturn:
        """End the call with `error`. Always raises: gRPC's abort, or the cancellation, which gRPC must see itself."""
        if isinstance(error, asyncio.CancelledError):
            self.end(call, code_when_gone(context))
            raise error
        if isinstance(error, grpc.aio.AbortError):
            self.end(call, code_of(context))
            raise error
        if not isinstance(error, Exception):
            self.end(call, grpc.StatusCode.INTERNAL, type(error).__qualname__)
            raise error
        known = error if isinstance(error, MeterlineError) else _hidden(call, error)
        code = status_code(known)
        if code is grpc.StatusCode.INTERNAL and known is error:
            # A handler may raise "internal" itself; whoever reads the log still needs to know where.
            _log.error("call failed", rpc=call.method[1:], reason=known.reason.value, exc_info=error)
        await self._record_refusal(call, known)
        call.reason = known.reason.value
        self.end(call, code, type(error).__qualname__ if code is grpc.StatusCode.INTERNAL else None)
        await abort_with(context, known)

    async def _record_refusal(self, call: Call, error: MeterlineError) -> None:
        """Leave a record of what an administrator was refused; nothing of calls that only have to come again."""
        refusals = self._rules.refusals
        if refusals is None or not call.tenant or not self._rules.methods[call.method].is_administration:
            return
        if isinstance(error, _COMES_AGAIN) or error.retry_after_s is not None:
            return
        audited = audited_call()
        if audited is None:
            set_audited_call(audited_of(call))
        elif audited.is_rehearsal:
            return
        try:
            await refusals(error.reason.value)
        except MeterlineError as failed:
            _log.error("a refusal could not be recorded", rpc=call.method[1:], reason=failed.reason.value)


def _hidden(call: Call, error: Exception) -> Internal:
    """Log `error` with its traceback and return what the caller may see of it: a correlation id."""
    # A feed has no span and therefore no trace; an id of the same form will do.
    trace_id = call.span.get_span_context().trace_id or _IDS.generate_trace_id()
    correlation_id = format_trace_id(trace_id)
    _log.error("call failed unexpectedly", rpc=call.method[1:], correlation_id=correlation_id, exc_info=error)
    return Internal(
        Reason.INTERNAL,
        f"internal error; report the correlation id {correlation_id}",
        metadata={"correlation_id": correlation_id},
    )
