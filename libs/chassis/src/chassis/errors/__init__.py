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
    """Base of all errors that may reach a caller; its text must be safe to show and say what to do next."""

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
    """The request can never succeed as it is."""


class NotFound(MeterlineError):
    """The thing that was named does not exist for this tenant."""


class AlreadyExists(MeterlineError):
    """The thing exists already, with other content."""


class NotReady(MeterlineError):
    """The request is right, but the state of the system does not allow it yet (a period is open, for example)."""


class Diverged(MeterlineError):
    """Two logs that must be the same are not: stop, never skip."""


class OutOfRange(MeterlineError):
    """The request points past the end of what exists."""


class Conflict(MeterlineError):
    """Another request was in the way; nothing was written."""


class TooBig(MeterlineError):
    """Larger than the server will ever take: retrying unchanged is useless."""


class Overloaded(MeterlineError):
    """Too much work at the moment: retry after `retry_after_s`."""

    default_retry_after_s = 1.0


class Unavailable(MeterlineError):
    """The service, or what it stands on, can't answer now: retry with backoff."""


class Unauthenticated(MeterlineError):
    """Nobody knows who is calling."""


class Forbidden(MeterlineError):
    """The caller is known and may not do this."""


class DeadlineExceeded(MeterlineError):
    """The time the caller gave is over."""


class Unimplemented(MeterlineError):
    """The server does not know the method."""


class Internal(MeterlineError):
    """A defect. The message is safe; the cause is in the server's log only."""


def invalid_field(field: str, reason: Reason, message: str) -> InvalidRequest:
    """Return the error for one wrong field, the common case."""
    return InvalidRequest(reason, f"{field}: {message}", violations=(FieldViolation(field, reason, message),))
