"""What callers report and what they are told: batches as they came, and what became of every event in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventlog.as_of import AsOf
    from eventlog.columns import EventColumns, EventRows, Mask
    from ingest.domain.admission import Admission, Refusal
    from ingest.domain.completeness import NumberedSource

_SMALL_EVENTS_MAX: Final = 32
_SMALL_BYTES_MAX: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reported:
    """A batch as it came, as rows or as columns, of which `verbatim` are the bytes to store if nothing is wrong."""

    events: EventRows | EventColumns
    backfill_id: str
    message_bytes: int
    verbatim: bytes | None = None
    sequences: Sequence[NumberedSource] = ()

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.events)

    @property
    def is_small(self) -> bool:
        """Whether it may be taken in with others; as many as may be together fit into one segment."""
        return not self.sequences and len(self.events) <= _SMALL_EVENTS_MAX and self.message_bytes <= _SMALL_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Conflict:
    """An event whose identity is taken by one with another body; `message` names what differs."""

    index: int
    id: str
    source: str
    message: str

    def moved(self, rows: int) -> Conflict:
        """Return the same conflict at another index."""
        return replace(self, index=self.index + rows)


@dataclass(frozen=True, slots=True)
class ReportResult:
    """What became of every event of a batch."""

    accepted: int
    duplicates: int
    conflicts: tuple[Conflict, ...]
    refusals: tuple[Refusal, ...]
    as_of: AsOf
    duplicates_voided: int = 0
    """Of the duplicates, those whose event was voided."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch of admitted events, by row: `is_new` marks what was accepted now (None = all of it).

    `conflicts` tells what differs from the event that stands, `voided` marks events that were stored and voided.
    """

    is_new: Mask | None
    conflicts: Mapping[int, str]
    as_of: AsOf
    voided: Mask | None = None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of every event of a batch, which may be that of several calls.

    `is_new` marks, by index, the events that were accepted now; None says that all were. `voided` marks those whose
    event was stored before and voided; None says that none was.
    """

    is_new: Mask | None
    conflicts: Sequence[Conflict]
    refusals: Sequence[Refusal]
    as_of: AsOf
    voided: Mask | None = None

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
        voided = 0
        if self.voided is not None:
            # Another body in the place of a voided event is a conflict, as ever.
            voided = int(np.count_nonzero(self.voided[start:end])) - sum(
                bool(self.voided[start + item.index]) for item in conflicts
            )
        return ReportResult(accepted, duplicates, conflicts, refusals, self.as_of, voided)


def none_accepted(admission: Admission, as_of: AsOf) -> Verdicts:
    """Say of a batch that all its events were refused."""
    return Verdicts(np.zeros(len(admission.refusals), dtype=np.bool_), (), admission.refusals, as_of)


def verdicts_of(admission: Admission, admitted: EventColumns, outcome: Outcome) -> Verdicts:
    """Say what became of every event that was reported, of which `admitted` are those that were not refused."""
    is_new, voided = outcome.is_new, outcome.voided
    if admission.refusals:
        count = len(admitted) + len(admission.refusals)
        is_new = _among_all(admission, count, np.ones(len(admitted), np.bool_) if is_new is None else is_new)
        voided = None if voided is None else _among_all(admission, count, voided)
    conflicts = [
        Conflict(
            int(admission.accepted[row]), admitted.ids[row], admitted.sources.text(row) or "", outcome.conflicts[row]
        )
        for row in sorted(outcome.conflicts)
    ]
    return Verdicts(is_new, conflicts, admission.refusals, outcome.as_of, voided)


def _among_all(admission: Admission, count: int, admitted: Mask) -> Mask:
    """Return a mark of admitted events as one of all that were sent; those that were refused do not bear it."""
    everything = np.zeros(count, dtype=np.bool_)
    everything[admission.accepted] = admitted
    return everything
