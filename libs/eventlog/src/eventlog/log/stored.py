"""Segments as rows: how a row is read, and the proof that what was read is what was written.

`driver` is asyncpg's connection in an open transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from eventlog.feed.chain import owner_hash
from eventlog.feed.cursor import CHAIN_START, Cursor, Segment, check_payload, corrupt, follow
from eventlog.log.epochs import EPOCH

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER_COLUMNS: Final = (
    "lane",
    "first_position",
    "count",
    "tenant",
    "digest",
    "chain",
    "accepted_at",
    "traceparent",
    "min_time",
    "max_time",
    "chain_rule",
    "kind",
)
"""The columns that every log has, but for the payload."""
COLUMNS: Final = (*HEADER_COLUMNS, "payload")


def segment_of(row: Any, epoch: str, owner_columns: Sequence[str], payload: bytes | None = None) -> Segment:
    """Return the segment of a row; the payload is the row's unless another is given."""
    return Segment(
        epoch=epoch,
        payload=row["payload"] if payload is None else payload,
        owner_hash=owner_hash({name: _binary(row[name]) for name in owner_columns}),
        **{name: row[name] for name in HEADER_COLUMNS},
    )


def _binary(value: bytes | UUID | None) -> bytes | None:
    return value.bytes if isinstance(value, UUID) else value


async def read_proven(
    driver: Any, lane: int, first_positions: Sequence[int], owner_columns: Sequence[str] = ()
) -> list[tuple[Segment, Any]]:
    """Return segments of a lane in log order, each with its row, once they are proven to be what was written.

    Each must match its digest, continue the chain of the segment before it, and be continued by the one after it or by
    the lane's head. Raises Diverged.
    """
    columns = ", ".join(f"s.{name}" for name in (*COLUMNS, *owner_columns))
    rows = await driver.fetch(
        f"""
        SELECT {columns}, CAST({EPOCH} AS text) AS epoch, (
            SELECT b.chain FROM segment AS b WHERE b.lane = s.lane AND b.first_position < s.first_position
            ORDER BY b.first_position DESC LIMIT 1
        ) AS chain_before
        FROM segment AS s WHERE s.lane = $1 AND s.first_position = ANY($2::bigint[])
        ORDER BY s.first_position
        """,  # noqa: S608 - names of our own
        lane,
        first_positions,
    )
    found = [(segment_of(row, row["epoch"], owner_columns), row) for row in rows]
    ends = []
    for segment, row in found:
        check_payload(segment)
        before = CHAIN_START if row["chain_before"] is None else row["chain_before"]
        ends.append(follow(Cursor(lane, segment.first_position - 1, before, segment.epoch), segment))
    await _check_continued(driver, lane, ends, [segment for segment, _ in found], owner_columns)
    return found


async def _check_continued(
    driver: Any, lane: int, ends: Sequence[Cursor], segments: Sequence[Segment], owner_columns: Sequence[str]
) -> None:
    """Raise Diverged unless what comes after each of `ends` continues it: a rewritten segment breaks the next one."""
    # The head first: what it covers is there when the segments after it are looked for.
    head = await driver.fetchrow("SELECT position, chain FROM lane_head WHERE lane = $1", lane)
    columns = ", ".join((*HEADER_COLUMNS, *owner_columns))
    rows = await driver.fetch(
        f"SELECT {columns} FROM segment WHERE lane = $1 AND first_position = ANY($2::bigint[])",  # noqa: S608
        lane,
        [end.position + 1 for end in ends],
    )
    after = {row["first_position"]: row for row in rows}
    for end, segment in zip(ends, segments, strict=True):
        row = after.get(end.position + 1)
        if row is not None:
            follow(end, segment_of(row, end.epoch, owner_columns, payload=b""))
        elif (head["position"], head["chain"]) != (end.position, end.chain):
            raise corrupt(segment, "nothing continues it, and its lane does not end with it")
