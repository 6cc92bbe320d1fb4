"""Copies of events by customer. `driver` is asyncpg's connection in an open transaction."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from chassis.errors import Diverged, Reason
from eventlog.feed.kinds import EntryKind
from eventlog.payload import compress, decompress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from eventlog.columns import RowNumbers
    from eventlog.period import Period

_COLUMNS: Final = (
    "tenant",
    "lane",
    "slot",
    "first_position",
    "count",
    "kind",
    "min_time",
    "max_time",
    "positions",
    "payload",
    "digest",
)
_DELTAS: Final = np.dtype("<i8")


@dataclass(frozen=True, slots=True)
class CopyPlace:
    """How far a lane of a tenant is copied; 0: not at all."""

    tenant: str
    lane: int
    copied_up_to: int


@dataclass(frozen=True, slots=True)
class BlockSummary:
    """What decides whether a block must be read at all."""

    block_id: int
    count: int
    payload_bytes: int


@dataclass(frozen=True, slots=True)
class BlockDraft:
    """A block that is to be written; `payload` is that of a segment with its events."""

    slot: int
    kind: EntryKind
    positions: RowNumbers
    min_time: datetime
    max_time: datetime
    payload: bytes


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A block as it was written."""

    lane: int
    kind: EntryKind
    positions: RowNumbers
    payload: bytes

    @property
    def count(self) -> int:
        """Return the number of events."""
        return len(self.positions)


async def want_copies(driver: Any, tenants: Sequence[str]) -> None:
    """Let the lanes of some tenants be copied from now on."""
    await driver.execute(
        """
        INSERT INTO customer_copy (tenant, lane)
        SELECT tenant, lane FROM unnest($1::text[]) AS tenant, lane_head ORDER BY tenant, lane ON CONFLICT DO NOTHING
        """,
        tenants,
    )


async def lanes_behind(driver: Any, events: int) -> list[CopyPlace]:
    """Return the lanes whose log is longer than their copy by so many events, of whichever tenants."""
    rows = await driver.fetch(
        """
        SELECT c.tenant, c.lane, c.copied_up_to FROM customer_copy AS c JOIN lane_head AS h USING (lane)
        WHERE h.position - c.copied_up_to >= $1 ORDER BY c.tenant, c.lane
        """,
        events,
    )
    return [CopyPlace(row["tenant"], row["lane"], row["copied_up_to"]) for row in rows]


async def claim_copy(driver: Any, tenant: str, lane: int) -> CopyPlace | None:
    """Lock the copy of a lane; None if another process has it. What is not a copy of this log is thrown away."""
    found = await driver.fetchval(
        "SELECT copied_up_to FROM customer_copy WHERE tenant = $1 AND lane = $2 FOR UPDATE SKIP LOCKED", tenant, lane
    )
    if found is None:
        return None
    copied_up_to = await copied_up_to_of(driver, tenant, lane)
    if copied_up_to != found:
        await driver.execute("DELETE FROM customer_block WHERE tenant = $1 AND lane = $2", tenant, lane)
    return CopyPlace(tenant, lane, copied_up_to)


async def copied_up_to_of(driver: Any, tenant: str, lane: int) -> int:
    """Return up to which position a lane of a tenant is copied; 0 if it is not, or not of this log."""
    found = await driver.fetchval(
        """
        SELECT c.copied_up_to FROM customer_copy AS c JOIN segment AS s ON s.lane = c.lane
            AND s.first_position = c.last_segment AND s.tenant = c.tenant AND s.chain = c.chain
            AND s.first_position + s.count - 1 = c.copied_up_to
        WHERE c.tenant = $1 AND c.lane = $2
        """,
        tenant,
        lane,
    )
    return int(found or 0)


async def segments_to_copy(driver: Any, place: CopyPlace, limit: int) -> list[tuple[int, int]]:
    """Return first position and number of events of the next segments of a lane, at most `limit`."""
    rows = await driver.fetch(
        """
        SELECT first_position, count FROM segment WHERE tenant = $1 AND lane = $2 AND first_position > $3
        ORDER BY first_position LIMIT $4
        """,
        place.tenant,
        place.lane,
        place.copied_up_to,
        limit,
    )
    return [(row["first_position"], row["count"]) for row in rows]


async def add_copy(driver: Any, place: CopyPlace, blocks: Sequence[BlockDraft], last_segment: int) -> None:
    """Add blocks to a copy that was claimed, which then ends with the segment at `last_segment`."""
    records = [_record(place, block) for block in blocks]
    await driver.copy_records_to_table("customer_block", records=records, columns=_COLUMNS)
    await driver.execute(
        """
        UPDATE customer_copy AS c
        SET copied_up_to = s.first_position + s.count - 1, last_segment = s.first_position, chain = s.chain
        FROM segment AS s
        WHERE c.tenant = $1 AND c.lane = $2 AND s.lane = $2 AND s.first_position = $3
        """,
        place.tenant,
        place.lane,
        last_segment,
    )


async def summarize_blocks(
    driver: Any, tenant: str, lane: int, slots: Sequence[int], period: Period, up_to: int
) -> list[BlockSummary]:
    """Return the blocks of a lane that may hold events of some slots and a period up to a position, in log order."""
    rows = await driver.fetch(
        """
        SELECT block_id, count, octet_length(payload) AS payload_bytes FROM customer_block
        WHERE tenant = $1 AND lane = $2 AND slot = ANY($3::integer[]) AND first_position <= $4
          AND max_time >= $5 AND min_time < $6
        ORDER BY first_position, block_id
        """,
        tenant,
        lane,
        slots,
        up_to,
        period.start,
        period.end,
    )
    return [BlockSummary(row["block_id"], row["count"], row["payload_bytes"]) for row in rows]


async def blocks_by_id(driver: Any, block_ids: Sequence[int]) -> list[StoredBlock]:
    """Return blocks. Raises Diverged if one is not what was written."""
    rows = await driver.fetch(
        """
        SELECT block_id, lane, kind, positions, payload, digest FROM customer_block
        WHERE block_id = ANY($1::bigint[]) ORDER BY first_position, block_id
        """,
        block_ids,
    )
    if len(rows) != len(block_ids):
        raise _damaged(f"{len(block_ids) - len(rows)} blocks of the copies by customer are gone")
    return [_stored(row) for row in rows]


def _record(place: CopyPlace, block: BlockDraft) -> tuple[object, ...]:
    # Differences are small and alike, and take next to nothing when compressed.
    positions = compress(np.diff(block.positions, prepend=0).astype(_DELTAS).tobytes())
    return (
        place.tenant,
        place.lane,
        block.slot,
        int(block.positions[0]),
        len(block.positions),
        int(block.kind),
        block.min_time,
        block.max_time,
        positions,
        block.payload,
        _digest(positions, block.payload),
    )


def _stored(row: Any) -> StoredBlock:
    if _digest(row["positions"], row["payload"]) != row["digest"]:
        raise _damaged(f"block {row['block_id']} of the copies by customer is not what was written")
    positions = np.cumsum(np.frombuffer(decompress(row["positions"]), dtype=_DELTAS), dtype=np.int64)
    return StoredBlock(row["lane"], EntryKind(row["kind"]), positions, row["payload"])


def _digest(positions: bytes, payload: bytes) -> bytes:
    return hashlib.sha256(len(positions).to_bytes(8, "big") + positions + payload).digest()


def _damaged(what: str) -> Diverged:
    advice = (
        "empty the tables customer_block and customer_copy, which are made anew; the runbook data-corrupted says how"
    )
    return Diverged(Reason.DATA_CORRUPTED, f"{what}; {advice}")
