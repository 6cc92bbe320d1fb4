"""Reading events again from the log that did not count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from aggregator.domain.batch import LogSegment
from aggregator.domain.matching import ReadableEvent
from aggregator.domain.parked import ParkedEntry
from aggregator.operations.deps import Deps
from eventlog.as_of import AsOf
from eventlog.columns import EventRows
from eventlog.period import Period
from eventlog.rows import columns_of

ROWS_PER_STATEMENT: Final = 2000


async def read_again(deps: Deps, parked: Sequence[ParkedEntry], epoch: str) -> Mapping[tuple[int, int], ReadableEvent]:
    """Read events from the log, those of one customer together; return them by lane and position."""
    by_customer: dict[str, list[ParkedEntry]] = {}
    for entry in parked:
        by_customer.setdefault(entry.customer, []).append(entry)
    found: dict[tuple[int, int], ReadableEvent] = {}
    for customer, entries in sorted(by_customer.items()):
        wanted = {(entry.key.lane, entry.key.position) for entry in entries}
        first, last = _ends(wanted)
        times = [entry.time for entry in entries]
        period = Period(min(times), max(times) + timedelta(microseconds=1))
        types = sorted({entry.key.event_type for entry in entries})
        async for page in deps.log.list_events(customer, types, period, AsOf(epoch, first), AsOf(epoch, last)):
            found |= {event.place: event for event in page if event.place in wanted}
    return found


def _ends(places: set[tuple[int, int]]) -> tuple[dict[int, int], dict[int, int]]:
    """Return by lane the position before the first place, and the last one."""
    before: dict[int, int] = {}
    last: dict[int, int] = {}
    for lane, position in sorted(places):
        before.setdefault(lane, position - 1)
        last[lane] = position
    return before, last


def as_segment(tenant: str, event: ReadableEvent) -> LogSegment:
    """Return an event, as the log holds it, as a segment of its own."""
    lane, position = event.place
    return LogSegment(tenant, lane, position, columns_of(EventRows([event.whole.event])))
