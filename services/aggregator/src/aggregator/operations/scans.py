"""Usage counted anew from the log, for questions that windows can't answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from aggregator.domain.query import UsagePlan, UsageQuery
from aggregator.domain.ranking import check_held
from aggregator.domain.reading import asked_windows
from aggregator.domain.ruling import Ruling
from aggregator.domain.scanning import FOLDED_EVENTS, Scan, ScannedEvents, folded_windows, mended_by
from aggregator.domain.usage import UsageSource
from aggregator.domain.windows import Windows, merged
from aggregator.operations.deps import Deps
from aggregator.operations.rulings import ruling_in
from aggregator.store import held, parked, requeued
from chassis.postgres import transaction
from eventlog.as_of import AsOf


async def scanned_windows(
    deps: Deps, tenant: str, query: UsageQuery, scan: Scan, plan: UsagePlan, up_to: AsOf
) -> tuple[Windows, UsageSource]:
    """Return all that a plan asks for, of the events up to a point of the log, and what was read for it.

    Raises TooBig SCAN_TOO_LARGE or ANSWER_TOO_LARGE.
    """
    parts: list[Windows] = []
    waiting: list[ScannedEvents] = []
    events_read = 0

    async with transaction(deps.engine) as conn:
        whole = [(lane, 0, position) for lane, position in up_to.positions.items()]
        ruling = await ruling_in(conn, tenant, whole)
    properties = scan.properties if ruling is None else sorted({*scan.properties, *ruling.properties_read(scan.types)})

    async def fold() -> None:
        parts.append(await _folded(deps, tenant, scan, plan, waiting, ruling))
        parts[:] = [merged(parts)]
        check_held(len(parts[0]) + len(parts[0].entries))
        waiting.clear()

    if not up_to.is_empty:
        pages = deps.log.scan_events(
            query.customers,
            scan.types,
            plan.meters[0].reads(plan.period),
            up_to,
            properties,
            query.scan_events_max,
        )
        async with aclosing(pages):
            async for page in pages:
                events_read = page.events_read
                waiting.append(page)
                if sum(map(len, waiting)) >= FOLDED_EVENTS:
                    await fold()
    await fold()
    return parts[0], UsageSource(events_read, scan.undeclared)


async def _folded(
    deps: Deps, tenant: str, scan: Scan, plan: UsagePlan, events: Sequence[ScannedEvents], ruling: Ruling | None
) -> Windows:
    meter_ids = [meter.meter_id for meter in scan.meters]
    places = [place for page in events for place in page.counted_at]
    async with transaction(deps.engine) as conn:
        not_counted = await parked.parked_among(conn, meter_ids, places)
        found = await requeued.requeued_among(conn, meter_ids, places)
        not_read = set() if ruling is None else await held.held_among(conn, tenant, places)
    mended = {one.place: one.reading for one in found}

    def put_together() -> Windows:
        read = [(None, events)] if ruling is None else mended_by(events, not_read, ruling)
        windows_of: dict[int, list[Windows]] = {}
        for mending, pages in read:
            for meter_id, windows in folded_windows(pages, scan.meters, not_counted, mended, mending).items():
                windows_of.setdefault(meter_id, []).append(windows)
        return asked_windows(plan, plan.meters[0], windows_of)

    return await asyncio.to_thread(put_together)
