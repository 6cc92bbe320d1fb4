"""The events behind a quantity."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator.domain.corrections import makes_a_difference
from aggregator.domain.formulas import Formula
from aggregator.domain.freshness import Freshness
from aggregator.domain.lineage import Lineage, time_asked
from aggregator.domain.listing import (
    NARROWED_BY_NOTHING,
    EventPage,
    EventPlace,
    EventQuery,
    Narrowed,
    listed_by,
    resumed,
)
from aggregator.domain.matching import CountedEvent, ReadableEvent, billable_value, counted_value, is_listed
from aggregator.domain.meters import CountingMeter, PropertyFilter, counting_meters
from aggregator.domain.query import time_that_matters
from aggregator.domain.requeue import read_as
from aggregator.domain.ruling import Ruling
from aggregator.domain.schemas import ReadingSchema
from aggregator.domain.seals import Snapshot
from aggregator.domain.usage import MeterUsage
from aggregator.operations.deps import Deps
from aggregator.operations.finding import are_whole, completed, in_followed_log, meter_not_found, snapshot_not_found
from aggregator.operations.groups import places_of_others
from aggregator.operations.rulings import schemas_of
from aggregator.operations.usage import wait_until_fresh
from aggregator.store import held, progress, requeued, seals
from aggregator.store import meters as meter_store
from aggregator.store import parked as parked_store
from chassis.errors import Diverged, Reason, invalid_field
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from eventlog.as_of import AsOf
from eventlog.period import Period
from money import ZERO, format_decimal


@dataclass(frozen=True, slots=True)
class _Sought:
    """Which events are listed: those that `meters` count and that meet `filters`, between two points of the log.

    The list is about what changed from `base` (None: the beginning) to `up_to`; it goes on behind `after`.
    """

    tenant: str
    customer: str
    period: Period
    meters: Sequence[CountingMeter]
    schemas: Sequence[ReadingSchema]
    after: AsOf | None
    up_to: AsOf
    filters: Sequence[PropertyFilter] = ()
    narrowed: Narrowed = NARROWED_BY_NOTHING
    base: AsOf | None = None
    at: datetime | None = None
    """As it was then: what was requeued later did not count."""
    base_at: datetime | None = None
    """When `base` was: what was requeued later did not count then."""
    by_windows: bool = True
    """Whether groups are those of windows; else those of the log, where all are told apart."""


@dataclass(frozen=True, slots=True)
class SealedPart:
    """A snapshot, or a part of its period that it was sealed with."""

    snapshot_id: str
    span: Period | None = None


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What a snapshot says of a meter; `before` is what an earlier one said, where only the events beyond it count."""

    snapshot: Snapshot
    usage: MeterUsage
    before: MeterUsage | None = None
    amended: Snapshot | None = None
    is_read_alike: bool = True
    """Whether no schema is newer than the earlier snapshot: else earlier events may be read differently since."""


async def list_usage_events(
    deps: Deps,
    tenant: str,
    sealed: SealedPart,
    meter: str,
    *,
    only_amendment: bool,
    after: EventPlace | None,
    limit: int,
) -> AsyncGenerator[list[CountedEvent], None]:
    """Yield pages of the events that a snapshot counts for a meter, in log order; `limit` 0 = all.

    They are found again in the log by the snapshot's coordinates and by the meters as they were when it was sealed. Of
    one that is computed they are those of each meter that it reads, one after the other. Raises NotFound; and at the
    end of a list that is whole, Diverged LINEAGE_MISMATCH if their number or what they amount to is not what the
    snapshot says.
    """
    async with transaction(deps.engine) as conn:
        formula = await meter_store.formula_of(conn, tenant, meter)
        snapshot = None if formula is None else await seals.find_snapshot(conn, tenant, sealed.snapshot_id)
    if formula is not None and snapshot is not None:
        _check_computed(snapshot, meter, formula, sealed.span)

    def listed(one: str, place: EventPlace | None, left: int) -> AsyncGenerator[list[CountedEvent], None]:
        return _usage_events(deps, tenant, sealed, one, only_amendment=only_amendment, after=place, limit=left)

    async with aclosing(_by_meter(meter, formula, after, limit, listed)) as pages:
        async for page in pages:
            yield page


