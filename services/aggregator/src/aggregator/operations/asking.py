"""Everything that questions about a meter are about, as windows: from those that are kept, or counted anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.meters import CountingMeter, MeterVersion
from aggregator.domain.query import UsagePlan, UsageQuery, plan_query
from aggregator.domain.scanning import Scan, scan_for
from aggregator.domain.summaries import Gathered
from aggregator.domain.usage import UsageSource
from aggregator.domain.windows import Windows
from aggregator.operations.deps import Deps
from aggregator.operations.finding import Family, are_whole, completed, family_of
from aggregator.operations.scans import scanned_windows
from aggregator.store import groups, progress, usage
from chassis.errors import Reason
from chassis.errors.refused import Refused
from chassis.postgres import driver_connection, transaction
from eventlog.as_of import AsOf

Planner = Callable[[UsageQuery, Sequence[CountingMeter], datetime], UsagePlan]


@dataclass(frozen=True, slots=True)
class Found:
    """What some questions about one meter ask for, all at one point of the log."""

    gathered: Sequence[Gathered]
    as_of: AsOf
    filled: bool
    source: UsageSource
    other_left_out: bool = False
    """Whether filters left out groups that the meter does not tell apart."""


@dataclass(frozen=True, slots=True)
class State:
    """A meter and how far it is counted, at one point."""

    as_of: AsOf
    family: Family
    full: frozenset[int] = frozenset()
    """Which versions don't tell all their groups apart, if that was asked for."""

    @property
    def versions(self) -> Sequence[MeterVersion]:
        """The versions of the meter, and of those that it is computed from."""
        return self.family.versions

    @property
    def history(self) -> Sequence[CountingMeter]:
        """The versions of the meter with their spans."""
        return self.family.history

    @property
    def filled(self) -> bool:
        """False while past events of the meter are still being counted."""
        return are_whole(self.versions)


async def meter_state(conn: AsyncConnection, tenant: str, query: UsageQuery) -> State:
    """Begin a consistent read, and return the meter of a question. Raises NotFound METER_NOT_FOUND."""
    await progress.begin_consistent_read(conn)
    as_of = await progress.read_as_of(conn, tenant)
    family = await family_of(conn, tenant, query.meter)
    if not (query.filters or query.tell_all_apart):
        return State(as_of, family)
    full = await groups.full_meters(await driver_connection(conn), [version.meter_id for version in family.versions])
    return State(as_of, family, full)


def planned(
    query: UsageQuery, state: State, now: datetime, plan: Planner = plan_query
) -> tuple[UsagePlan, Scan | None]:
    """Plan the answer to a question, and what is read of the log for it if it must and may be. Raises Refused."""
    history = state.history
    may_scan = query.scan_events_max and history[-1].spec.formula is None
    scan = scan_for(query, history, state.full) if may_scan else None
    return plan(query, history if scan is None else scan.meters, now), scan


def leaves_out_others(query: UsageQuery, plan: UsagePlan, scan: Scan | None, state: State) -> bool:
    """Whether the filters of a question leave out what its meter counts of groups that it does not tell apart.

    Raises Refused where a formula would be given a part of what it reads.
    """
    if scan is not None or not query.filters:
        return False
    (meter,) = plan.meters
    is_left_out = any(one.meter_id in state.full for part in meter.parts for one in part.projections)
    if is_left_out and meter.formula is not None:
        message = "can't be told for a meter that its formula reads: it has too many groups; ask without filters"
        raise Refused("filters", Reason.GROUP_UNKNOWN, message)
    return is_left_out


async def ask(deps: Deps, tenant: str, queries: Sequence[UsageQuery], plan: Planner = plan_query) -> Found:
    """Return all windows that questions about one meter ask for. Raises NotFound, Refused, TooBig."""
    found: list[tuple[UsageQuery, UsagePlan, Scan | tuple[Windows, ...]]] = []
    now = deps.clock.now()
    async with transaction(deps.engine) as conn:
        state = await meter_state(conn, tenant, queries[0])
        left_out = False
        for query in queries:
            made, scan = planned(query, state, now, plan)
            left_out |= leaves_out_others(query, made, scan, state)
            found.append((query, made, await usage.read_whole(conn, made) if scan is None else scan))
    gathered: list[Gathered] = []
    source = UsageSource()
    # No transaction is open while the log is read.
    for query, made, kept in found:
        if isinstance(kept, tuple):
            gathered.append(Gathered(made, kept))
        else:
            windows, read = await scanned_windows(deps, tenant, query, kept, made, state.as_of)
            gathered.append(Gathered(made, (windows,)))
            source = UsageSource(source.events_read + read.events_read, read.properties)
    return Found(gathered, completed(deps, state.as_of, state.versions), state.filled, source, left_out)
