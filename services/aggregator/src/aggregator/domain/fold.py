"""The fold: segments of the log become changes of windows. Pure, exact, and free of order.

Counts and sums add up, smallest and largest compare, the latest is chosen by (time, id, value): so any split of the
log into batches, folded in any order and merged, gives the same windows. The one thing that would break this is to let
the latest depend on arrival; it does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.aggregations.aggregation import Reads
from aggregator.domain.batch import Batch
from aggregator.domain.folds import MeterFold, fold_windows
from aggregator.domain.judging import hold_message
from aggregator.domain.matching import (
    ParkReason,
    not_storable_message,
    park_message,
    session_fault,
)
from aggregator.domain.readings import TRUE, Reading
from aggregator.domain.values import VALUE_INVALID, VALUE_MISSING, VALUE_OK, ScaledColumn, scaled_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from aggregator.domain.batch import LogSegment
    from aggregator.domain.judging import HoldReason
    from aggregator.domain.meters import CountingMeter
    from aggregator.domain.ruling import Ruling

_TRAPS: Final = (ArithmeticError, ValueError)
"""What exact arithmetic and the reading of texts raise: caused by an event, never by the machine."""


_PARK_REASONS: Final = {
    VALUE_MISSING: ParkReason.VALUE_MISSING,
    VALUE_INVALID: ParkReason.VALUE_INVALID,
    # A value that can be read is parked only for being below zero.
    VALUE_OK: ParkReason.VALUE_NEGATIVE,
}


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that a meter should count and can't."""

    meter_id: int
    lane: int
    position: int
    reason: ParkReason
    message: str
    type: str
    customer: str
    source: str
    id: str
    time_us: int
    takes_back: int | None = None
    """Set where an event that the meter can't count is taken back: the position at which it is parked."""


@dataclass(frozen=True, slots=True)
class Held:
    """An event that the schema of its type holds: it counts for no meter."""

    tenant: str
    lane: int
    position: int
    schema_id: int
    reason: HoldReason
    message: str
    type: str
    customer: str
    source: str
    id: str
    time_us: int
    takes_back: int | None = None
    """Set where a held event is taken back: the position at which it is held."""


@dataclass(frozen=True, slots=True)
class UnmatchedVoid:
    """An event that no meter of the tenant asks for, and that is taken back; `takes_back` is where it was unmatched."""

    tenant: str
    type: str
    lane: int
    position: int
    takes_back: int


@dataclass(frozen=True, slots=True)
class UnmatchedRange:
    """Events of one type within one segment that no meter of the tenant asks for."""

    tenant: str
    type: str
    lane: int
    first_position: int
    last_position: int
    event_count: int
    min_time_us: int


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch of segments adds: windows by meter, events that could not be read, events that no meter asks for."""

    windows: Sequence[MeterFold]
    parked: Sequence[Parked]
    unmatched: Sequence[UnmatchedRange]
    held: Sequence[Held] = ()


@dataclass(frozen=True, slots=True)
class FoldedMeter:
    """What events of one tenant add for one meter: its windows, if any, and the events that it can't count."""

    batch: Batch
    windows: MeterFold | None
    parked: Iterable[Parked]
    column: ScaledColumn | None = None

    def fold_again(self, rows: NDArray[np.int64], others: AbstractSet[str] = frozenset()) -> MeterFold:
        """Fold some of the rows of the windows, at least one; the events of `others` in one group."""
        if self.windows is None:
            raise ValueError("nothing counted for the meter, so there is nothing to fold again")
        return fold_windows(self.batch, self.windows.meter, rows, self.column, others)

    def with_others(self, groups: AbstractSet[str]) -> tuple[FoldedMeter, int]:
        """Return the same with the events of some groups in one group, and how many of them count."""
        if self.windows is None:
            raise ValueError("nothing counted for the meter, so there are no groups")
        rows = self.windows.rows
        of_others, signs = rows[self.windows.rows_of(groups)], self.batch.signs
        count = len(of_others) if signs is None else int(np.count_nonzero(signs[of_others] > 0))
        return replace(self, windows=self.fold_again(rows, groups)), count

    def taking_back(self) -> dict[int, tuple[int, int]]:
        """Return the rows of the windows that take an event back, each with the lane and position of that event."""
        if self.windows is None or self.batch.signs is None:
            return {}
        rows = self.windows.rows
        return {row: taken_back_by(self.batch, row) for row in rows[self.batch.signs[rows] < 0].tolist()}

    def without_rows(self, refused: Sequence[int], reason: ParkReason, why: str) -> tuple[FoldedMeter, list[Parked]]:
        """Return what is left without some events of the windows, and those events."""
        if self.windows is None:
            raise ValueError("nothing counted for the meter, so nothing can be left out")
        meter, rows = self.windows.meter, self.windows.rows
        kept = rows[~np.isin(rows, refused)]
        parked = [_parked(self.batch, meter, row, reason, why) for row in refused]
        return replace(self, windows=self.fold_again(kept) if len(kept) else None), parked


