"""Each error a handler raises reaches the caller with its code, reason and details, and nothing else does."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

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
from chassis.errors.status import STATUS_CODES, from_rpc_error, to_status

METHOD = "/test.v1.EchoService/Echo"
Code = grpc.StatusCode

TABLE = [
    (InvalidRequest(Reason.TIME_INVALID, "mend it"), Code.INVALID_ARGUMENT),
    (NotFound(Reason.METER_NOT_FOUND, "list them"), Code.NOT_FOUND),
    (AlreadyExists(Reason.CATALOG_CONFLICT, "make a version"), Code.ALREADY_EXISTS),
    (NotReady(Reason.USAGE_NOT_READY, "wait", retry_after_s=2.5), Code.FAILED_PRECONDITION),
    (Diverged(Reason.FEED_DIVERGED, "stop"), Code.FAILED_PRECONDITION),
    (OutOfRange(Reason.FEED_POSITION_AHEAD, "stop"), Code.OUT_OF_RANGE),
    (Conflict(Reason.REQUEST_ID_REUSED, "use a new id"), Code.ABORTED),
    (TooBig(Reason.BATCH_TOO_LARGE, "split it"), Code.RESOURCE_EXHAUSTED),
    (Overloaded(Reason.OVERLOADED, "later", retry_after_s=0.25), Code.RESOURCE_EXHAUSTED),
    (Unavailable(Reason.DATABASE_UNAVAILABLE, "later"), Code.UNAVAILABLE),
    (Unauthenticated(Reason.TOKEN_EXPIRED, "make a new one"), Code.UNAUTHENTICATED),
    (Forbidden(Reason.SCOPE_MISSING, "ask"), Code.PERMISSION_DENIED),
    (DeadlineExceeded(Reason.DEADLINE_EXCEEDED, "again"), Code.DEADLINE_EXCEEDED),
    (Unimplemented(Reason.METHOD_UNKNOWN, "check"), Code.UNIMPLEMENTED),
    (Internal(Reason.INTERNAL, "report it"), Code.INTERNAL),
]


def raising(error: BaseException) -> Any:
    async def handler(request: bytes, context: Any) -> bytes:
        raise error

    return grpc.unary_unary_rpc_method_handler(handler)


@pytest.mark.parametrize(("raised", "code"), TABLE, ids=lambda value: type(value).__name__)
async def test_an_error_comes_back_as_it_was_raised(start: Any, raised: MeterlineError, code: grpc.StatusCode) -> None:
    running = await start({"Echo": raising(raised)})

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await running.channel().unary_unary(METHOD)(b"")

    received = from_rpc_error(caught.value)
    assert caught.value.code() is code
    assert (type(received), received.reason, received.message) == (type(raised), raised.reason, raised.message)
    assert received.retry_after_s == raised.retry_after_s


def test_the_table_names_every_class_of_errors() -> None:
    assert {type(raised) for raised, _ in TABLE} == set(STATUS_CODES) - {MeterlineError}


async def test_violations_and_metadata_travel_along(start: Any) -> None:
    violations = (
        FieldViolation("events[3].time", Reason.TIME_TOO_OLD, "is older than 35 days"),
        FieldViolation("events[4].id", Reason.ID_INVALID, "is empty"),
    )
    raised = InvalidRequest(Reason.REQUEST_INVALID, "two", violations=violations, metadata={"limit": "35"})
    running = await start({"Echo": raising(raised)})

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await running.channel().unary_unary(METHOD)(b"")

    received = from_rpc_error(caught.value)
    assert received.violations == violations
    assert dict(received.metadata) == {"limit": "35"}


async def test_a_defect_says_nothing_but_a_correlation_id_and_is_logged_with_its_cause(start: Any) -> None:
    defect = RuntimeError("SELECT secret FROM table")
    running = await start({"Echo": raising(defect)})

    with capture_logs() as logged, pytest.raises(grpc.aio.AioRpcError) as caught:
        await running.channel().unary_unary(METHOD)(b"")

    assert caught.value.code() is Code.INTERNAL
    correlation_id = from_rpc_error(caught.value).metadata["correlation_id"]
    assert caught.value.details() == f"internal error; report the correlation id {correlation_id}"
    assert "secret" not in repr(caught.value)
    (entry,) = logged
    assert entry["correlation_id"] == correlation_id
    assert entry["exc_info"] is defect


def test_too_big_never_says_when_to_retry_and_overloaded_always_does() -> None:
    too_big = to_status(TooBig(Reason.BATCH_TOO_LARGE, "split", retry_after_s=1.0))
    overloaded = to_status(Overloaded(Reason.OVERLOADED, "later"))

    def names(status: Any) -> list[str]:
        return [detail.TypeName() for detail in status.details]

    assert "google.rpc.RetryInfo" not in names(too_big)
    assert "google.rpc.RetryInfo" in names(overloaded)


def test_an_error_with_very_many_fields_still_fits_into_the_trailers() -> None:
    violations = tuple(FieldViolation(f"events[{n}].id", Reason.ID_INVALID, "is empty") for n in range(10_000))

    status = to_status(InvalidRequest(Reason.REQUEST_INVALID, "many", violations=violations))

    assert status.ByteSize() < 6 * 1024


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not Code.OK], ids=lambda code: code.name)
def test_a_status_without_details_becomes_an_error_of_its_code(code: grpc.StatusCode) -> None:
    error = grpc.aio.AioRpcError(
        code, grpc.aio.Metadata(), grpc.aio.Metadata(), details="from a proxy", debug_error_string=None
    )

    received = from_rpc_error(error)

    assert received.message == "from a proxy"
    if code not in {Code.CANCELLED, Code.UNKNOWN, Code.DATA_LOSS}:
        assert STATUS_CODES[type(received)] is code


def test_the_hard_limit_of_calls_reads_as_overloaded_and_not_as_too_big() -> None:
    details = "Concurrent RPC limit exceeded!"
    error = grpc.aio.AioRpcError(Code.RESOURCE_EXHAUSTED, grpc.aio.Metadata(), grpc.aio.Metadata(), details, None)

    received = from_rpc_error(error)

    assert isinstance(received, Overloaded)
    assert received.retry_after_s == 1.0


def test_a_reason_newer_than_this_client_is_kept_as_text() -> None:
    status = to_status(NotFound(Reason.METER_NOT_FOUND, "x"))
    status.details[0].value = status.details[0].value.replace(b"METER_NOT_FOUND", b"METEOR_IN_ORBIT")
    trailers = grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString()))

    received = from_rpc_error(grpc.aio.AioRpcError(Code.NOT_FOUND, grpc.aio.Metadata(), trailers, "x", None))

    assert isinstance(received, NotFound)
    assert received.metadata["reason"] == "METEOR_IN_ORBIT"


def test_every_reason_says_what_it_means_and_what_to_do() -> None:
    for reason in Reason:
        assert reason.value == reason.name
        assert reason.meaning.endswith(".")
        assert reason.remedy.endswith(".")
