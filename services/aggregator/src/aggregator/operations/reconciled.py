"""Comparing the log with the store behind everything else: one range of positions after another, for ever.

How far the log was read, and what it came to, is kept, so that each part is read once; what the store holds is read
anew each time. What differs is looked at again from the start of the log before anybody is told: what was kept may be
old, for parked events are requeued, and usage is rebuilt.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from aggregator.domain.conservation import (
    LogTerms,
    Reconciliation,
    StoredTerms,
    differing_months,
    places_digest,
)
from aggregator.operations.balances import reconcile
from aggregator.operations.finding import histories_of
from aggregator.operations.recounting import Cut, Tally, recount_log, take_cut
from aggregator.store import conservation, meters, progress
from aggregator.store import reconciled as store
from aggregator.store.reconciled import ReconciledMeter
from chassis.logs import get_logger
from chassis.postgres import transaction
from eventlog.as_of import AsOf
from eventlog.feed.cursor import Cursor
from eventlog.feed.rereading import starts_of

if TYPE_CHECKING:
    from aggregator.domain.meters import CountingMeter
    from aggregator.domain.recount import Recounted
    from aggregator.operations.deps import Deps

_RANGE_POSITIONS: Final = 200_000
"""Of a log that is longer only so much is read at once, and kept."""
_TURN_MAX_S: Final = 60.0
"""A replica that goes away leaves its turn to another after so long; two at once would only do the same work twice."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did: positions read, and how many events differ by now, over all meters."""

    positions: int
    difference: int


@dataclass(frozen=True, slots=True)
class _Work:
    """Versions of one tenant's meters that are equally far, and the place up to which they can be compared."""

    states: Mapping[int, ReconciledMeter]
    meters: Sequence[CountingMeter]
    cut: Cut
    stored: Mapping[int, StoredTerms] | None
    """None where the cut is too far away to be reached in one step."""