class TenantFold:
    """Segments of one tenant, folded one meter after another, so that no more than one meter's windows are held."""

    def __init__(
        self,
        segments: Sequence[LogSegment],
        meters: Sequence[CountingMeter],
        counts: Callable[[CountingMeter], bool] = lambda _: True,
        ruling: Ruling | None = None,
        part: Callable[[CountingMeter], CountingMeter] = lambda meter: meter,
    ) -> None:
        """Fold `segments` by all `meters` of the tenant; only those that `counts` selects get windows, in their `part`.

        `ruling` has the tenant's schemas, by which events are mended and judged before any meter sees them.
        """
        self._batch = Batch(segments, ruling)
        self._meters = sorted(meters, key=lambda meter: meter.meter_id)
        self._counts = counts
        self._part = part
        self._matched = np.zeros(len(self._batch), dtype=np.bool_)
        self._numbers = partial(scaled_column, self._batch)

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self._batch)

    @property
    def segments(self) -> Sequence[LogSegment]:
        """The segments."""
        return self._batch.segments

    @property
    def meters(self) -> Sequence[CountingMeter]:
        """All meters of the tenant."""
        return self._meters

    @property
    def ruling(self) -> Ruling | None:
        """The tenant's schemas; None if it has none."""
        return self._batch.ruling

    def meter(self, meter_id: int) -> CountingMeter:
        """Return one of the meters."""
        return next(meter for meter in self._meters if meter.meter_id == meter_id)

    def taken_back(self) -> list[tuple[int, int]]:
        """Return the lane and position of each event that is taken back."""
        return [(one.lane, position) for one in self._batch.segments if one.sign < 0 for position in one.taken_back]

    def event_at(self, lane: int, position: int) -> LogSegment:
        """Return one of the events, by its place in the log, as a segment of its own."""
        for segment in self._batch.segments:
            if segment.lane == lane and segment.first_position <= position <= segment.last_position:
                place = position - segment.first_position
                return segment.part(place, place + 1)
        raise ValueError(f"position {position} of lane {lane} is not in the batch")

    def by_meter(self) -> Iterator[FoldedMeter]:
        """Yield what each meter gets, in the order of their keys; a meter may come in several parts."""
        for meter in self._meters:
            if meter.never_counts:
                continue
            wanted = _match(self._batch, meter)
            self._matched |= wanted & (self._batch.times_us < meter.asks_until_us)
            part = self._part(meter)
            if part is not meter:
                wanted &= self._batch.times_us >= part.from_us
            if self._counts(meter) and wanted.any():
                yield from _fold_surely(self._batch, part, np.flatnonzero(wanted), self._numbers)

    def unmatched(self) -> Sequence[UnmatchedRange]:
        """Return the events that no meter asks for. Meant for when `by_meter` has come to its end."""
        rows = np.flatnonzero(~self._accounted())
        if self._batch.signs is not None:
            rows = rows[self._batch.signs[rows] > 0]
        return _unmatched(self._batch, rows) if rows.size else ()

    def unmatched_voids(self) -> Sequence[UnmatchedVoid]:
        """Return the events that no meter asks for and that are taken back. Meant for the end of `by_meter`, too."""
        if self._batch.signs is None:
            return ()
        rows = np.flatnonzero(~self._accounted() & (self._batch.signs < 0))
        return [_unmatched_void(self._batch, row) for row in rows.tolist()]

    def held(self) -> Iterator[Held]:
        """Yield the events that schemas hold, and what takes such events back."""
        for row in sorted(self._batch.faults):
            yield _held(self._batch, row)

    def _accounted(self) -> NDArray[np.bool_]:
        """Per event: whether a meter asks for it, or a schema holds it."""
        return self._matched if self._batch.held is None else self._matched | self._batch.held


