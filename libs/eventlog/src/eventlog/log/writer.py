"""Appends segments to a lane: without gaps, in one chain, in the same transaction that writes the entries themselves.

The writer locks its lane's head row until it commits, so two writers never share a lane and no position is skipped: a
rollback releases the positions it took. This is the only code that writes to `segment`. `driver` is asyncpg's
connection inside an open transaction (`driver_transaction`, `driver_connection`).
"""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import zlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from chassis.errors import Internal, Reason, TooBig
from eventlog.feed.chain import RULE_KINDS, RULE_WHOLE, chain_after, owner_hash
from eventlog.feed.cursor import Segment
from eventlog.feed.kinds import EntryKind
from eventlog.log.epochs import EPOCH

if TYPE_CHECKING:
    from collections.abc import Sequence

CHANNEL: Final = "feed"
"""NOTIFY channel. The payload is `lane:position`, which is only a hint: readers serve what is in the tables."""
SEGMENT_BYTES_MAX: Final = 8 * 1024 * 1024 - 64 * 1024
"""Largest payload. One segment is sent as one message, whose limit is 8 MiB by default."""

_COLUMNS: Final = (
    "lane",
    "first_position",
    "count",
    "tenant",
    "payload",
    "digest",
    "chain",
    "accepted_at",
    "traceparent",
    "min_time",
    "max_time",
    "chain_rule",
    "kind",
)
_LANE: Final = "SELECT lane, position, chain FROM lane_head"
_FREE_LANE: Final = f"{_LANE} ORDER BY lane FOR UPDATE SKIP LOCKED LIMIT 1"
_THIS_LANE: Final = f"{_LANE} WHERE lane = $1 FOR UPDATE"
# Moves the head, wakes readers and reads the epoch in one statement, because a commit should take few round trips.
# Postgres sends the wake-up at COMMIT. Whoever renews the epoch locks all lanes: read under the lane's lock, and not in
# the statement that waits for it and sees what was before, it is the one that holds for these positions.
_MOVE_HEAD: Final = f"""
    WITH moved AS (
        UPDATE lane_head SET position = $2, chain = $3 WHERE lane = $1 AND position = $4 RETURNING lane, position
    )
    SELECT CAST({EPOCH} AS text) AS epoch, pg_notify($5, lane || ':' || position) FROM moved
"""  # noqa: S608 - text of our own
_COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_FIXED = struct.Struct(">hiiiqii")
_POSTGRES_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class LaneHead:
    """A lane whose head row the current transaction has locked, and where it ends."""

    lane: int
    position: int
    chain: bytes


