"""Which events were corrected, by identity and by place. `driver` is asyncpg's connection in an open transaction."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from eventlog.feed.kinds import EntryKind
from ingest.domain.corrections import CorrectionEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.domain.corrections import Standing
    from ingest.domain.keys import EventKeys

_COLUMNS: Final = ("source_id", "key_kind", "key", "lane", "position", "kind", "takes_back")


async def last_corrections(driver: Any, keys: EventKeys) -> dict[int, CorrectionEntry]:
    """Return the last correction of each event that has one, by its row in `keys`."""
    rows = await driver.fetch(
        """
        SELECT wanted.number, last.position, last.kind, last.takes_back
        FROM unnest($1::int4[], $2::int2[], $3::uuid[]) WITH ORDINALITY AS wanted(source_id, key_kind, key, number)
        CROSS JOIN LATERAL (
            SELECT position, kind, takes_back FROM event_correction
            WHERE source_id = wanted.source_id AND key_kind = wanted.key_kind AND key = wanted.key
            ORDER BY position DESC
            LIMIT 1
        ) AS last
        """,
        keys.source_ids.tolist(),
        keys.kinds.tolist(),
        keys.hex_texts(),
    )
    return {row["number"] - 1: _entry(row) for row in rows}


async def voided_among(driver: Any, keys: EventKeys) -> list[int]:
    """Return which of some stored events do not hold any more, by their rows in `keys`."""
    # Nearly always nothing was ever corrected, and an index probe for each key would tell no more.
    if not len(keys) or not await driver.fetchval("SELECT EXISTS (SELECT FROM event_correction)"):
        return []
    last = await last_corrections(driver, keys)
    return sorted(row for row, entry in last.items() if entry.kind is EntryKind.VOID)


async def corrections_of(driver: Any, keys: EventKeys) -> list[CorrectionEntry]:
    """Return all corrections of one event, in log order."""
    rows = await driver.fetch(
        """
        SELECT position, kind, takes_back FROM event_correction
        WHERE source_id = $1 AND key_kind = $2 AND key = $3
        ORDER BY position
        """,
        int(keys.source_ids[0]),
        int(keys.kinds[0]),
        keys.hex_texts()[0],
    )
    return [_entry(row) for row in rows]


async def taken_back(driver: Any, lane: int, first_position: int, last_position: int) -> dict[int, int]:
    """Return which positions of a range of a lane were taken back, and at which later position each."""
    rows = await driver.fetch(
        "SELECT takes_back, position FROM event_correction WHERE lane = $1 AND takes_back BETWEEN $2 AND $3",
        lane,
        first_position,
        last_position,
    )
    return {row["takes_back"]: row["position"] for row in rows}


async def add_corrections(
    driver: Any, standings: Sequence[Standing], kind: EntryKind, first_position: int, taken_back: Sequence[int]
) -> None:
    """Note corrections of events, of one kind and at consecutive positions of their lane.

    `taken_back` are the positions that voids take back; empty for replacements.
    """
    records = [
        (
            int(standing.key.source_ids[0]),
            int(standing.key.kinds[0]),
            standing.key.hex_texts()[0],
            standing.lane,
            first_position + number,
            int(kind),
            taken,
        )
        for number, (standing, taken) in enumerate(zip(standings, taken_back or repeat(None), strict=False))
    ]
    await driver.copy_records_to_table("event_correction", records=records, columns=_COLUMNS)


def _entry(row: Any) -> CorrectionEntry:
    return CorrectionEntry(row["position"], EntryKind(row["kind"]), row["takes_back"])