def fold_tenants(
    segments: Sequence[LogSegment],
    meters_of: Mapping[str, Sequence[CountingMeter]],
    counts: Callable[[CountingMeter], bool] = lambda _: True,
    rulings: Mapping[str, Ruling] | None = None,
    part: Callable[[CountingMeter], CountingMeter] = lambda meter: meter,
) -> Iterator[TenantFold]:
    """Yield the fold of each tenant's segments, of any lanes, by the name of the tenant.

    `meters_of` names all meters of each tenant; only those that `counts` selects get windows and parked events, while
    an event counts as unmatched only if none of all of them asks for it. `rulings` has the schemas of those that have
    any.
    """
    by_tenant: dict[str, list[LogSegment]] = {}
    for segment in segments:
        by_tenant.setdefault(segment.tenant, []).append(segment)
    for tenant, owned in sorted(by_tenant.items()):
        yield TenantFold(owned, meters_of.get(tenant, ()), counts, (rulings or {}).get(tenant), part)


def fold(
    segments: Sequence[LogSegment],
    meters_of: Mapping[str, Sequence[CountingMeter]],
    counts: Callable[[CountingMeter], bool] = lambda _: True,
    rulings: Mapping[str, Ruling] | None = None,
) -> Folded:
    """Fold segments as `fold_tenants` does, and hold all that comes of it at once."""
    windows: list[MeterFold] = []
    parked: list[Parked] = []
    unmatched: list[UnmatchedRange] = []
    held: list[Held] = []
    for tenant in fold_tenants(segments, meters_of, counts, rulings):
        for folded in tenant.by_meter():
            parked += folded.parked
            if folded.windows is not None:
                windows.append(folded.windows)
        unmatched += tenant.unmatched()
        held += tenant.held()
    return Folded(
        windows=sorted(windows, key=lambda window: window.meter.meter_id),
        parked=sorted(parked, key=lambda event: (event.meter_id, event.lane, event.position)),
        unmatched=unmatched,
        held=held,
    )


def _fold_surely(
    batch: Batch, meter: CountingMeter, rows: NDArray[np.int64], numbers: Callable[[Reading], ScaledColumn]
) -> Iterator[FoldedMeter]:
    """Fold the rows that a meter asks for; where the arithmetic traps, in ever smaller parts, down to one event."""
    try:
        found = _read(batch, meter, rows, numbers)
        windows = fold_windows(batch, meter, found.rows, found.column) if len(found.rows) else None
    except _TRAPS as trap:
        if len(batch) == 1:
            why = not_storable_message(type(trap).__name__)
            yield FoldedMeter(batch, None, [_parked(batch, meter, 0, ParkReason.NOT_STORABLE, why)])
            return
        for half in batch.halves():
            wanted = _match(half, meter)
            if wanted.any():
                yield from _fold_surely(half, meter, np.flatnonzero(wanted), partial(scaled_column, half))
        return
    yield FoldedMeter(batch, windows, _park(batch, meter, found), found.column)


def is_asked_for(batch: Batch, meters: Sequence[CountingMeter]) -> NDArray[np.bool_]:
    """Per event: whether any meter asks for it."""
    asked = np.zeros(len(batch), dtype=np.bool_)
    for meter in meters:
        if not meter.never_counts:
            asked |= _match(batch, meter)
    return asked


def _match(batch: Batch, meter: CountingMeter) -> NDArray[np.bool_]:
    """Per event: whether the meter asks for it."""
    wanted = batch.types.is_any_of(meter.spec.event_types)
    if wanted.any():
        wanted &= (batch.times_us >= meter.from_us) & (batch.times_us < meter.until_us)
        for condition in meter.spec.filters:
            wanted &= batch.property(condition.key).is_any_of(condition.values)
        if meter.spec.filter_expression and wanted.any():
            wanted &= batch.read(Reading(expression=meter.spec.filter_expression)).is_any_of((TRUE,))
        if batch.held is not None:
            wanted &= ~batch.held
    return wanted


@dataclass(frozen=True, slots=True)
class _Found:
    """The rows that a meter asks for: those it can read, with the column of their numbers, and those it can't."""

    rows: NDArray[np.int64]
    unreadable: NDArray[np.int64]
    column: ScaledColumn | None = None


