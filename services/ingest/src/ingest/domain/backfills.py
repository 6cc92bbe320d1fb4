"""Backfills: ranges of the past that are reported afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from chassis.errors import InvalidRequest, Reason
from chassis.errors.refused import Refused
from eventlog.instants import INSTANT_MAX_US, INSTANT_MIN_US
from ingest.domain.admission import BackfillWindow

if TYPE_CHECKING:
    from datetime import datetime

    from eventlog.period import Period
    from ingest.domain.admission import Limits

WHOLE_PAST: Final = BackfillWindow(INSTANT_MIN_US, INSTANT_MAX_US + 1)
"""The times of a backfill without a period."""


@dataclass(frozen=True, slots=True)
class NewBackfill:
    """What somebody wants to open; without a period it is the whole past."""

    description: str
    period: Period | None


@dataclass(frozen=True, slots=True)
class Backfill:
    """A range of the past that is reported afterwards; without a period it is the whole past."""

    id: UUID
    description: str
    period: Period | None
    opened_at: datetime
    closed_at: datetime | None
    accepted: int
    reverted_at: datetime | None = None

    @property
    def window(self) -> BackfillWindow:
        """The times its events may have."""
        if self.period is None:
            return WHOLE_PAST
        return BackfillWindow(self.period.start_us, self.period.end_us)


@dataclass(frozen=True, slots=True)
class BackfillPage:
    """Which page of backfills: at most `size`, after the one named (newest first)."""

    size: int
    after_opened_at: datetime | None = None
    after_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Reversion:
    """Which backfill is to be reverted, why, and behind which place (lane, position) of the log to go on."""

    backfill_id: str
    reason: str
    after: tuple[int, int] = (-1, 0)


def check_new(new: NewBackfill, limits: Limits) -> None:
    """Refuse a period that begins where no event may lie: it would take none of what it was opened for."""
    if new.period is not None and new.period.start_us < limits.earliest_us:
        raise Refused("period.start", Reason.TIME_TOO_OLD, limits.earliest_told)


def uuid_of(text: str) -> UUID | None:
    """Read the id of a backfill; None if no backfill can have it."""
    try:
        return UUID(text)
    except ValueError:
        return None


def backfill_not_open(backfill_id: str) -> InvalidRequest:
    """Return the error for a batch whose backfill is unknown, closed or another tenant's."""
    return InvalidRequest(
        Reason.BACKFILL_NOT_OPEN, f"backfill {backfill_id} is not open; open one and report the batch again with its id"
    )
