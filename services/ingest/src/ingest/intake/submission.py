"""An admitted batch on its way into the log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from opentelemetry.trace import SpanContext

    from eventlog.columns import EventColumns, RowNumbers
    from ingest.domain.keys import EventKeys
    from ingest.domain.reporters import Reporter


@dataclass(frozen=True, slots=True)
class Origin:
    """A call: its span, if it has one, and who made it, if that is kept."""

    span: SpanContext | None
    reporter: Reporter | None


@dataclass(frozen=True, slots=True)
class Callers:
    """The calls a batch comes from, and by row which one it is (None = all from the first)."""

    calls: Sequence[Origin]
    rows: RowNumbers | None = None

    def take(self, rows: RowNumbers) -> Callers:
        """Keep the calls of some rows."""
        return self if self.rows is None else Callers(self.calls, self.rows[rows])

    def place_of(self, row: int) -> tuple[int, Origin]:
        """Return which event of which call a row is; the rows of a call stand together."""
        if self.rows is None:
            return row, self.calls[0]
        number = self.rows[row]
        return row - int(np.searchsorted(self.rows, number)), self.calls[int(number)]

    def present(self) -> list[Origin]:
        """Return the calls with any row."""
        numbers = range(1) if self.rows is None else np.unique(self.rows).tolist()
        return [self.calls[number] for number in numbers]

    def reporters(self) -> set[Reporter]:
        """Return who made the calls with any row, as far as that is kept."""
        return {call.reporter for call in self.present() if call.reporter is not None}


@dataclass(frozen=True, slots=True)
class Submission:
    """An admitted batch: one segment, if any of its events is new.

    `payload` is that segment's if all its events are; None leaves it to the commit. `message_bytes` is what it weighs
    in the queue.
    """

    tenant: str
    events: EventColumns
    keys: EventKeys
    payload: bytes | None
    backfill_id: UUID | None
    callers: Callers
    message_bytes: int

    def take(self, rows: RowNumbers) -> Submission:
        """Keep some events, which may be fewer than are in the keys."""
        return replace(self, events=self.events.take(rows), payload=None, callers=self.callers.take(rows))
