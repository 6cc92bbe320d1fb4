"""Carries the suite's errors over gRPC: one table from error types to status codes, and back.

Details travel as google.rpc messages in the trailer `grpc-status-details-bin`: ErrorInfo (stable reason, domain
"meterline"), BadRequest (one entry per field) and RetryInfo. RESOURCE_EXHAUSTED has two meanings, told apart by
RetryInfo: present = overloaded, retry later; absent = too big, never retry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import grpc
from google.protobuf import duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from chassis.errors import (
    AlreadyExists,
    Conflict,
    DeadlineExceeded,
    Diverged,
    FieldViolation,
    Forbidden,
    Internal,
    InvalidRequest,
    MeterlineError,
    NotFound,
    NotReady,
    OutOfRange,
    Overloaded,
    Reason,
    TooBig,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from google.protobuf.message import Message

ERROR_DOMAIN: Final = "meterline"
DETAILS_KEY: Final = "grpc-status-details-bin"
# HTTP/2 trailers are limited to about 8 KiB by default; 50 fields of a bad batch say enough.
VIOLATIONS_MAX: Final = 50
_VIOLATION_BYTES_MAX: Final = 3_500
MESSAGE_CHARS_MAX: Final = 1000

STATUS_CODES: Final[Mapping[type[MeterlineError], grpc.StatusCode]] = {
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    NotReady: grpc.StatusCode.FAILED_PRECONDITION,
    Diverged: grpc.StatusCode.FAILED_PRECONDITION,
    OutOfRange: grpc.StatusCode.OUT_OF_RANGE,
    Conflict: grpc.StatusCode.ABORTED,
    TooBig: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    Forbidden: grpc.StatusCode.PERMISSION_DENIED,
    DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    Unimplemented: grpc.StatusCode.UNIMPLEMENTED,
    Internal: grpc.StatusCode.INTERNAL,
    MeterlineError: grpc.StatusCode.INTERNAL,
}

# For a status without details, or with unknown ones: a proxy's answer, or a reason newer than this client.
_FROM_CODE: Final[Mapping[grpc.StatusCode, tuple[type[MeterlineError], Reason]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: (InvalidRequest, Reason.REQUEST_INVALID),
    grpc.StatusCode.NOT_FOUND: (NotFound, Reason.REQUEST_INVALID),
    grpc.StatusCode.ALREADY_EXISTS: (AlreadyExists, Reason.REQUEST_INVALID),
    grpc.StatusCode.FAILED_PRECONDITION: (NotReady, Reason.SERVICE_NOT_READY),
    grpc.StatusCode.OUT_OF_RANGE: (OutOfRange, Reason.REQUEST_INVALID),
    grpc.StatusCode.ABORTED: (Conflict, Reason.TRANSACTION_CONFLICT),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (TooBig, Reason.MESSAGE_TOO_LARGE),
    grpc.StatusCode.UNAVAILABLE: (Unavailable, Reason.UNAVAILABLE),
    grpc.StatusCode.CANCELLED: (Unavailable, Reason.UNAVAILABLE),
    grpc.StatusCode.UNAUTHENTICATED: (Unauthenticated, Reason.TOKEN_INVALID),
    grpc.StatusCode.PERMISSION_DENIED: (Forbidden, Reason.SCOPE_MISSING),
    grpc.StatusCode.DEADLINE_EXCEEDED: (DeadlineExceeded, Reason.DEADLINE_EXCEEDED),
    grpc.StatusCode.UNIMPLEMENTED: (Unimplemented, Reason.METHOD_UNKNOWN),
}
# gRPC itself answers this past a server's hard limit of calls. It can't send RetryInfo, yet doesn't mean "too big".
_CORE_OVERLOADED_TEXT: Final = "Concurrent RPC limit exceeded!"
# Reasons that mean "what must agree differs"; they share FAILED_PRECONDITION with NotReady.
_DIVERGED_REASONS: Final = frozenset(
    {Reason.FEED_DIVERGED, Reason.FEED_GAP, Reason.FEED_CORRUPT, Reason.DATA_CORRUPTED, Reason.LINEAGE_MISMATCH}
)


def status_code(error: MeterlineError) -> grpc.StatusCode:
    """Return the gRPC status code of `error`; a subclass without an entry has the code of its parent."""
    return next(STATUS_CODES[kind] for kind in type(error).__mro__ if kind in STATUS_CODES)


def to_status(error: MeterlineError) -> status_pb2.Status:
    """Return the google.rpc.Status of `error` with its details."""
    code = status_code(error)
    # `code.value` is (number, text); google.rpc.Code has the same numbers.
    status = status_pb2.Status(code=code.value[0], message=error.message[:MESSAGE_CHARS_MAX])
    for detail in _details(error):
        status.details.add().Pack(detail)
    return status


def _details(error: MeterlineError) -> Iterable[Message]:
    yield error_details_pb2.ErrorInfo(reason=error.reason.value, domain=ERROR_DOMAIN, metadata=error.metadata)
    if error.violations:
        yield error_details_pb2.BadRequest(field_violations=_violations_that_fit(error.violations))
    # TooBig must never carry RetryInfo: that is how a client knows not to retry.
    if error.retry_after_s is not None and not isinstance(error, TooBig):
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(round(error.retry_after_s * 1_000_000_000))
        yield error_details_pb2.RetryInfo(retry_delay=delay)


def _violations_that_fit(
    violations: Sequence[FieldViolation],
) -> Iterable[error_details_pb2.BadRequest.FieldViolation]:
    """Yield as many as the trailers have room for; the first in any case."""
    room = _VIOLATION_BYTES_MAX
    for place, violation in enumerate(violations[:VIOLATIONS_MAX]):
        message = error_details_pb2.BadRequest.FieldViolation(
            field=violation.field, reason=violation.reason.value, description=violation.message
        )
        room -= message.ByteSize()
        if place and room < 0:
            return
        yield message


def from_rpc_error(error: grpc.RpcError) -> MeterlineError:
    """Return the error that a server raised, read back from what gRPC raised in its client.

    A reason that this client does not know (from a newer server) is kept in `metadata["reason"]` and replaced by the
    general reason of its status code.
    """
    if not isinstance(error, grpc.aio.AioRpcError | grpc.Call):
        return Internal(Reason.INTERNAL, "the call failed without a status")
    code, message = error.code(), error.details() or ""
    info, violations, retry_after_s = _read_details(_status_of(error))
    kind, fallback = _FROM_CODE.get(code, (Internal, Reason.INTERNAL))
    reason = _known(info.reason, fallback)
    metadata = dict(info.metadata)
    if info.reason and reason.value != info.reason:
        metadata["reason"] = info.reason
    if kind is TooBig and not info.reason and message == _CORE_OVERLOADED_TEXT:
        retry_after_s = Overloaded.default_retry_after_s
    if kind is TooBig and retry_after_s is not None:
        kind, reason = Overloaded, _known(info.reason, Reason.OVERLOADED)
    if kind is NotReady and reason in _DIVERGED_REASONS:
        kind = Diverged
    return kind(reason, message, violations=violations, retry_after_s=retry_after_s, metadata=metadata)


def _status_of(error: grpc.aio.AioRpcError | grpc.Call) -> status_pb2.Status:
    # The stubs type these as opaque objects; both the sync and the aio client yield pairs.
    trailers = cast("Iterable[tuple[str, str | bytes]]", error.trailing_metadata() or ())
    for key, value in trailers:
        if key == DETAILS_KEY and isinstance(value, bytes):
            return status_pb2.Status.FromString(value)
    return status_pb2.Status(code=code_pb2.UNKNOWN)


def _read_details(
    status: status_pb2.Status,
) -> tuple[error_details_pb2.ErrorInfo, tuple[FieldViolation, ...], float | None]:
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry_info = error_details_pb2.RetryInfo()
    retry_after_s: float | None = None
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad_request)
        if detail.Unpack(retry_info):
            retry_after_s = retry_info.retry_delay.ToNanoseconds() / 1_000_000_000
    violations = tuple(
        FieldViolation(item.field, _known(item.reason, Reason.FIELD_INVALID), item.description)
        for item in bad_request.field_violations
    )
    return info, violations, retry_after_s


def _known(reason: str, fallback: Reason) -> Reason:
    return Reason.__members__.get(reason, fallback)