@dataclass(frozen=True, slots=True)
class SegmentDraft:
    """A segment that has no place in the log yet. All entries belong to one tenant; all times are aware.

    `payload` is zstd-compressed. `owner_values` go into the columns that the log's owner added to `segment`, in the
    binary form of their Postgres type, or None for NULL; readers don't get them. Create drafts before a lane is
    claimed: the digest is computed here, and no other writer should have to wait for it.
    """

    tenant: str
    count: int
    payload: bytes
    accepted_at: datetime
    traceparent: str
    min_time: datetime
    max_time: datetime
    owner_values: tuple[bytes | None, ...] = ()
    kind: EntryKind = EntryKind.PLAIN
    digest: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Check the invariants and compute the digest."""
        if self.count < 1:
            raise ValueError("a segment has at least one entry")
        if len(self.payload) > SEGMENT_BYTES_MAX:
            raise TooBig(
                Reason.MESSAGE_TOO_LARGE,
                f"the batch takes {len(self.payload)} bytes compressed, at most {SEGMENT_BYTES_MAX} fit; split it",
            )
        object.__setattr__(self, "digest", hashlib.sha256(self.payload).digest())


async def claim_lane(driver: Any) -> LaneHead:
    """Lock a free lane's head for this transaction; wait for one if all are taken.

    Each lock is taken by a statement of its own: the statements after it have a snapshot that is newer than the lock,
    and so see everything that the lane's last writer wrote.
    """
    row = await driver.fetchrow(_FREE_LANE) or await driver.fetchrow(_THIS_LANE, await _own_lane(driver))
    return LaneHead(lane=row["lane"], position=row["position"], chain=row["chain"])


async def claim_this_lane(driver: Any, lane: int) -> LaneHead:
    """Lock a certain lane's head for this transaction, however long it is taken: for entries about others of the lane.

    Whoever needs several lanes claims them in the order of their numbers, or two would wait for each other in a circle.
    """
    row = await driver.fetchrow(_THIS_LANE, lane)
    if row is None:
        raise Internal(Reason.INTERNAL, f"the feed has no lane {lane}, but something is said to lie there")
    return LaneHead(lane=row["lane"], position=row["position"], chain=row["chain"])


async def _own_lane(driver: Any) -> int:
    """Return the lane that this process queues for. Processes spread over the lanes; each keeps to one queue."""
    lanes = [row["lane"] for row in await driver.fetch("SELECT lane FROM lane_head ORDER BY lane")]
    if not lanes:
        raise Internal(Reason.INTERNAL, "the feed has no lanes: its migration did not run to the end")
    process = f"{socket.gethostname()}:{os.getpid()}"
    lane: int = lanes[zlib.crc32(process.encode()) % len(lanes)]
    return lane


async def append(
    driver: Any, head: LaneHead, drafts: Sequence[SegmentDraft], owner_columns: tuple[str, ...] = ()
) -> list[Segment]:
    """Append `drafts` after `head`, in order, and move the head; readers are woken when the transaction commits.

    `owner_columns` name the columns of the drafts' `owner_values`. `head` must come from `claim_lane` in the same
    transaction, and can be used once. Only after COMMIT may the segments be acknowledged.
    """
    if not drafts:
        return []
    segments: list[Segment] = []
    position, chain = head.position, head.chain
    for draft in drafts:
        segment = _place(draft, head, position + 1, chain, owner_columns)
        segments.append(segment)
        position, chain = segment.last_position, segment.chain
    rows = b"".join(_copy_row(segment, draft) for segment, draft in zip(segments, drafts, strict=True))
    # A bytearray, because asyncpg would take plain bytes for the path of a file.
    source = bytearray(_COPY_HEADER + rows + _COPY_TRAILER)
    await driver.copy_to_table("segment", source=source, columns=_COLUMNS + owner_columns, format="binary")
    epoch = await driver.fetchval(_MOVE_HEAD, head.lane, position, chain, head.position, CHANNEL)
    if epoch is None:
        raise Internal(Reason.INTERNAL, "the lane's head moved under its own lock: was it claimed in this transaction?")
    return [replace(segment, epoch=epoch) for segment in segments]


def _place(
    draft: SegmentDraft, head: LaneHead, first_position: int, previous_chain: bytes, owner_columns: tuple[str, ...]
) -> Segment:
    segment = Segment(
        # Told by the statement that moves the head.
        epoch="",
        lane=head.lane,
        first_position=first_position,
        count=draft.count,
        tenant=draft.tenant,
        payload=draft.payload,
        digest=draft.digest,
        chain=b"",
        accepted_at=draft.accepted_at,
        traceparent=draft.traceparent,
        min_time=draft.min_time,
        max_time=draft.max_time,
        chain_rule=RULE_WHOLE if draft.kind is EntryKind.PLAIN else RULE_KINDS,
        kind=draft.kind,
        owner_hash=owner_hash(dict(zip(owner_columns, draft.owner_values, strict=True))),
    )
    chain = chain_after(previous_chain, segment)
    if chain is None:
        raise Internal(Reason.INTERNAL, "the writer has no rule for the chain of its own segments")
    return replace(segment, chain=chain)


def _copy_row(segment: Segment, draft: SegmentDraft) -> bytes:
    """Return one row of binary COPY: a field count, then a length and the bytes of each field."""
    fixed = _FIXED.pack(
        len(_COLUMNS) + len(draft.owner_values), 4, segment.lane, 8, segment.first_position, 4, segment.count
    )
    fields = (
        segment.tenant.encode(),
        segment.payload,
        segment.digest,
        segment.chain,
        _timestamp(segment.accepted_at),
        segment.traceparent.encode(),
        _timestamp(segment.min_time),
        _timestamp(segment.max_time),
        segment.chain_rule.to_bytes(4, "big"),
        segment.kind.to_bytes(4, "big"),
        *draft.owner_values,
    )
    return b"".join((fixed, *map(_field, fields)))


def _field(value: bytes | None) -> bytes:
    return _NULL if value is None else len(value).to_bytes(4, "big") + value


def _timestamp(instant: datetime) -> bytes:
    return ((instant - _POSTGRES_EPOCH) // _MICROSECOND).to_bytes(8, "big", signed=True)
