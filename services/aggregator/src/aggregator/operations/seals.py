"""Freezing usage: once all that was accepted is counted, and the same ever after."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator import telemetry
from aggregator.domain.calendar import check_period, zone_named
from aggregator.domain.meters import CountingMeter
from aggregator.domain.query import UsagePlan, plan_days, plan_totals
from aggregator.domain.seals import (
    Contents,
    SealKey,
    SealOrder,
    Snapshot,
    SnapshotWindow,
    WindowPage,
    basis_of,
    digest_of,
    same_groups,
    same_usage,
    text_of,
)
from aggregator.operations.deps import Deps
from aggregator.operations.finding import (
    filling,
    histories_of,
    read_totals,
    snapshot_not_found,
    wait_until_counted,
)
from aggregator.store import meters, progress, usage
from aggregator.store import seals as store
from chassis.audit.trail import record
from chassis.deadline import RESERVE_S, current_deadline_s
from chassis.errors import NotReady, Reason, invalid_field
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from chassis.telemetry import LINKS_MAX, links_from, start_span, traceparent_of
from eventlog.as_of import AsOf
from eventlog.rfc3339 import text_of_instant

_RETRY_AFTER_S = 0.5


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a seal stands before anything is read."""

    amended: Snapshot | None
    existing: Snapshot | None
    target: AsOf | None

    @property
    def revision(self) -> int:
        """The revision that is asked for."""
        return 1 if self.amended is None else self.amended.revision + 1


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a snapshot would hold now, of what it was read, and the spans of the batches behind it."""

    contents: Contents
    basis: bytes
    traceparents: list[str]
    batches: int
    at: datetime


async def seal_usage(deps: Deps, tenant: str, order: SealOrder) -> Snapshot:
    """Freeze usage of a customer and period, or return what is frozen.

    Raises NotReady PERIOD_OPEN or GRACE_OPEN before its time, NotReady USAGE_NOT_READY while not everything is counted,
    NotFound SNAPSHOT_NOT_FOUND for an unknown snapshot to amend.
    """
    key = SealKey(tenant, order.customer, order.period)
    with refusals():
        zone_named(order.time_zone)
        check_period(order.period, 1)
    place = await _find_place(deps, key, order.amends_snapshot_id)
    if place.existing is not None:
        return place.existing
    now = deps.clock.now()
    if now < order.not_before:
        raise _too_early(order, now)
    with refusals():
        if place.amended is not None and place.target is None and await _is_known_unchanged(deps, place.amended, order):
            return place.amended
        reading = await _read_when_counted(deps, key, place, order)
    if place.amended is not None and await _is_same(deps, place.amended, reading.contents, order):
        async with transaction(deps.engine) as conn:
            # The next ask begins with a new target, so that it sees what arrives from now on.
            await store.drop_target(conn, key, place.revision)
        deps.sealed_pages.note(place.amended.snapshot_id, reading.basis)
        return place.amended
    return await _freeze(deps, key, order, place, reading)


async def _is_known_unchanged(deps: Deps, amended: Snapshot, order: SealOrder) -> bool:
    """Whether all is counted, and nothing was written to what the snapshot to amend was read of."""
    key = amended.key
    if not deps.sealed_pages.knows(amended.snapshot_id):
        return False
    target = (await deps.log.heads()).as_of
    async with transaction(deps.engine) as conn:
        await progress.begin_consistent_read(conn)
        as_of = await progress.read_as_of(conn, key.tenant)
        versions = await meters.versions_of_tenant(conn, key.tenant)
        if filling(versions) or not as_of.covers(target):
            return False
        totals = plan_totals(key.customer, key.period, histories_of(versions), deps.clock.now())
        return deps.sealed_pages.holds(amended.snapshot_id, await _basis(conn, order, totals))


async def _basis(conn: AsyncConnection, order: SealOrder, plan: UsagePlan) -> bytes:
    return basis_of(order, plan, await usage.pages_behind(conn, plan))


async def _is_same(deps: Deps, earlier: Snapshot, now: Contents, order: SealOrder) -> bool:
    """Whether there is nothing to amend: no quantity is another one, and none of a group either."""
    if not same_usage(earlier, now):
        return False
    if hashlib.sha256(text_of(now.windows)).digest() == earlier.windows_digest:
        return True
    async with transaction(deps.engine) as conn:
        windows = [
            window
            for meter in earlier.usage
            for window in (await store.snapshot_windows(conn, earlier, meter.meter, 0, None)).windows
        ]
    return same_groups(windows, now, order.bounds.keys())


def _too_early(order: SealOrder, now: datetime) -> NotReady:
    opens = text_of_instant(order.not_before)
    if now < order.period.end:
        reason, what = Reason.PERIOD_OPEN, f"the period runs until {text_of_instant(order.period.end)}"
    else:
        reason, what = Reason.GRACE_OPEN, "the period has ended, but late usage may still come"
    return NotReady(
        reason,
        f"{what}; finalize after {opens}",
        retry_after_s=(order.not_before - now).total_seconds(),
        metadata={"not_before": opens},
    )


async def get_snapshot(
    deps: Deps, tenant: str, snapshot_id: str, windows_of_meter: str, offset: int, limit: int | None
) -> tuple[Snapshot, WindowPage]:
    """Return a snapshot, with windows of one meter from a place on if asked for.

    Raises NotFound SNAPSHOT_NOT_FOUND, Diverged DATA_CORRUPTED.
    """
    async with transaction(deps.engine) as conn:
        snapshot = await store.find_snapshot(conn, tenant, snapshot_id)
        if snapshot is None:
            raise snapshot_not_found(snapshot_id)
        if not windows_of_meter:
            return snapshot, WindowPage()
        return snapshot, await store.snapshot_windows(conn, snapshot, windows_of_meter, offset, limit)


async def list_snapshots(deps: Deps, tenant: str, customer: str, after: uuid.UUID, limit: int) -> Page[Snapshot]:
    """Return a page of snapshots by id, after one; an empty customer means all. Raises Diverged DATA_CORRUPTED."""
    async with transaction(deps.engine) as conn:
        found = await store.list_snapshots(conn, tenant, customer, after, limit + 1)
    return page_of(found, limit, lambda snapshot: (snapshot.snapshot_id,))


async def _find_place(deps: Deps, key: SealKey, amends_snapshot_id: str | None) -> _Place:
    """Find the snapshot to amend, if one is named; the revision asked for, if it is frozen; else what it waits for."""
    async with transaction(deps.engine) as conn:
        amended = None
        if amends_snapshot_id is not None:
            amended = await store.find_snapshot(conn, key.tenant, amends_snapshot_id)
            if amended is None:
                raise snapshot_not_found(amends_snapshot_id)
            if amended.key != key:
                message = "is of another customer or period; name a snapshot of the same"
                raise invalid_field("amends_snapshot_id", Reason.FIELD_INVALID, message)
        revision = 1 if amended is None else amended.revision + 1
        existing = await store.find_revision(conn, key, revision)
        target = None if existing is not None else await store.find_target(conn, key, revision)
    return _Place(amended, existing, target)


async def _read_when_counted(deps: Deps, key: SealKey, place: _Place, order: SealOrder) -> _Reading:
    """Read once all is counted that had been accepted when the seal was first asked for; wait a little for that."""
    target = await _kept_target(deps, key, place)
    is_new = target is None
    if target is None:
        target = (await deps.log.heads()).as_of
    reading = await _read(deps, key, order, target)
    if reading is not None:
        return reading
    if is_new:
        # Kept, so that a caller who asks again and again is not put off forever by events that come in the meantime.
        async with transaction(deps.engine) as conn:
            target = await store.keep_target(conn, key, place.revision, target)
    remaining_s = current_deadline_s()
    wait_s = deps.seal_wait_s if remaining_s is None else min(deps.seal_wait_s, remaining_s - 10 * RESERVE_S)
    if await wait_until_counted(deps, key.tenant, target, None, wait_s):
        reading = await _read(deps, key, order, target)
    if reading is None:
        raise await _not_ready(deps, key.tenant, target)
    return reading


async def _kept_target(deps: Deps, key: SealKey, place: _Place) -> AsOf | None:
    """Return what the seal waits for, as a point of the log as it is; None if nothing holds any more.

    A point that the log lost when it was restored never comes again: the end of the log that there is takes its place.
    """
    if place.target is None:
        return None
    async with transaction(deps.engine) as conn:
        as_of = await progress.read_as_of(conn, key.tenant)
    if as_of.epoch in ("", place.target.epoch):
        return place.target
    heads = await deps.log.heads()
    if heads.lost_of(place.target) == 0:
        return heads.place_in_this_epoch(place.target)
    async with transaction(deps.engine) as conn:
        await store.drop_target(conn, key, place.revision)
    return None


async def _not_ready(deps: Deps, tenant: str, target: AsOf) -> NotReady:
    async with transaction(deps.engine) as conn:
        as_of = await progress.read_as_of(conn, tenant)
        names = filling(await meters.versions_of_tenant(conn, tenant))
    behind = sum(max(0, position - as_of.positions.get(lane, 0)) for lane, position in target.positions.items())
    return NotReady(
        Reason.USAGE_NOT_READY,
        f"{behind} accepted events are not counted yet and {len(names)} meters are being filled; ask again soon",
        retry_after_s=_RETRY_AFTER_S,
        metadata={"events_behind": str(behind), "filling_meters": ",".join(names)},
    )


async def _read(deps: Deps, key: SealKey, order: SealOrder, target: AsOf) -> _Reading | None:
    """Read quantities, windows and how far they reach, all of one moment; None if that is before the target."""
    # What is still going on counts up to this moment, in a proof as well.
    now = deps.clock.now()
    async with transaction(deps.engine) as conn:
        await progress.begin_consistent_read(conn)
        as_of = await progress.read_as_of(conn, key.tenant)
        versions = await meters.versions_of_tenant(conn, key.tenant)
        if filling(versions) or not as_of.covers(target):
            return None
        histories = histories_of(versions)
        totals = plan_totals(key.customer, key.period, histories, now)
        quantities = await read_totals(conn, totals)
        windows = await _read_days(conn, key, order, histories, now)
        traceparents, batches = await usage.spans_behind(conn, totals, LINKS_MAX)
        basis = await _basis(conn, order, totals)
    return _Reading(Contents(quantities, windows, as_of), basis, traceparents, batches, now)


async def _read_days(
    conn: AsyncConnection,
    key: SealKey,
    order: SealOrder,
    histories: Sequence[Sequence[CountingMeter]],
    now: datetime,
) -> tuple[SnapshotWindow, ...]:
    """Read the days of all meters, in their order; of some of them cut at further times."""
    names = [history[0].version.name for history in histories]
    cut = {name: [history] for name, history in zip(names, histories, strict=True) if name in order.bounds}
    whole = [history for name, history in zip(names, histories, strict=True) if name not in cut]
    windows = await _windows_of(conn, plan_days(key.customer, key.period, order.time_zone, whole, now))
    for name, history in cut.items():
        plan = plan_days(key.customer, key.period, order.time_zone, history, now, order.bounds[name])
        windows += await _windows_of(conn, plan)
    return tuple(sorted(windows, key=lambda window: names.index(window.meter)) if cut else windows)


async def _windows_of(conn: AsyncConnection, plan: UsagePlan) -> list[SnapshotWindow]:
    windows = []
    for counted in await usage.read_usage(conn, plan):
        meter = plan.meters[counted.key.meter_number]
        windows.append(
            SnapshotWindow(
                meter=meter.name,
                window=plan.windows[counted.key.window_number],
                group={} if counted.is_other_group else dict(zip(meter.group_by, counted.group, strict=True)),
                quantity=counted.quantity,
                event_count=counted.event_count,
                billable=counted.billable,
                is_other_group=counted.is_other_group,
            )
        )
    return windows


async def _freeze(deps: Deps, key: SealKey, order: SealOrder, place: _Place, reading: _Reading) -> Snapshot:
    links, _ = links_from(reading.traceparents)
    attributes = telemetry.seal_attributes(key, place.revision, reading.contents, omitted=reading.batches - len(links))
    with start_span(telemetry.SEAL_SPAN, links=links, attributes=attributes, money=True) as span:
        windows_text = text_of(reading.contents.windows)
        snapshot = Snapshot(
            snapshot_id=str(uuid.uuid4()),
            key=key,
            revision=place.revision,
            amends_snapshot_id=None if place.amended is None else place.amended.snapshot_id,
            time_zone=order.time_zone,
            usage=reading.contents.usage,
            as_of=reading.contents.as_of,
            sealed_at=reading.at,
            digest=digest_of(key, reading.contents),
            traceparent=traceparent_of(span),
            windows_digest=hashlib.sha256(windows_text).digest(),
        )
        async with transaction(deps.engine) as conn:
            stored = await store.add_snapshot(conn, snapshot, windows_text)
            await store.drop_target(conn, key, place.revision)
            if stored is snapshot:
                await record(conn)
        if stored is snapshot:
            deps.sealed_pages.note(snapshot.snapshot_id, reading.basis)
        span.set_attribute(telemetry.SNAPSHOT_ID, stored.snapshot_id)
    return stored
