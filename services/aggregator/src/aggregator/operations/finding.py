"""What several use cases share: what does not exist, what is counted, and waiting for it."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.meters import CountingMeter, MeterVersion, counting_meters, with_components
from aggregator.domain.query import MeterPlan, UsagePlan
from aggregator.domain.reading import CountedRow, billable_of
from aggregator.domain.usage import MeterUsage
from aggregator.operations.deps import Deps
from aggregator.store import fills, meters, progress, usage
from aggregator.store.windows.remembered import RememberedPages
from chassis.errors import NotFound, Reason
from chassis.postgres import transaction
from eventlog.as_of import AsOf
from eventlog.feed.cursor import FeedHeads
from money import ZERO

_POLL_S: Final = 0.02
_POLL_MAX_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Family:
    """A meter by its versions with their spans; `versions` are its own, and those of the meters it is computed from."""

    versions: Sequence[MeterVersion]
    history: tuple[CountingMeter, ...]


def meter_not_found(name: str) -> NotFound:
    """Return the error for a meter that does not exist."""
    return NotFound(Reason.METER_NOT_FOUND, f"there is no meter {name!r}; list the meters or apply it first")


def snapshot_not_found(snapshot_id: str) -> NotFound:
    """Return the error for a snapshot that does not exist."""
    return NotFound(Reason.SNAPSHOT_NOT_FOUND, f"there is no snapshot {snapshot_id!r}; seal the usage first")


def histories_of(versions: Sequence[MeterVersion]) -> list[tuple[CountingMeter, ...]]:
    """Return the versions of each meter with their spans, by name; `versions` come by name.

    What is computed by a formula is given with the meters that it reads, which must be among them.
    """
    found = [counting_meters(history) for _, history in groupby(versions, key=lambda version: version.name)]
    return with_components(found)


def read_by(versions: Sequence[MeterVersion], names: AbstractSet[str]) -> list[MeterVersion]:
    """Return the versions of some meters, and of those that they are computed from, in their order."""
    read = {
        name
        for version in versions
        if version.name in names and version.spec.formula is not None
        for name in version.spec.formula.meters
    }
    return [version for version in versions if version.name in names | read]


async def family_of(conn: AsyncConnection, tenant: str, name: str) -> Family:
    """Return a meter with all that it is computed from. Raises NotFound METER_NOT_FOUND."""
    own = await meters.versions_of_meter(conn, tenant, name)
    if not own:
        raise meter_not_found(name)
    formula = own[-1].spec.formula
    if formula is None:
        return Family(own, counting_meters(own))
    versions = await meters.versions_of_meters(conn, tenant, [name, *formula.meters])
    return Family(versions, next(found for found in histories_of(versions) if found[0].version.name == name))


def filling(versions: Sequence[MeterVersion]) -> list[str]:
    """Return the names of the meters that are still being filled, or of which a version is pending, in order."""
    return sorted({version.name for version in versions if version.pending or not version.filled})


def are_whole(versions: Sequence[MeterVersion]) -> bool:
    """Whether answers by these versions have all of the past: none that rules is being filled."""
    return not any(version.answers_in_part for version in versions)


async def log_heads(deps: Deps) -> FeedHeads:
    """Return where the log ends now, and keep in mind until when what reaches so far is complete."""
    heads = await deps.log.heads()
    deps.completeness.note(heads)
    return heads


def completed(deps: Deps, as_of: AsOf, versions: Sequence[MeterVersion]) -> AsOf:
    """Return how far an answer by these versions of meters reaches, with the time until which it is complete.

    That is not known while one of them is being filled.
    """
    return deps.completeness.of(as_of) if are_whole(versions) else as_of


async def read_totals(
    conn: AsyncConnection, plan: UsagePlan, remembered: RememberedPages | None = None
) -> tuple[MeterUsage, ...]:
    """Return the whole quantity of every meter of a plan for one customer; zero where nothing happened."""
    (found,) = (await read_totals_of_each(conn, plan, remembered)).values()
    return found


async def read_totals_of_each(
    conn: AsyncConnection, plan: UsagePlan, remembered: RememberedPages | None = None
) -> dict[str, tuple[MeterUsage, ...]]:
    """Return the same for each customer that a plan names."""
    rows = await usage.read_usage(conn, plan, remembered)
    counted = {(row.key.customer, row.key.meter_number): row for row in rows}
    parked = await usage.count_parked(conn, plan)
    return {
        customer: tuple(
            _meter_usage(meter, counted.get((customer, number)), parked.get((customer, number), 0))
            for number, meter in enumerate(plan.meters)
        )
        for customer in plan.customers
    }


def _meter_usage(meter: MeterPlan, counted: CountedRow | None, parked_count: int) -> MeterUsage:
    return MeterUsage(
        meter=meter.name,
        versions=meter.versions,
        newest_version=meter.newest_version,
        aggregation=meter.aggregation,
        unit=meter.unit,
        quantity=ZERO if counted is None else counted.quantity,
        event_count=0 if counted is None else counted.event_count,
        parked_count=parked_count,
        billable=billable_of(meter, counted),
    )


async def in_followed_log(deps: Deps, as_of: AsOf, target: AsOf) -> AsOf:
    """Return a point of the log as one of the log that is followed, where the log was restored since it was taken.

    `as_of` is how far the log is counted. Raises Diverged FEED_DIVERGED if the log has lost a part of either.
    """
    if not as_of.epoch or not target.epoch or as_of.epoch == target.epoch:
        return target
    heads = await deps.log.heads()
    # The fold takes its place over within seconds; if it can't, there is nothing to wait for.
    if not as_of.is_empty:
        heads.place_in_this_epoch(as_of)
    return heads.place_in_this_epoch(target)


async def wait_until_counted(deps: Deps, tenant: str, target: AsOf, meters: set[str] | None, wait_s: float) -> bool:
    """Wait until the tenant is counted up to `target` and no meter of these (None: of the tenant) is being filled.

    Returns False when that did not happen within `wait_s`. Looks at the database, because the fold may run in another
    replica.
    """
    give_up_at_s = deps.clock.monotonic_s() + wait_s
    pause_s = _POLL_S
    while True:
        async with transaction(deps.engine) as conn:
            as_of = await progress.read_as_of(conn, tenant)
            unfilled = set() if meters == set() else await fills.filling_meters(conn, tenant)
        target = await in_followed_log(deps, as_of, target)
        if as_of.covers(target) and not (unfilled if meters is None else unfilled & meters):
            return True
        if deps.clock.monotonic_s() + pause_s > give_up_at_s:
            return False
        await deps.clock.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _POLL_MAX_S)