async def _by_meter(
    meter: str,
    formula: Formula | None,
    after: EventPlace | None,
    limit: int,
    listed: Callable[[str, EventPlace | None, int], AsyncGenerator[list[CountedEvent], None]],
) -> AsyncGenerator[list[CountedEvent], None]:
    """Yield the pages of a list of a meter, or of those that it is computed from, one after the other.

    Raises InvalidRequest for a place in none of them.
    """
    if formula is None:
        async with aclosing(listed(meter, after, limit)) as pages:
            async for page in pages:
                yield page
        return
    left = limit
    for place, name in enumerate(_meters_from(formula, after)):
        async with aclosing(listed(name, None if place else after, left)) as pages:
            async for page in pages:
                yield [replace(counted, meter=name) for counted in page]
                left -= len(page) if limit else 0
        if limit and not left:
            return


def _meters_from(formula: Formula, after: EventPlace | None) -> Sequence[str]:
    if after is None:
        return formula.meters
    if after.meter not in formula.meters:
        message = f"must name one of {', '.join(formula.meters)}, as the event that it follows does in its list"
        raise invalid_field("after.meter", Reason.REQUEST_INVALID, message)
    return formula.meters[formula.meters.index(after.meter) :]


def _check_computed(snapshot: Snapshot, meter: str, formula: Formula, span: Period | None) -> None:
    """Compute again what was sealed of a meter, from what was sealed of those that it reads. Raises Diverged."""
    sealed, read = snapshot.usage_of(meter, span), [snapshot.usage_of(name, span) for name in formula.meters]
    found = [one.quantity for one in read if one is not None]
    if sealed is None or len(found) < len(read) or not any(one.event_count for one in read if one is not None):
        return
    quantity = formula.quantity(found)
    if quantity != sealed.quantity:
        message = (
            f"snapshot {snapshot.snapshot_id} has {format_decimal(sealed.quantity)} of meter {meter}, and its formula "
            f"gives {format_decimal(quantity)} for the meters that it reads; follow the runbook data-corrupted"
        )
        raise Diverged(Reason.LINEAGE_MISMATCH, message)


async def _usage_events(
    deps: Deps,
    tenant: str,
    part: SealedPart,
    meter: str,
    *,
    only_amendment: bool,
    after: EventPlace | None,
    limit: int,
) -> AsyncGenerator[list[CountedEvent], None]:
    sealed, sought = await _coordinates(deps, tenant, part, meter, only_amendment=only_amendment)
    asked = time_asked(sought.meters, part.span or sealed.snapshot.key.period, sealed.snapshot.sealed_at)
    lineage = Lineage(sealed.usage.aggregation, asked)
    if sealed.amended is not None and after is None:
        async for page in _requeued_since(deps, sealed.amended, sought):
            lineage.add(page)
            yield page
    sought = replace(sought, after=resumed(sought.after, after, sought.up_to))
    async with aclosing(_listed(deps, sought, limit)) as pages:
        async for page in pages:
            lineage.add(page)
            yield page
    is_whole = after is None and not (limit and lineage.listed == limit)
    if is_whole and sealed.is_read_alike and not lineage.agrees_with(sealed.usage, sealed.before):
        raise _mismatch(sealed, lineage)


async def list_metered_events(deps: Deps, tenant: str, query: EventQuery) -> AsyncGenerator[EventPage, None]:
    """Yield pages of the events that a meter counts now, in log order: one at least, which may have no events.

    Of a meter that is computed they are those of each meter that it reads, one after the other, all up to the same
    point of the log. Raises NotFound METER_NOT_FOUND, InvalidRequest, DeadlineExceeded, Diverged FEED_DIVERGED.
    """
    async with transaction(deps.engine) as conn:
        formula = await meter_store.formula_of(conn, tenant, query.meter)
    if formula is None:
        async with aclosing(_metered_events(deps, tenant, query)) as pages:
            async for page in pages:
                yield page
        return
    left, up_to = query.limit, query.up_to
    for place, name in enumerate(_meters_from(formula, query.after)):
        asked = replace(query, meter=name, after=None if place else query.after, limit=left, up_to=up_to)
        async with aclosing(_metered_events(deps, tenant, asked)) as pages:
            async for page in pages:
                up_to = page.as_of if up_to is None else up_to
                yield replace(page, events=[replace(counted, meter=name) for counted in page.events])
                left -= len(page.events) if query.limit else 0
        if query.limit and not left:
            return


