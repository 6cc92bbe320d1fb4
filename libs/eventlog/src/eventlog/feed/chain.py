"""The chain of a lane: which columns of a segment its hash covers, and by which rule. Pure.

Rule 1 covers the payload (by its digest) and the place of a segment. Rule 2 covers every column of the table but the
chain itself, and the number of the rule, so that nobody can turn a segment back to a rule that sees less. A log keeps
the rule by which each segment was written: old segments stay as they are. Rule 3 is rule 2 and the kind of the
entries; only corrections follow it, so that a reader that does not know them stops instead of counting them as usage.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from eventlog.instants import microseconds_of

if TYPE_CHECKING:
    from eventlog.feed.cursor import Segment

RULE_PAYLOAD: Final = 1
"""The payload and the place: every segment written before there were rules."""
RULE_WHOLE: Final = 2
"""Every column but the kind, for entries of the plain kind."""
RULE_KINDS: Final = 3
"""Every column, for corrections."""

_RANGE: Final = struct.Struct(">IQI")
_U32: Final = struct.Struct(">I")
_U64: Final = struct.Struct(">Q")
_I64: Final = struct.Struct(">q")


def _bytes(value: bytes) -> bytes:
    return _U32.pack(len(value)) + value


def _text(value: str) -> bytes:
    return _bytes(value.encode())


def _instant(value: Any) -> bytes:
    return _I64.pack(microseconds_of(value))


COVERED: Final[Mapping[str, Callable[[Any], bytes]]] = {
    "digest": bytes,
    "lane": _U32.pack,
    "first_position": _U64.pack,
    "count": _U32.pack,
    "chain_rule": _U32.pack,
    "tenant": _text,
    "accepted_at": _instant,
    "traceparent": _text,
    "min_time": _instant,
    "max_time": _instant,
    "owner_hash": bytes,
    "kind": _U32.pack,
}
"""What the newest rule covers, in order, and how each is written. `digest` stands for the payload, `owner_hash` for the
owner's columns. A test fails when the table has a column that is not here."""
_ADDED_BY_KINDS: Final = frozenset({"kind"})


def next_chain(previous: bytes, digest: bytes, lane: int, first_position: int, count: int) -> bytes:
    """Rule 1: SHA-256(previous || digest || lane u32 || first_position u64 || count u32), integers big-endian."""
    return hashlib.sha256(previous + digest + _RANGE.pack(lane, first_position, count)).digest()


def chain_after(previous: bytes, segment: Segment) -> bytes | None:
    """Return the chain that `segment` must have after `previous`, by its own rule; None for a rule not known here."""
    if segment.chain_rule == RULE_PAYLOAD and not segment.kind:
        return next_chain(previous, segment.digest, segment.lane, segment.first_position, segment.count)
    if segment.chain_rule not in (RULE_WHOLE, RULE_KINDS):
        return None
    # A kind that was put on a plain segment afterwards makes another chain, and so is noticed.
    without = _ADDED_BY_KINDS if segment.chain_rule == RULE_WHOLE and not segment.kind else frozenset()
    parts = (write(getattr(segment, name)) for name, write in COVERED.items() if name not in without)
    return hashlib.sha256(previous + b"".join(parts)).digest()


def owner_hash(values: Mapping[str, bytes | None]) -> bytes:
    """Return the hash of the columns that the log's owner added, by name and in the binary form of their types.

    A column without a value adds nothing, so that one that is added later leaves the hashes before it as they are.
    """
    parts = (_text(name) + _bytes(value) for name, value in sorted(values.items()) if value is not None)
    return hashlib.sha256(b"".join(parts)).digest()
