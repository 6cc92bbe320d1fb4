"""Whether what was accepted is where it has to be: the log, read from its start, beside what the store holds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.calendar import check_period
from aggregator.domain.conservation import (
    FAULTS_MAX,
    Fault,
    FaultKind,
    Held,
    LogTerms,
    Reconciliation,
    Reread,
    StoredTerms,
    balance_of,
    difference_of,
    differing_months,
    place_faults,
    unmatched_balance,
)
from aggregator.domain.paging import months_of
from aggregator.domain.recount import packed
from aggregator.domain.windows import Windows, merged
from aggregator.operations.finding import histories_of, meter_not_found
from aggregator.operations.recounting import Cut, Tally, recount_log, take_cut
from aggregator.store import conservation as store
from aggregator.store import meters, progress
from chassis.errors import Reason, invalid_field
from chassis.errors.refused import refusals
from chassis.postgres import transaction

if TYPE_CHECKING:
    from aggregator.domain.meters import CountingMeter
    from aggregator.domain.recount import Recounted
    from aggregator.operations.deps import Deps
    from eventlog.period import Period

_SUSPECTS_MAX: Final = 8
"""So many differing months of versions of meters are looked into window by window; a month of one may be large."""
_WINDOWS_MAX: Final = 2000
"""So many differing windows are followed to their events."""


@dataclass(slots=True)
class _Sides:
    """Both sides at a cut, by the keys of the versions of meters."""

    cut: Cut
    names: Mapping[str, Sequence[CountingMeter]]
    stored: Mapping[int, StoredTerms]
    noted_unmatched: int | None
    held: Held
    log: dict[int, LogTerms] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    def found(self, meter: CountingMeter, recounted: Recounted) -> None:
        """Add what a part of the log comes to."""
        self.log.setdefault(meter.meter_id, LogTerms()).add(recounted)

    def of(self, meter: CountingMeter) -> LogTerms:
        """Return what the log comes to for a version."""
        return self.log.get(meter.meter_id) or LogTerms()


async def reconcile(
    deps: Deps, tenant: str, names: Sequence[str], period: Period | None
) -> AsyncGenerator[Reread | Reconciliation, None]:
    """Compare both sides for some meters (none named: all) and times; yield how far it is, and the result at last.

    Raises NotFound METER_NOT_FOUND, InvalidRequest for a period off the grid.
    """
    with refusals():
        sides = await _look(deps, tenant, names, period)
    async for done in recount_log(deps, sides.cut, None, sides.found, sides.tally):
        yield Reread(done, sides.cut.positions, 1)
    faults = {
        meter.meter_id: _plain_faults(sides, meter) if meter.version.filled else []
        for own in sides.names.values()
        for meter in own
    }
    suspects = [
        (meter, month)
        for own in sides.names.values()
        for meter in own
        for month in differing_months(sides.of(meter), sides.stored[meter.meter_id])
        if meter.version.filled
    ][:_SUSPECTS_MAX]
    if suspects:
        search = await _begin_search(deps, tenant, suspects, period)
        for passage, step in ((2, search.gather), (3, search.place)):
            async for done in recount_log(deps, search.cut, None, step, Tally()):
                yield Reread(done, search.cut.positions, passage)
            search.compare()
        for meter_id, found in search.faults.items():
            faults[meter_id] += found
    yield _balanced(sides, faults)


async def _look(deps: Deps, tenant: str, names: Sequence[str], period: Period | None) -> _Sides:
    """Look at the store."""
    async with transaction(deps.engine) as conn:
        await progress.begin_consistent_read(conn)
        versions = await meters.versions_of_tenant(conn, tenant)
        histories = {own[0].version.name: own for own in histories_of(versions)}
        for name in names:
            if name not in histories:
                raise meter_not_found(name)
        computed = {name for name, history in histories.items() if history[-1].spec.formula is not None}
        for name in sorted(computed.intersection(names)):
            message = f"{name} is computed from other meters and counts no events itself; reconcile those that it reads"
            raise invalid_field("meters", Reason.METER_INVALID, message)
        own = {name: histories[name] for name in sorted(set(names) or histories.keys() - computed)}
        chosen = [meter for history in own.values() for meter in history]
        if period is not None:
            check_period(period, max((meter.spec.bucket_us for meter in chosen), default=60_000_000))
        # A fill changes what no meter asks for as it goes.
        is_whole = not names and period is None and all(version.filled for version in versions)
        return _Sides(
            cut=await take_cut(conn, tenant, chosen, [], period),
            names=own,
            stored=await store.stored_terms(conn, [meter.meter_id for meter in chosen], period),
            noted_unmatched=await store.noted_unmatched(conn, tenant) if is_whole else None,
            held=await store.held(conn, tenant),
        )


def _plain_faults(sides: _Sides, meter: CountingMeter) -> list[Fault]:
    """Return what is lost, and what is parked that the log does not have."""
    log, version = sides.of(meter), meter.version.version
    parked = sides.cut.parked.get(meter.meter_id)
    unknown = [] if parked is None else np.setdiff1d(parked, np.array(log.parked, dtype=np.int64)).tolist()
    return [
        *place_faults(FaultKind.LOST, version, log.lost, -1),
        *place_faults(FaultKind.PARKED_UNKNOWN, version, unknown, 1),
    ]


def _balanced(sides: _Sides, faults: Mapping[int, Sequence[Fault]]) -> Reconciliation:
    held = Held(sides.tally.held, len(sides.tally.held) - sides.tally.held_voids)
    balances = [
        balance_of(
            name,
            sides.tally.accepted,
            held.count,
            [(meter, sides.of(meter), sides.stored[meter.meter_id]) for meter in own],
            [fault for meter in own for fault in faults[meter.meter_id]],
        )
        for name, own in sides.names.items()
    ]
    noted = sides.noted_unmatched
    unmatched = None if noted is None else unmatched_balance(sides.tally.unmatched, noted, held, sides.held)
    return Reconciliation(sides.cut.as_of, balances, unmatched)


async def _begin_search(
    deps: Deps, tenant: str, suspects: Sequence[tuple[CountingMeter, int]], period: Period | None
) -> _Search:
    """Look at the store again, at the windows of some months."""
    wanted = {meter.meter_id for meter, _ in suspects}
    async with transaction(deps.engine) as conn:
        await progress.begin_consistent_read(conn)
        # Meters may have changed since: what counts are their spans, and whether they are filled, at this moment.
        histories = histories_of(await meters.versions_of_tenant(conn, tenant))
        chosen = [meter for own in histories for meter in own if meter.meter_id in wanted and meter.version.filled]
        ids = {meter.meter_id for meter in chosen}
        return _Search(
            await take_cut(conn, tenant, chosen, [], period),
            {
                (meter.meter_id, month): await store.windows_of_month(conn, meter.meter_id, month, period)
                for meter, month in suspects
                if meter.meter_id in ids
            },
        )


class _Search:
    """Finds which windows differ, and then which events are behind them."""

    def __init__(self, cut: Cut, stored: Mapping[tuple[int, int], list[Windows]]) -> None:
        self.cut = cut
        self.faults: dict[int, list[Fault]] = {}
        self._stored = stored
        self._log: dict[tuple[int, int], Windows] = {}
        self._differing: dict[int, dict[tuple[str, int, str], int]] | None = None
        self._places: dict[tuple[int, str, int, str], list[int]] = {}
        self._versions = {meter.meter_id: meter.version.version for meter in cut.meters}

    def gather(self, meter: CountingMeter, recounted: Recounted) -> None:
        """Take the windows of a part of the log."""
        for part in recounted.parts:
            months = months_of(part.fold.windows.starts_us)
            for month in np.unique(months).tolist():
                key = (meter.meter_id, month)
                if key in self._stored:
                    own = part.fold.windows.take(months == month)
                    self._log[key] = merged([self._log[key], own]) if key in self._log else own

    def place(self, meter: CountingMeter, recounted: Recounted) -> None:
        """Note where the events of differing windows are."""
        differing = (self._differing or {}).get(meter.meter_id, {})
        for part in recounted.parts if differing else ():
            for number, key in enumerate(_keys(part.fold.windows)):
                if key in differing:
                    self._places.setdefault((meter.meter_id, *key), []).extend(part.places(number).tolist())

    def compare(self) -> None:
        """At the end of a passage, learn which windows differ; at the end of the next, where."""
        if self._differing is None:
            self._differing = {}
            for (meter_id, month), stored in self._stored.items():
                log = self._log.get((meter_id, month))
                windows = difference_of(stored, [] if log is None else [log])
                own = self._differing.setdefault(meter_id, {})
                for key, events in zip(_keys(windows), windows.event_counts.tolist(), strict=True):
                    if len(own) < _WINDOWS_MAX:
                        own[key] = events
            return
        for meter_id, own in self._differing.items():
            for key, events in own.items():
                self.faults.setdefault(meter_id, []).extend(self._window_faults(meter_id, key, events))

    def _window_faults(self, meter_id: int, key: tuple[str, int, str], events: int) -> list[Fault]:
        """Return a fault for each lane that has events of a window; one without a lane where none has."""
        customer, start_us, group = key
        places = np.array(self._places.get((meter_id, *key), ()), dtype=np.int64)
        lanes = places // packed(1, 0)
        plain = Fault(FaultKind.WINDOW, events, self._versions[meter_id], customer, start_us, group)
        found = []
        for lane in np.unique(lanes).tolist()[:FAULTS_MAX]:
            positions = places[lanes == lane] - packed(lane, 0)
            found.append(_at(plain, lane, int(positions.min()), int(positions.max())))
        return found or [plain]


def _at(fault: Fault, lane: int, first: int, last: int) -> Fault:
    return Fault(
        fault.kind, fault.events, fault.version, fault.customer, fault.start_us, fault.group, lane, first, last
    )


def _keys(windows: Windows) -> list[tuple[str, int, str]]:
    """Return customer, start and group of each window."""
    return list(zip(windows.customers.texts(), windows.starts_us.tolist(), windows.groups.texts(), strict=True))