async def _metered_events(deps: Deps, tenant: str, query: EventQuery) -> AsyncGenerator[EventPage, None]:
    if query.up_to is not None:
        await wait_until_fresh(deps, tenant, Freshness(as_of=query.up_to), {query.meter})
    async with transaction(deps.engine) as conn:
        await progress.begin_consistent_read(conn)
        as_of = await progress.read_as_of(conn, tenant)
        versions = await meter_store.versions_of_meter(conn, tenant, query.meter)
        schemas = await schemas_of(conn, tenant)
    if not versions:
        raise meter_not_found(query.meter)
    with refusals():
        meters = listed_by(query, counting_meters(versions))
    up_to = as_of if query.up_to is None else await in_followed_log(deps, as_of, query.up_to)
    after = resumed(None, query.after, up_to)
    period = time_that_matters(meters, query.period) if meters else query.period
    sought = _Sought(tenant, query.customer, period, meters, schemas, after, up_to, query.filters, query.narrowed)
    sought = replace(sought, by_windows=query.reads_windows(meters))
    page = EventPage((), completed(deps, up_to, versions), filled=are_whole(versions))
    is_empty = True
    async with aclosing(_listed(deps, sought, query.limit)) as pages:
        async for events in pages:
            is_empty = False
            yield replace(page, events=events)
    if is_empty:
        yield page


async def _listed(deps: Deps, sought: _Sought, limit: int) -> AsyncGenerator[list[CountedEvent], None]:
    """Yield pages of at least one event, up to `limit` events in all."""
    left = limit
    async with aclosing(_logged(deps, sought)) as pages:
        async for page in pages:
            read = await _as_read(deps, page, sought)
            asked = [event for event in read if is_listed(sought.meters, event, sought.filters)]
            asked = await _narrowed(deps, asked, sought)
            listed = await _counted(deps, asked, sought)
            if limit:
                listed = listed[:left]
                left -= len(listed)
            if listed:
                yield listed
            if limit and not left:
                return


async def _narrowed(deps: Deps, page: Sequence[ReadableEvent], sought: _Sought) -> list[ReadableEvent]:
    """Return the events that are listed by their groups: in windows, those that are not told apart meet no filter."""
    narrowed, others = sought.narrowed, set[tuple[int, int]]()
    if narrowed.only_other_groups or (sought.by_windows and (sought.filters or narrowed.other_than)):
        others = await places_of_others(deps, sought.meters, page)
    is_filtered = sought.by_windows and bool(sought.filters) and not narrowed.only_other_groups
    return [
        event
        for event in page
        if narrowed.holds(sought.meters, event, is_of_others=event.place in others)
        and not (is_filtered and event.place in others)
    ]


async def _as_read(deps: Deps, page: Sequence[ReadableEvent], sought: _Sought) -> Sequence[ReadableEvent]:
    """Return events as their schemas mend them, without those that are held."""
    if not sought.schemas:
        return page
    spans = [(*event.counted_at, event.counted_at[1]) for event in page]
    async with transaction(deps.engine) as conn:
        released = await held.released_in(conn, sought.tenant, spans, sought.at)
        at_base = released
        if sought.base_at is not None:
            at_base = await held.released_in(conn, sought.tenant, spans, sought.base_at)
    ruling = Ruling(sought.schemas, released)
    since = released.keys() - at_base.keys()
    # What takes back an event that did not count at the base is no difference.
    kept = [event for event in page if event.takes_back is None or event.counted_at not in since]
    read = [ruling.of_event(event) for event in kept]
    return [event for event, fault in read if fault is None]


async def _logged(deps: Deps, sought: _Sought) -> AsyncGenerator[Sequence[ReadableEvent], None]:
    types = sorted({event_type for counting in sought.meters for event_type in counting.spec.event_types})
    if sought.up_to.is_empty or not sought.meters:
        return
    with_voids = sought.base is not None
    found = deps.log.list_events(
        sought.customer, types, sought.period, sought.after, sought.up_to, with_voids=with_voids
    )
    async with aclosing(found) as pages:
        async for page in pages:
            yield [event for event in page if makes_a_difference(event, sought.base, sought.up_to)]


def _mismatch(sealed: _Sealed, lineage: Lineage) -> Diverged:
    usage, beyond = sealed.usage, "" if sealed.before is None else " beyond the one it amends"
    expected = usage.event_count - (0 if sealed.before is None else sealed.before.event_count)
    message = (
        f"snapshot {sealed.snapshot.snapshot_id} counts {expected} events of meter {usage.meter}{beyond}, "
        f"{format_decimal(usage.quantity)} in all; the log holds {lineage.event_count} that amount to "
        f"{format_decimal(lineage.quantity)}; follow the runbook data-corrupted"
    )
    return Diverged(Reason.LINEAGE_MISMATCH, message)


