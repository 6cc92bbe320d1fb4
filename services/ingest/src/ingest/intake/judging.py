"""Says what became of each submission of a group that was committed: what is new, what repeats, what is in conflict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eventlog.as_of import AsOf
from eventlog.compare import differences
from ingest.domain.reports import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventlog.columns import EventColumns, RowNumbers
    from ingest.domain.events import DecodedSegment
    from ingest.domain.group import KeyGroup
    from ingest.intake.library import SegmentLibrary
    from ingest.intake.submission import Submission


class Judge:
    """Compares what was sent again with what is stored."""

    def __init__(self, library: SegmentLibrary) -> None:
        """Read stored events from `library`."""
        self._library = library

    async def outcome(
        self, submission: Submission, keys: KeyGroup, part: int, own: Sequence[DecodedSegment], epoch: str
    ) -> Outcome:
        """Judge a submission, the `part`-th of its group; `own` are the segments the group became."""
        end = keys.end_of(part)
        if end is not None:
            return Outcome(None, {}, AsOf(epoch, dict([end])))
        is_new = keys.accepted(part)
        lanes, positions = keys.places(part)
        others = np.flatnonzero(~is_new)
        conflicts: dict[int, str] = {}
        if others.size:
            conflicts = await self._compare(submission.events, others, lanes[others], positions[others], own)
        reached = {int(lane): int(positions[lanes == lane].max()) for lane in np.unique(lanes)}
        return Outcome(is_new, conflicts, AsOf(epoch, reached), keys.voided(part))

    async def _compare(
        self,
        events: EventColumns,
        rows: RowNumbers,
        lanes: RowNumbers,
        positions: RowNumbers,
        own: Sequence[DecodedSegment],
    ) -> dict[int, str]:
        """Compare events with those that have their identities; return what differs, by row."""
        conflicts: dict[int, str] = {}
        order = np.lexsort((positions, lanes))
        start = 0
        while start < len(order):
            lane, position = int(lanes[order[start]]), int(positions[order[start]])
            fresh = next((segment for segment in own if segment.holds(lane, position)), None)
            segment = fresh or await self._library.at(lane, position)
            run = order[start:]
            inside = (lanes[run] == lane) & (positions[run] <= segment.place.last_position)
            taken = run[inside]
            stored_rows = positions[taken] - segment.place.first_position
            found = differences(events, rows[taken], segment.events, stored_rows)
            conflicts.update((int(rows[taken[place]]), message) for place, message in found.items())
            start += len(taken)
        return conflicts
