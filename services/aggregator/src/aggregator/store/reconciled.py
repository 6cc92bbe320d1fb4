"""How far the log was read again in the background, and what it came to up to there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from aggregator.domain.conservation import LogTerms
from aggregator.domain.terms import Terms
from eventlog.feed.cursor import Cursor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class ReconciledMeter:
    """What the log comes to for a version of a meter up to a place, and when it was compared with the store last."""

    meter_id: int
    span: tuple[int, int]
    cursors: Mapping[int, Cursor]
    terms: LogTerms
    worked_at: datetime
    checked_at: datetime | None
    difference: int

    @property
    def positions(self) -> int:
        """How far it is."""
        return sum(cursor.position for cursor in self.cursors.values())


async def take_turn(conn: AsyncConnection, holder: UUID, now: datetime, until: datetime) -> bool:
    """Let nobody else compare until then; return False where another one is at it."""
    taken = await conn.execute(
        text(
            """
            INSERT INTO reconciling_turn AS t (holder, until) VALUES (:holder, :until)
            ON CONFLICT (only_row) DO UPDATE SET holder = EXCLUDED.holder, until = EXCLUDED.until
            WHERE t.holder = EXCLUDED.holder OR t.until < :now
            """
        ),
        {"holder": holder, "until": until, "now": now},
    )
    return bool(taken.rowcount)


async def reconciled_meters(conn: AsyncConnection) -> dict[int, ReconciledMeter]:
    """Return how far all versions of meters are that were ever looked at."""
    rows = await conn.execute(
        text(
            """
            SELECT meter_id, CAST(place AS text) AS place, CAST(terms AS text) AS terms, worked_at, checked_at,
                difference
            FROM reconciled_meter
            """
        )
    )
    return {row.meter_id: _reconciled(row) for row in rows}


async def save(conn: AsyncConnection, states: Sequence[ReconciledMeter]) -> None:
    """Keep how far some are."""
    await conn.execute(
        text(
            """
            INSERT INTO reconciled_meter (meter_id, place, terms, worked_at, checked_at, difference)
            VALUES (:meter_id, CAST(:place AS jsonb), CAST(:terms AS jsonb), :worked_at, :checked_at, :difference)
            ON CONFLICT (meter_id) DO UPDATE SET
                place = EXCLUDED.place, terms = EXCLUDED.terms, worked_at = EXCLUDED.worked_at,
                checked_at = EXCLUDED.checked_at, difference = EXCLUDED.difference
            """
        ),
        [_row(state) for state in states],
    )


async def difference(conn: AsyncConnection) -> int:
    """Return how many events differ by the last comparison of each meter, over all tenants."""
    found = await conn.execute(text("SELECT CAST(coalesce(sum(difference), 0) AS bigint) FROM reconciled_meter"))
    return int(found.scalar_one())


def _row(state: ReconciledMeter) -> dict[str, Any]:
    place = {
        "span": state.span,
        "lanes": [[one.lane, one.position, one.chain.hex(), one.epoch] for one in state.cursors.values()],
    }
    terms = {
        "asked": state.terms.asked,
        "voided": state.terms.voided,
        "parked": state.terms.parked_digest,
        "windows": [
            [month, one.events, str(one.sum), *one.digest] for month, one in sorted(state.terms.windows.items())
        ],
    }
    return {
        "meter_id": state.meter_id,
        "place": json.dumps(place),
        "terms": json.dumps(terms),
        "worked_at": state.worked_at,
        "checked_at": state.checked_at,
        "difference": state.difference,
    }


def _reconciled(row: Any) -> ReconciledMeter:
    place, terms = json.loads(row.place), json.loads(row.terms)
    return ReconciledMeter(
        meter_id=row.meter_id,
        span=(place["span"][0], place["span"][1]),
        cursors={
            lane: Cursor(lane, position, bytes.fromhex(chain), epoch) for lane, position, chain, epoch in place["lanes"]
        },
        terms=LogTerms(
            terms["asked"],
            terms["voided"],
            {month: Terms(events, Fraction(total), (one, two)) for month, events, total, one, two in terms["windows"]},
            terms["parked"],
        ),
        worked_at=row.worked_at,
        checked_at=row.checked_at,
        difference=row.difference,
    )