async def _coordinates(
    deps: Deps, tenant: str, part: SealedPart, meter: str, *, only_amendment: bool
) -> tuple[_Sealed, _Sought]:
    async with transaction(deps.engine) as conn:
        snapshot = await seals.find_snapshot(conn, tenant, part.snapshot_id)
        if snapshot is None:
            raise snapshot_not_found(part.snapshot_id)
        amended = None
        if only_amendment and snapshot.amends_snapshot_id is not None:
            amended = await seals.find_snapshot(conn, tenant, snapshot.amends_snapshot_id)
        versions = await meter_store.versions_of_meter(conn, tenant, meter)
        schemas = await schemas_of(conn, tenant, snapshot.sealed_at)
    if snapshot.usage_of(meter) is None:
        raise meter_not_found(meter)
    sealed = snapshot.usage_of(meter, part.span)
    if sealed is None:
        message = "is no part of the period that the snapshot was sealed with; name one of `spans` of its usage"
        raise invalid_field("span", Reason.PERIOD_INVALID, message)
    # Versions applied since then have taken over parts of the time, but not in what was sealed.
    then = [version for version in versions if version.version <= sealed.newest_version]
    key = snapshot.key
    history = counting_meters(then)
    period = time_that_matters(history, part.span or key.period)
    meters = [one for one in history if one.overlaps(period.start_us, period.end_us)]
    sought = _Sought(tenant, key.customer, period, meters, schemas, None, snapshot.as_of, at=snapshot.sealed_at)
    if amended is None:
        return _Sealed(snapshot, sealed), sought
    nothing = replace(sealed, event_count=0, quantity=ZERO)
    before = amended.usage_of(meter, part.span) or nothing
    since = replace(sought, after=amended.as_of, base=amended.as_of, base_at=amended.sealed_at)
    is_read_alike = not any(amended.sealed_at < schema.version.created_at for schema in schemas)
    return _Sealed(snapshot, sealed, before, amended, is_read_alike=is_read_alike), since


async def _requeued_since(deps: Deps, amended: Snapshot, sought: _Sought) -> AsyncGenerator[list[CountedEvent], None]:
    """Yield the events that were parked when a snapshot was sealed and counted in the one that amends it."""
    meter_ids = [meter.meter_id for meter in sought.meters]
    async with transaction(deps.engine) as conn:
        found = await requeued.requeued_between(
            conn, meter_ids, sought.customer, sought.period, amended.sealed_at, sought.at or amended.sealed_at
        )
        types = sorted({name for meter in sought.meters for name in meter.spec.event_types})
        found += await held.released_between(
            conn,
            sought.tenant,
            types,
            sought.customer,
            sought.period,
            amended.sealed_at,
            sought.at or amended.sealed_at,
        )
    for lane, position, time in sorted(set(found)):
        if position <= amended.as_of.positions.get(lane, 0):
            epoch, at = sought.up_to.epoch, Period(time, time + timedelta(microseconds=1))
            place = replace(
                sought, period=at, after=AsOf(epoch, {lane: position - 1}), up_to=AsOf(epoch, {lane: position})
            )
            async with aclosing(_listed(deps, place, 0)) as pages:
                async for page in pages:
                    # Also what is taken back by then is no difference.
                    yield [one for one in page if makes_a_difference(one.event, None, sought.up_to)]


async def _counted(deps: Deps, page: Sequence[ReadableEvent], sought: _Sought) -> list[CountedEvent]:
    meters = sought.meters
    async with transaction(deps.engine) as conn:
        places, meter_ids = [event.counted_at for event in page], [meter.meter_id for meter in meters]
        parked = await parked_store.parked_among(conn, meter_ids, places)
        found = await requeued.requeued_among(conn, meter_ids, places)
    later = {one.place for one in found if sought.at is not None and one.at > sought.at}
    since = {one.place[1:] for one in found if sought.base_at is not None and one.at > sought.base_at}
    by_id = {meter.meter_id: meter for meter in meters}
    mended = {one.place: read_as(by_id[one.place[0]], one.reading) for one in found}
    # What takes back an event that did not count at the base is no difference.
    kept = [event for event in page if event.takes_back is None or event.counted_at not in since]
    values = ((event, counted_value(meters, event, parked | later, mended)) for event in kept)
    return [
        CountedEvent(event, value, billable_value(meters, event, value)) for event, value in values if value is not None
    ]
