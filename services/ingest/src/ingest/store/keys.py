"""Keys: which events are stored, and where. `driver` is asyncpg's connection in an open transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import asyncpg
import numpy as np

if TYPE_CHECKING:
    from eventlog.columns import RowNumbers
    from ingest.domain.keys import EventKeys

_COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER: Final = b"\xff\xff"
_KEY_COLUMNS: Final = ("source_id", "key_kind", "key", "lane", "position")
# One row of binary COPY: the number of fields, then length and value of each, all big-endian.
_KEY_ROW: Final = np.dtype(
    [
        ("fields", ">i2"),
        ("source_id_bytes", ">i4"),
        ("source_id", ">i4"),
        ("kind_bytes", ">i4"),
        ("kind", ">i2"),
        ("key_bytes", ">i4"),
        ("high", ">u8"),
        ("low", ">u8"),
        ("lane_bytes", ">i4"),
        ("lane", ">i2"),
        ("position_bytes", ">i4"),
        ("position", ">i8"),
    ]
)
_TURN_LOCK: Final = 0x6B65_7973
_UNIQUE_VIOLATION: Final = "23505"
# A distributed Postgres passes a worker's refusal on under a general code, with the text alone to tell it by.
_INTERNAL_ERROR: Final = "XX000"
_UNIQUE_VIOLATION_TEXT: Final = "duplicate key value violates unique constraint"


def is_unique_violation(error: BaseException) -> bool:
    """Say whether `error`, or what caused it, is the refusal of a key that is there already."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, asyncpg.PostgresError):
            if cause.sqlstate == _UNIQUE_VIOLATION:
                return True
            return cause.sqlstate == _INTERNAL_ERROR and _UNIQUE_VIOLATION_TEXT in str(cause)
        cause = cause.__cause__
    return False


async def copy_keys(driver: Any, keys: EventKeys, lane: int, positions: RowNumbers) -> None:
    """Write keys, which must be in key order, with their places. A key that is there already fails the transaction."""
    rows = np.empty(len(keys), dtype=_KEY_ROW)
    rows["fields"] = len(_KEY_COLUMNS)
    rows["source_id_bytes"], rows["source_id"] = 4, keys.source_ids
    rows["kind_bytes"], rows["kind"] = 2, keys.kinds
    rows["key_bytes"], rows["high"], rows["low"] = 16, keys.high, keys.low
    rows["lane_bytes"], rows["lane"] = 2, lane
    rows["position_bytes"], rows["position"] = 8, positions
    # A bytearray, because asyncpg takes plain bytes for the path of a file.
    source = bytearray(_COPY_HEADER)
    source += rows.tobytes()
    source += _COPY_TRAILER
    await driver.copy_to_table("event_key", source=source, columns=_KEY_COLUMNS, format="binary")


async def wait_for_turn(driver: Any) -> None:
    """Wait for all transactions that took this turn before, and keep it until this one ends."""
    await driver.execute("SELECT pg_advisory_xact_lock($1)", _TURN_LOCK)


async def find_keys(driver: Any, keys: EventKeys) -> tuple[RowNumbers, RowNumbers, RowNumbers]:
    """Find which keys are stored: their places in `keys`, and the lane and position of each."""
    # LATERAL with LIMIT can only run as one index probe a key; a join would, without fresh statistics, read it all.
    found = await driver.fetch(
        """
        SELECT wanted.number, stored.lane, stored.position
        FROM unnest($1::int4[], $2::int2[], $3::uuid[])
            WITH ORDINALITY AS wanted(source_id, key_kind, key, number)
        CROSS JOIN LATERAL (
            SELECT lane, position FROM event_key
            WHERE source_id = wanted.source_id AND key_kind = wanted.key_kind AND key = wanted.key
            LIMIT 1
        ) AS stored
        """,
        keys.source_ids.tolist(),
        keys.kinds.tolist(),
        keys.hex_texts(),
    )
    table = np.array([tuple(row) for row in found], dtype=np.int64).reshape(-1, 3)
    return table[:, 0] - 1, table[:, 1], table[:, 2]
