"""The errors of the suite as Python types: what went wrong, for whom, and what to do next.

Pure: no gRPC, no protobuf, so that domain code may raise them. `chassis.errors.status` carries them over the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from chassis.errors.reasons import Reason

__all__ = [
    "NO_METADATA",
    "AlreadyExists",
    "Conflict",
    "DeadlineExceeded",
    "Diverged",
    "FieldViolation",
    "Forbidden",
    "Internal",
    "InvalidRequest",
    "MeterlineError",
    "NotFound",
    "NotReady",
    "OutOfRange",
    "Overloaded",
    "Reason",
    "TooBig",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "invalid_field",
]

NO_METADATA: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that breaks a rule. `field` is its path in the request, such as `events[3].time`."""

    field: str
    reason: Reason
    message: str


class MeterlineError(Exception):
    """Base of all errors that may reach a caller. Its message must be safe to show and say what to do next."""

    default_retry_after_s: float | None = None

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        violations: tuple[FieldViolation, ...] = (),
        retry_after_s: float | None = None,
        metadata: Mapping[str, str] = NO_METADATA,
    ) -> None:
        """Hold the stable `reason`, a `message` for people and optional details; `retry_after_s` is in seconds."""
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.violations = violations
        self.retry_after_s = self.default_retry_after_s if retry_after_s is None else retry_after_s
        self.metadata = metadata


class InvalidRequest(MeterlineError):
    """The request can never succeed unchanged."""


class NotFound(MeterlineError):
    """The named object does not exist for this tenant."""


class AlreadyExists(MeterlineError):
    """The object already exists, with different content."""


class NotReady(MeterlineError):
    """The request is valid, but the state of the system does not allow it yet (a period is still open, for example)."""


class Diverged(MeterlineError):
    """Two logs that must agree do not: stop, never skip."""


class OutOfRange(MeterlineError):
    """The request points past the end of what exists."""


class Conflict(MeterlineError):
    """Another request was in the way; nothing was written."""


class TooBig(MeterlineError):
    """The request is larger than the server ever accepts: retrying it unchanged is useless."""


class Overloaded(MeterlineError):
    """The server has too much work at the moment: retry after `retry_after_s`."""

    default_retry_after_s = 1.0


class Unavailable(MeterlineError):
    """The service, or something it depends on, can't answer now: retry with backoff."""


class Unauthenticated(MeterlineError):
    """The caller has not proven who they are."""


class Forbidden(MeterlineError):
    """The caller is known, but may not do this."""


class DeadlineExceeded(MeterlineError):
    """The caller's deadline has passed."""


class Unimplemented(MeterlineError):
    """The server does not know the method."""


class Internal(MeterlineError):
    """A defect. The message is safe to show; the cause is in the server's log only."""


def invalid_field(field: str, reason: Reason, message: str) -> InvalidRequest:
    """Return the error for a single wrong field, the common case."""
    return InvalidRequest(reason, f"{field}: {message}", violations=(FieldViolation(field, reason, message),))