@dataclass(slots=True)
class Reconciler:
    """Takes one step after another; each looks at the meters that were looked at longest ago."""

    deps: Deps
    interval_s: float
    holder: uuid.UUID = field(default_factory=uuid.uuid4)

    async def step(self) -> Step:
        """Read a range of the log for some meters, and compare where it has come to the end."""
        now = self.deps.clock.now()
        until = now + timedelta(seconds=min(_TURN_MAX_S, self.interval_s))
        async with transaction(self.deps.engine) as conn:
            has_turn = await store.take_turn(conn, self.holder, now, until)
        work = await self._look(now) if has_turn else None
        positions = 0 if work is None else await self._do(work)
        async with transaction(self.deps.engine) as conn:
            return Step(positions, await store.difference(conn))

    async def _look(self, now: datetime) -> _Work | None:
        """Choose what to do; None where everything was compared not long ago."""
        async with transaction(self.deps.engine) as conn:
            await progress.begin_consistent_read(conn)
            known = await store.reconciled_meters(conn)
            versions = await meters.all_versions(conn)
            by_tenant: dict[str, list[CountingMeter]] = {}
            for tenant in sorted({version.tenant for version in versions}):
                own = histories_of([version for version in versions if version.tenant == tenant])
                by_tenant[tenant] = [
                    meter for history in own for meter in history if meter.version.filled and not meter.spec.formula
                ]
            chosen = self._longest_ago(by_tenant, known, now)
            if chosen is None:
                return None
            tenant, own_meters, states = chosen
            cut = await take_cut(conn, tenant, own_meters, [], None)
            states = {meter_id: _in_log(state, cut) for meter_id, state in states.items()}
            ids = [meter.meter_id for meter in own_meters]
            missing = cut.positions - max(state.positions for state in states.values())
            stored = await conservation.stored_terms(conn, ids, None) if missing <= _RANGE_POSITIONS else None
        return _Work(states, own_meters, cut, stored)

    def _longest_ago(
        self, by_tenant: Mapping[str, Sequence[CountingMeter]], known: Mapping[int, ReconciledMeter], now: datetime
    ) -> tuple[str, list[CountingMeter], dict[int, ReconciledMeter]] | None:
        """Return the versions that wait longest, with others of their tenant that are as far."""
        due = now - timedelta(seconds=self.interval_s)
        waiting = [
            (state.worked_at, tenant, state)
            for tenant, own in by_tenant.items()
            for state in (_state_of(known, meter, now) for meter in own)
            if state.checked_at is None or state.worked_at <= due or state.worked_at > state.checked_at
        ]
        if not waiting:
            return None
        _, tenant, first = min(waiting, key=lambda one: (one[0], one[2].meter_id))
        states = {meter.meter_id: _state_of(known, meter, now) for meter in by_tenant[tenant]}
        alike = {meter_id: state for meter_id, state in states.items() if state.cursors == first.cursors}
        return tenant, [meter for meter in by_tenant[tenant] if meter.meter_id in alike], alike

    async def _do(self, work: _Work) -> int:
        """Read on from where the meters are; keep how far, and what a comparison came to."""
        first = next(iter(work.states.values()))
        cursors = starts_of(work.cut.as_of.positions, work.cut.as_of.epoch) | dict(first.cursors)
        terms = {meter_id: state.terms for meter_id, state in work.states.items()}

        def found(meter: CountingMeter, recounted: Recounted) -> None:
            terms[meter.meter_id].add(recounted)

        positions = 0
        async with aclosing(recount_log(self.deps, work.cut, cursors, found, Tally())) as parts:
            async for positions in parts:
                if work.stored is None and positions >= _RANGE_POSITIONS:
                    break
        now = self.deps.clock.now()
        states = [
            replace(state, cursors=dict(cursors), terms=terms[meter_id], worked_at=now)
            for meter_id, state in work.states.items()
        ]
        if work.stored is not None:
            states = await self._compared(work, work.stored, states, now)
        async with transaction(self.deps.engine) as conn:
            await store.save(conn, states)
        return positions

    async def _compared(
        self, work: _Work, stored: Mapping[int, StoredTerms], states: Sequence[ReconciledMeter], now: datetime
    ) -> list[ReconciledMeter]:
        """Note that meters were compared. One that seems to differ is looked at again, all of it."""
        names = {meter.meter_id: meter.version.name for meter in work.meters}
        suspects = {state.meter_id for state in states if _differs(state, stored[state.meter_id], work.cut)}
        compared = [replace(state, checked_at=now, difference=0) for state in states if state.meter_id not in suspects]
        if not suspects:
            return compared
        result = await self._again(work.cut.tenant, sorted({names[meter_id] for meter_id in suspects}))
        differences = {meter.meter: meter.differing_events for meter in result.meters if not meter.balances}
        for state in states:
            if state.meter_id in suspects:
                # What was kept is of no use any more: the next step begins at the start of the log.
                empty = replace(state, cursors={}, terms=LogTerms(), checked_at=now)
                compared.append(replace(empty, difference=differences.get(names[state.meter_id], 0)))
        return compared

    async def _again(self, tenant: str, names: Sequence[str]) -> Reconciliation:
        """Compare some meters from the start of the log, and tell what differs."""
        result = Reconciliation(AsOf(), ())
        async with aclosing(reconcile(self.deps, tenant, names, None)) as steps:
            async for step in steps:
                if isinstance(step, Reconciliation):
                    result = step
        for meter in result.meters:
            if not meter.balances:
                # The runbook begins with this line.
                _log.error(
                    "usage is not what was accepted",
                    tenant=tenant,
                    meter=meter.meter,
                    difference=meter.difference,
                    faults=[repr(fault) for fault in meter.faults[:10]],
                )
        return result


def _differs(state: ReconciledMeter, stored: StoredTerms, cut: Cut) -> bool:
    log, parked = state.terms, cut.parked.get(state.meter_id, ())
    counted = sum(terms.events for terms in stored.windows.values())
    is_conserved = log.asked - log.voided == counted + stored.parked and log.parked_digest == places_digest(parked)
    return not is_conserved or bool(differing_months(log, stored))


def _state_of(known: Mapping[int, ReconciledMeter], meter: CountingMeter, now: datetime) -> ReconciledMeter:
    """Return how far a version is; at the start if it was never looked at, or counts in another span by now."""
    span = (meter.from_us, meter.until_us)
    state = known.get(meter.meter_id)
    if state is not None and state.span == span:
        return state
    earlier = now - timedelta(days=36_500) if state is None else state.worked_at
    checked_at = None if state is None else state.checked_at
    difference = 0 if state is None else state.difference
    return ReconciledMeter(meter.meter_id, span, {}, LogTerms(), earlier, checked_at, difference)


def _in_log(state: ReconciledMeter, cut: Cut) -> ReconciledMeter:
    """Return a state as one of the log that is counted now; at the start where it is another log, or a shorter one."""
    ends = cut.as_of.positions
    is_same = all(
        cursor.epoch == cut.as_of.epoch and cursor.position <= ends.get(lane, 0)
        for lane, cursor in state.cursors.items()
    )
    return state if is_same else replace(state, cursors=dict[int, Cursor](), terms=LogTerms())
