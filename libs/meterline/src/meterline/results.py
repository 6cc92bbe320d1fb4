"""What became of the events of a report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metering.ingest.v1 import ingest_service_pb2 as ingest_pb


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that can never be accepted as it is. `index` is its place among the events given to the call."""

    index: int
    id: str
    field: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """An event whose identity is taken by one with another body; the first one stands."""

    index: int
    id: str
    message: str


@dataclass(slots=True)
class ReportResult:
    """What became of the events of a report. accepted + duplicates + conflicts + refused + omitted = events given."""

    accepted: int = 0
    duplicates: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    omitted: int = 0
    """Conflicts and refusals that are counted only, since so many are listed already (background reporting)."""
    duplicates_voided: int = 0
    """Of the duplicates, those whose event was voided: they count for nothing."""

    def add(self, response: ingest_pb.ReportResponse, first_index: int = 0, *, details_max: int | None = None) -> None:
        """Add the reply of one call, whose first event has `first_index` among all; list at most `details_max`."""
        self.accepted += response.accepted
        self.duplicates += response.duplicates
        self.duplicates_voided += response.duplicates_voided
        conflicts = [Conflict(first_index + entry.index, entry.id, entry.message) for entry in response.conflicts]
        refused = [
            Refusal(first_index + entry.index, entry.id, entry.field, entry.reason, entry.message)
            for entry in response.refusals
        ]
        for kept, new in ((self.conflicts, conflicts), (self.refused, refused)):
            room = len(new) if details_max is None else max(details_max - len(kept), 0)
            kept.extend(new[:room])  # type: ignore[arg-type]  # each list with its own kind
            self.omitted += len(new[room:])
