"""What a record of the audit trail says, and how records are chained. Pure."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from google.protobuf.message import Message

OUTCOME_OK: Final = "OK"
GENESIS_CHAIN: Final = bytes(32)
"""Chain hash before the first record of a tenant."""
_REASON_CHARS_MAX: Final = 256
_LENGTH: Final = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One call: by whom, with which token, what for, and what came of it.

    `sequence` counts the records of a tenant from 1 without gaps. `token_id` is the `jti` of the caller's token, empty
    for a service's own work. `customer` is the one the caller was bound to. `reason` is what the caller said of why.
    `request_sha256` is the hash of the request's deterministic protobuf bytes. `outcome` is "OK", or the reason of the
    refusal. `trace_id` is that of the call's own span, in hexadecimal.
    """

    tenant: str
    sequence: int
    at: datetime
    method: str
    subject: str
    token_id: str
    customer: str
    request_id: str
    reason: str
    request_sha256: bytes
    outcome: str
    trace_id: str


FIELDS: Final = tuple(part.name for part in fields(AuditRecord))


def chain_after(previous: bytes, record: AuditRecord) -> bytes:
    """Return SHA-256(previous || every field, as UTF-8 text or bytes, each behind its length as u32 big-endian).

    A number is its decimal digits, an instant its microseconds since 1970.
    """
    parts = (_written(getattr(record, name)) for name in FIELDS)
    return hashlib.sha256(previous + b"".join(_LENGTH.pack(len(part)) + part for part in parts)).digest()


def _written(value: str | int | bytes | datetime) -> bytes:
    if isinstance(value, datetime):
        value = _microseconds(value)
    return value if isinstance(value, bytes) else str(value).encode()


def _microseconds(instant: datetime) -> int:
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


@dataclass(frozen=True, slots=True)
class AuditedCall:
    """The call that is in work: what its record says beside the caller."""

    method: str
    request: Message | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        """Keep of what a caller wrote what a database can hold, and no more than fits a line."""
        object.__setattr__(self, "reason", self.reason.replace("\0", "")[:_REASON_CHARS_MAX])

    @property
    def is_rehearsal(self) -> bool:
        """Whether the caller only asks what would happen."""
        return bool(getattr(self.request, "validate_only", False))

    @property
    def request_id(self) -> str:
        """What the caller chose, or empty."""
        return str(getattr(self.request, "request_id", ""))

    @property
    def request_sha256(self) -> bytes:
        """The hash of the request; of nothing if none came."""
        body = b"" if self.request is None else self.request.SerializeToString(deterministic=True)
        return hashlib.sha256(body).digest()


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which records: from `since` until before `until`, of one subject or method; None and empty narrow nothing."""

    since: datetime | None = None
    until: datetime | None = None
    subject: str = ""
    method: str = ""
