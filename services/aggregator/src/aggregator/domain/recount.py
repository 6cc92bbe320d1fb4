"""The log once more: what a meter has to have counted, beside what is parked for it. Pure.

Which events could not be counted when they were folded is a fact of the store (how many groups there were, what an
older release could read), so it is taken from there; everything else is worked out from the log alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from aggregator.domain.fold import TenantFold
from aggregator.domain.folds import fold_windows
from aggregator.domain.requeue import read_as

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aggregator.domain.batch import Batch, LogSegment
    from aggregator.domain.fold import FoldedMeter
    from aggregator.domain.folds import MeterFold
    from aggregator.domain.groups import ToldApart
    from aggregator.domain.meters import CountingMeter
    from aggregator.domain.requeue import Readings, ValueReading
    from aggregator.domain.ruling import Ruling
    from aggregator.domain.values import ScaledColumn

_LANE_SHIFT: Final = 48
"""Positions are below 2^48: a lane and a position are one number."""

_NONE_FULL: Final[Mapping[int, ToldApart]] = {}

Places = Mapping[int, NDArray[np.int64]]
"""By the keys of the versions of meters: the places of events, packed and sorted."""


@dataclass(frozen=True, slots=True)
class CountedPart:
    """Windows, and the batch that holds the events behind them."""

    fold: MeterFold
    batch: Batch
    column: ScaledColumn | None

    def places(self, window: int) -> NDArray[np.int64]:
        """Return the places of the entries behind one of the windows."""
        firsts = np.cumsum(self.fold.run_lengths) - self.fold.run_lengths
        first = int(firsts[window])
        rows = self.fold.rows[first : first + int(self.fold.run_lengths[window])]
        return rows_at(self.batch)[rows]


@dataclass(slots=True)
class Recounted:
    """What entries of the log come to for one version of a meter.

    `asked` events it asks for, `voided` of those, or of earlier ones, are taken back; `parts` are what counts. `parked`
    are the places of events that are parked and that it does ask for; `lost` those that neither count nor are parked.
    """

    asked: int = 0
    voided: int = 0
    parts: list[CountedPart] = field(default_factory=list)
    parked: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)


def packed(lane: int, position: int) -> int:
    """Return a place as one number."""
    return (lane << _LANE_SHIFT) | position


def unpacked(place: int) -> tuple[int, int]:
    """Return lane and position of a place."""
    return place >> _LANE_SHIFT, place & ((1 << _LANE_SHIFT) - 1)


def recount(
    fold: TenantFold, parked: Places, readings: Readings, told_apart: Mapping[int, ToldApart] = _NONE_FULL
) -> Iterator[tuple[CountingMeter, Recounted]]:
    """Yield what events of one tenant come to for each meter; one may come several times.

    `parked` is where events are parked, `readings` how requeued ones are read; `told_apart` has the groups of meters
    that count all others as one.
    """
    for folded in fold.by_meter():
        found = Recounted()
        again: list[tuple[ValueReading, LogSegment]] = []
        meter = None if folded.windows is None else folded.windows.meter
        for event in folded.parked:
            meter = meter or fold.meter(event.meter_id)
            counted_at = event.position if event.takes_back is None else event.takes_back
            reading = readings.get((event.meter_id, event.lane, counted_at))
            if reading is not None:
                again.append((reading, fold.event_at(event.lane, event.position)))
            elif event.takes_back is None:
                _unread(found, parked.get(event.meter_id), packed(event.lane, event.position))
            else:
                found.voided += 1
        if meter is None:
            continue
        _count(found, folded, parked)
        for reading, segment in again:
            _read_again(found, read_as(meter, reading), segment, fold.ruling)
        own = told_apart.get(meter.meter_id)
        if own is not None:
            found.parts = [_grouped(part, own) for part in found.parts]
        yield meter, found


def _grouped(part: CountedPart, told_apart: ToldApart) -> CountedPart:
    """Return a part as a meter groups it that does not tell all groups apart."""
    others = told_apart.others(part.fold.windows.groups.values)
    if not others:
        return part
    return replace(part, fold=fold_windows(part.batch, part.fold.meter, part.fold.rows, part.column, others))


def rows_at(batch: Batch) -> NDArray[np.int64]:
    """Return the place of each entry of a batch."""
    return np.concatenate(
        [
            np.arange(packed(one.lane, one.first_position), packed(one.lane, one.last_position + 1), dtype=np.int64)
            for one in batch.segments
        ]
    )


def _count(found: Recounted, folded: FoldedMeter, parked: Places) -> None:
    """Count what can be read, without what is parked all the same."""
    windows = folded.windows
    if windows is None:
        return
    rows, signs = windows.rows, folded.batch.signs
    taken_back = 0 if signs is None else int(np.count_nonzero(signs[rows] < 0))
    found.voided += taken_back
    found.asked += len(rows) - taken_back
    own = parked.get(windows.meter.meter_id)
    if own is None or not len(own):
        found.parts.append(CountedPart(windows, folded.batch, folded.column))
        return
    places = _counted_at(folded.batch)[rows]
    is_parked = np.isin(places, own)
    if signs is None:
        found.parked += places[is_parked].tolist()
    else:
        found.parked += places[is_parked & (signs[rows] > 0)].tolist()
    kept = rows[~is_parked]
    if len(kept):
        windows = folded.fold_again(kept) if is_parked.any() else windows
        found.parts.append(CountedPart(windows, folded.batch, folded.column))


def _counted_at(batch: Batch) -> NDArray[np.int64]:
    """Return the place of each event that counts or, where one is taken back, counted."""
    places = rows_at(batch)
    at = 0
    for segment in batch.segments:
        count = len(segment.events)
        if segment.sign < 0:
            places[at : at + count] = [packed(segment.lane, position) for position in segment.taken_back]
        at += count
    return places


def _unread(found: Recounted, parked: NDArray[np.int64] | None, place: int) -> None:
    found.asked += 1
    is_parked = parked is not None and place in parked[np.searchsorted(parked, place) :][:1]
    (found.parked if is_parked else found.lost).append(place)


def _read_again(found: Recounted, meter: CountingMeter, segment: LogSegment, ruling: Ruling | None) -> None:
    """Count an event that was requeued, or take it back, as it is read since."""
    if segment.sign < 0:
        found.voided += 1
    else:
        found.asked += 1
    folds = [one for one in TenantFold([segment], [meter], ruling=ruling).by_meter() if one.windows is not None]
    found.parts += [CountedPart(one.windows, one.batch, one.column) for one in folds if one.windows is not None]
    if not folds and segment.sign > 0:
        found.lost.append(packed(segment.lane, segment.first_position))
