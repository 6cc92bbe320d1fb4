"""Small calls that are taken in together: which may be, and what became of each one's events."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import numpy as np

from ingest.domain.log import ReportResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventlog.as_of import AsOf
    from ingest.domain.admission import Refusal
    from ingest.domain.batch import Mask
    from ingest.domain.log import Conflict

_SMALL_EVENTS_MAX: Final = 32
_SMALL_BYTES_MAX: Final = 64 * 1024


def is_small(events: int, message_bytes: int) -> bool:
    """Say whether a call may be taken in with others; as many as may be together fit into one segment."""
    return events <= _SMALL_EVENTS_MAX and message_bytes <= _SMALL_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of every event of a batch, which may be that of several calls.

    `is_new` marks, by index, the events that were accepted now; None says that all were.
    """

    is_new: Mask | None
    conflicts: Sequence[Conflict]
    refusals: Sequence[Refusal]
    as_of: AsOf

    def of_calls(self, counts: Sequence[int]) -> list[ReportResult]:
        """Tell each call about its own events; `counts` says how many each sent, in the batch's order."""
        if self.is_new is None:
            plain = {count: ReportResult(count, 0, (), (), self.as_of) for count in set(counts)}
            return [plain[count] for count in counts]
        ends = list(accumulate(counts))
        return [self._of_call(self.is_new, end - count, end) for count, end in zip(counts, ends, strict=True)]

    def _of_call(self, is_new: Mask, start: int, end: int) -> ReportResult:
        accepted = int(np.count_nonzero(is_new[start:end]))
        conflicts = tuple(item.moved(-start) for item in self.conflicts if start <= item.index < end)
        refusals = tuple(item.moved(-start) for item in self.refusals if start <= item.index < end)
        duplicates = end - start - accepted - len(conflicts) - len(refusals)
        return ReportResult(accepted, duplicates, conflicts, refusals, self.as_of)