def _read(
    batch: Batch, meter: CountingMeter, rows: NDArray[np.int64], numbers: Callable[[Reading], ScaledColumn]
) -> _Found:
    reading = meter.spec.value
    match meter.spec.aggregation.READS:
        case Reads.NOTHING:
            return _Found(rows, rows[:0])
        case Reads.TEXT:
            # Code 0 is the absent text.
            present = batch.read(reading).codes[rows] != 0
            return _Found(rows[present], rows[~present])
        case Reads.SESSION:
            session = meter.spec.rules.session
            sound = batch.read(session.key).codes[rows] != 0
            sound &= batch.read(session.phase).is_any_of(session.phases())[rows]
            return _Found(rows[sound], rows[~sound])
        case Reads.DECIMAL:
            column = numbers(reading)
            if column.all_readable and not meter.spec.parks_negative:
                return _Found(rows, rows[:0], column)
            countable = column.states[rows] == VALUE_OK
            if meter.spec.parks_negative:
                countable &= np.asarray(column.units[rows] >= 0, dtype=np.bool_)
            return _Found(rows[countable], rows[~countable], column)


def _park(batch: Batch, meter: CountingMeter, found: _Found) -> Iterator[Parked]:
    if meter.spec.aggregation.READS is Reads.SESSION:
        session = meter.spec.rules.session
        for row in found.unreadable.tolist():
            fault = session_fault(session, batch.read(session.key).text(row), batch.read(session.phase).text(row))
            yield _parked(batch, meter, row, *fault)
        return
    for row in found.unreadable.tolist():
        reason = _PARK_REASONS[VALUE_MISSING if found.column is None else int(found.column.states[row])]
        reading = meter.spec.value
        if reason is ParkReason.VALUE_MISSING and not batch.lacks_what_is_read(reading, row):
            reason = ParkReason.VALUE_INVALID
        yield _parked(batch, meter, row, reason, park_message(reason, reading, batch.text_read(reading, row)))


def _parked(batch: Batch, meter: CountingMeter, row: int, reason: ParkReason, message: str) -> Parked:
    segment, place = batch.locate(row)
    return Parked(
        meter_id=meter.meter_id,
        lane=segment.lane,
        position=segment.first_position + place,
        reason=reason,
        message=message,
        type=batch.types.text(row),
        customer=batch.customers.text(row),
        source=batch.sources.text(row),
        id=segment.events.ids[place],
        time_us=int(batch.times_us[row]),
        takes_back=segment.takes_back(place),
    )


def _held(batch: Batch, row: int) -> Held:
    segment, place = batch.locate(row)
    found = batch.faults[row]
    return Held(
        tenant=segment.tenant,
        lane=segment.lane,
        position=segment.first_position + place,
        schema_id=found.schema.schema_id,
        reason=found.fault.reason,
        message=hold_message(found.schema, found.fault),
        type=batch.types.text(row),
        customer=batch.customers.text(row),
        source=batch.sources.text(row),
        id=segment.events.ids[place],
        time_us=int(batch.times_us[row]),
        takes_back=segment.takes_back(place),
    )


def taken_back_by(batch: Batch, row: int) -> tuple[int, int]:
    """Return the lane and the position of the event that a row takes back."""
    segment, place = batch.locate(row)
    return segment.lane, segment.taken_back[place]


def _unmatched_void(batch: Batch, row: int) -> UnmatchedVoid:
    segment, place = batch.locate(row)
    return UnmatchedVoid(
        tenant=segment.tenant,
        type=batch.types.text(row),
        lane=segment.lane,
        position=segment.first_position + place,
        takes_back=segment.taken_back[place],
    )


def _unmatched(batch: Batch, rows: NDArray[np.int64]) -> list[UnmatchedRange]:
    """Gather rows by segment and type; a range never crosses segments, so that each segment's can be replaced alone."""
    types = batch.types
    keys = batch.segment_numbers[rows] * len(types.values) + types.codes[rows]
    order = np.argsort(keys, kind="stable")
    keys, rows = keys[order], rows[order]
    starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
    ends = np.append(starts[1:], len(rows))
    earliest = np.minimum.reduceat(batch.times_us[rows], starts)
    ranges = []
    for start, end, min_time_us in zip(starts.tolist(), ends.tolist(), earliest.tolist(), strict=True):
        first, last = int(rows[start]), int(rows[end - 1])
        segment, place = batch.locate(first)
        position = segment.first_position + place
        ranges.append(
            UnmatchedRange(
                tenant=segment.tenant,
                type=types.text(first),
                lane=segment.lane,
                first_position=position,
                last_position=position + last - first,
                event_count=end - start,
                min_time_us=min_time_us,
            )
        )
    return ranges
