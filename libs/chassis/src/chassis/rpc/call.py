"""One call in progress, and what gRPC says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import grpc

from chassis.audit.records import AuditedCall
from chassis.identity import REASON_METADATA

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from google.protobuf.message import Message
    from opentelemetry.trace import Span

    Context = grpc.aio.ServicerContext[Any, Any]

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(slots=True)
class Call:
    """One call in progress: what is needed to end its span and its measurement exactly once, however it ends."""

    method: str
    started_s: float
    span: Span
    metadata: Mapping[str, str]
    tenant: str = ""
    customer: str = ""
    """The customer that its caller acts for; empty = the tenant as a whole."""
    is_internal: bool = False
    reason: str = ""
    ended: bool = False
    request_bytes: int = 0
    """What its request takes in memory, or may take while it has not come."""
    is_gone: bool = False
    """Whether its last byte is sent, or nobody wants it any more."""

    @property
    def holder(self) -> Hashable:
        """Whose places and room it takes: services that work for a tenant must not find them taken by its users."""
        return self.tenant, self.is_internal


def audited_of(call: Call, request: Message | None = None) -> AuditedCall:
    """Return what the audit trail says of a call beside its caller."""
    return AuditedCall(call.method[1:], request, call.metadata.get(REASON_METADATA, ""))


def metadata_of(context: Context) -> dict[str, str]:
    """Return the call's text metadata, by lower-case key. Read it once: gRPC builds it anew each time.

    Values of a key that stands there twice are joined by a character that no header may hold, so that none of ours is
    then taken for valid, whichever of the two was meant.
    """
    pairs = cast("Iterable[tuple[str, str | bytes]]", context.invocation_metadata() or ())
    metadata: dict[str, str] = {}
    for key, value in pairs:
        if key == REASON_METADATA and isinstance(value, bytes):
            metadata[key] = value.decode(errors="replace")
        elif isinstance(value, str):
            metadata[key] = f"{metadata[key]}\n{value}" if key in metadata else value
    return metadata


def remaining_s(context: Context) -> float | None:
    """Return the seconds until the caller's deadline, or None without one (which the stubs' types don't allow for)."""
    return cast("float | None", context.time_remaining())


def code_when_gone(context: Context) -> grpc.StatusCode:
    """Return the status of a call whose caller does not wait any more."""
    left_s = remaining_s(context)
    if left_s is not None and left_s <= 0:
        return grpc.StatusCode.DEADLINE_EXCEEDED
    return grpc.StatusCode.CANCELLED


def code_of(context: Context) -> grpc.StatusCode:
    """Return the status that a handler set on the context itself; OK if it set none."""
    code = cast("grpc.StatusCode | int | None", context.code())
    if isinstance(code, grpc.StatusCode):
        return code
    return _CODES.get(code or 0, grpc.StatusCode.UNKNOWN)
