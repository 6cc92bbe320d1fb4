"""Voiding and replacing events.

A correction goes into the lane of its event, whose head is locked first: what the index says under that lock is what
the log ends with, so two corrections of one event can't both take the same entry back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chassis.errors import invalid_field
from chassis.identity import current_identity
from chassis.postgres import driver_connection
from eventlog.as_of import AsOf
from eventlog.columns import TextColumn
from eventlog.compare import differences
from eventlog.feed.kinds import EntryKind
from eventlog.instants import microseconds_of
from eventlog.join import join_columns
from eventlog.log.epochs import read_epoch
from eventlog.log.writer import claim_this_lane
from ingest.domain.admission import admit
from ingest.domain.backfills import WHOLE_PAST
from ingest.domain.corrections import Identity, by_lane, standing_of
from ingest.domain.events import StoredPage
from ingest.domain.keys import keys_of
from ingest.domain.reporters import Reporter
from ingest.intake.correcting import NewEntries, Order, write_corrections
from ingest.operations.events import check_are, event_not_found
from ingest.store.corrections import last_corrections
from ingest.store.keys import find_keys
from ingest.store.sources import find_sources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from eventlog.columns import EventColumns
    from eventlog.log.writer import LaneHead
    from ingest.domain.corrections import Standing
    from ingest.domain.keys import EventKeys
    from ingest.operations.deps import Deps

_FIRST_ROW = np.zeros(1, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Voided:
    """What became of events that were to be voided; the effect reaches up to `as_of`."""

    voided: int
    already_voided: int
    as_of: AsOf


@dataclass(frozen=True, slots=True)
class Replaced:
    """The event that holds now, whether that was written by this call, and up to where its effect reaches."""

    page: StoredPage
    replaced: bool
    as_of: AsOf


async def void_events(
    deps: Deps, conn: AsyncConnection, tenant: str, identities: Sequence[Identity], reason: str
) -> Voided:
    """Take events back, all or none. Raises NotFound EVENT_NOT_FOUND, TooBig."""
    driver = await driver_connection(conn)
    standings, heads = await _claim(driver, tenant, identities)
    order = _order(deps, tenant, reason)
    reached = {standing.lane: standing.last for standing in sorted(standings, key=lambda one: one.last)}
    for lane, held in by_lane(standing for standing in standings if not standing.is_voided).items():
        part = NewEntries(EntryKind.VOID, await _held_events(deps, driver, held), held)
        (segment,), _ = await write_corrections(driver, heads[lane], order, [part])
        reached[lane] = segment.place.last_position
    already = sum(standing.is_voided for standing in standings)
    return Voided(len(standings) - already, already, AsOf(await read_epoch(driver), reached))


async def count_voids(conn: AsyncConnection, tenant: str, identities: Sequence[Identity]) -> Voided:
    """Say what `void_events` would do, and write nothing. Raises NotFound EVENT_NOT_FOUND."""
    driver = await driver_connection(conn)
    keys, places = await _find(driver, tenant, list(dict.fromkeys(identities)))
    already = sum(entry.kind is EntryKind.VOID for entry in (await last_corrections(driver, keys)).values())
    return Voided(len(places) - already, already, AsOf(await read_epoch(driver)))


async def replace_event(deps: Deps, conn: AsyncConnection, tenant: str, events: EventColumns, reason: str) -> Replaced:
    """Let the one event of `events` hold in the place of that with its identity.

    Raises NotFound EVENT_NOT_FOUND, and InvalidRequest for an event that could not be reported.
    """
    _check_new(deps, events)
    identity = Identity(events.text("source").texts(_FIRST_ROW)[0] or "", events.ids[0])
    driver = await driver_connection(conn)
    (standing,), heads = await _claim(driver, tenant, [identity])
    parts = [NewEntries(EntryKind.REPLACEMENT, events, [standing])]
    if standing.holds_at is not None:
        held = await _held(deps, driver, standing.lane, [standing])
        if not differences(events, _FIRST_ROW, held.events, held.rows):
            as_of = AsOf(await read_epoch(driver), {standing.lane: standing.last})
            return Replaced(held, replaced=False, as_of=as_of)
        parts.insert(0, NewEntries(EntryKind.VOID, held.events.take(held.rows), [standing]))
    segments, epoch = await write_corrections(driver, heads[standing.lane], _order(deps, tenant, reason), parts)
    new = segments[-1]
    as_of = AsOf(epoch, {standing.lane: new.place.last_position})
    return Replaced(StoredPage(new.place, new.events, _FIRST_ROW), replaced=True, as_of=as_of)


def _check_new(deps: Deps, events: EventColumns) -> None:
    """Refuse what Report would refuse, but for the late limit: whatever was reported may be corrected."""
    admission = admit(events, deps.limits, microseconds_of(deps.clock.now()), WHOLE_PAST)
    if admission.refusals:
        refused = admission.refusals[0]
        # An event that is refused as a whole names no field.
        raise invalid_field(f"event.{refused.field}".rstrip("."), refused.reason, refused.message)


def _order(deps: Deps, tenant: str, reason: str) -> Order:
    caller = current_identity()
    return Order(tenant, Reporter(caller.subject, caller.token_id), deps.clock.now(), reason)


async def _claim(
    driver: Any, tenant: str, identities: Sequence[Identity]
) -> tuple[list[Standing], Mapping[int, LaneHead]]:
    """Lock the lanes of events, each named once, and say how they stand. Raises NotFound."""
    wanted = list(dict.fromkeys(identities))
    keys, places = await _find(driver, tenant, wanted)
    # In the order of their numbers, so that two callers never wait for each other.
    heads = {lane: await claim_this_lane(driver, lane) for lane in sorted({lane for lane, _ in places.values()})}
    last = await last_corrections(driver, keys)
    found = enumerate(wanted)
    standings = [
        standing_of(identity, keys.take(np.array([row], dtype=np.int64)), places[row], last.get(row))
        for row, identity in found
    ]
    return standings, heads


async def _find(
    driver: Any, tenant: str, wanted: Sequence[Identity]
) -> tuple[EventKeys, Mapping[int, tuple[int, int]]]:
    """Return the keys of events, and the place (lane, position) of each as it was reported. Raises NotFound."""
    sources = sorted({identity.source for identity in wanted})
    numbers = await find_sources(driver, tenant, sources)
    for identity in wanted:
        if identity.source not in numbers:
            raise event_not_found(identity.source, identity.id)
    codes = {source: code for code, source in enumerate(sources, start=1)}
    column = TextColumn(sources, np.array([codes[identity.source] for identity in wanted], dtype=np.uint32))
    keys = keys_of(tenant, [identity.id for identity in wanted], column, [numbers[source] for source in sources])
    rows, lanes, positions = await find_keys(driver, keys)
    places = dict(zip(rows.tolist(), zip(lanes.tolist(), positions.tolist(), strict=True), strict=True))
    for row, identity in enumerate(wanted):
        if row not in places:
            raise event_not_found(identity.source, identity.id)
    return keys, places


async def _held_events(deps: Deps, driver: Any, standings: Sequence[Standing]) -> EventColumns:
    """Return what holds of events of one lane, in their order, which is that of the log."""
    parts: list[EventColumns] = []
    rest = standings
    while rest:
        page = await _held(deps, driver, rest[0].lane, rest)
        parts.append(page.events.take(page.rows))
        rest = rest[len(page.rows) :]
    return join_columns(parts)


async def _held(deps: Deps, driver: Any, lane: int, standings: Sequence[Standing]) -> StoredPage:
    """Return what holds of the first of some events in log order, and of the others in its segment."""
    segment = await deps.library.read(driver, lane, standings[0].last)
    inside = [one for one in standings if one.last <= segment.place.last_position]
    rows = np.array([one.last for one in inside], dtype=np.int64) - segment.place.first_position
    page = StoredPage(segment.place, segment.events, rows)
    check_are(page, [one.identity for one in inside])
    return page
