"""Decides which events of a batch may enter the log: one vectorised path for rows and columns alike.

An event is refused with its first fault, in this order: size, id, text fields, time, properties, trace context. Sound
batches cost O(distinct values) plus a few comparisons of whole columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from chassis.errors import InvalidRequest, Reason, TooBig
from eventlog.fields import FIELDS
from eventlog.instants import INSTANT_MAX_US, INSTANT_MIN_US, instant_of
from eventlog.rfc3339 import text_of_instant
from ingest.domain.text import EMPTY, TextFault, TextRule, shown, utf8_length

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from eventlog.columns import EventColumns, Mask, RowNumbers, TextColumn

PROPERTIES_MAX: Final = 32
EVENT_BYTES_MAX: Final = 65_536
_NAME_BYTES_MAX: Final = 128
_PROPERTY_KEY_BYTES_MAX: Final = 64
_PROPERTY_VALUE_BYTES_MAX: Final = 256

_REQUIRED: Final = TextRule(_NAME_BYTES_MAX, required=True)
_OPTIONAL: Final = TextRule(_NAME_BYTES_MAX, required=False)
_PROPERTY_KEY: Final = TextRule(_PROPERTY_KEY_BYTES_MAX, required=True)
_PROPERTY_VALUE: Final = TextRule(_PROPERTY_VALUE_BYTES_MAX, required=False, is_name=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits an operator may set; the others are part of the contract."""

    batch_events_max: int
    late_limit_us: int
    future_limit_us: int
    earliest_us: int

    @property
    def earliest_told(self) -> str:
        """What is wrong with an earlier time, in words that follow its name."""
        earliest = text_of_instant(instant_of(self.earliest_us))
        return f"lies before {earliest}, the earliest time accepted; check its unit (seconds?) and its format"


@dataclass(frozen=True, slots=True)
class BackfillWindow:
    """The open backfill a batch names: its events lie in [start, end), microseconds since 1970."""

    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one event can never be accepted as it is. `id` and `field` are safe to show."""

    index: int
    id: str
    field: str
    reason: Reason
    message: str

    def moved(self, rows: int) -> Refusal:
        """Return the same refusal at another index."""
        return replace(self, index=self.index + rows)


@dataclass(frozen=True, slots=True)
class Admission:
    """What a batch's events are worth: `accepted` rows in order, and the refusals of the others.

    `is_clean` says that nothing at all is wrong, not even with a value that no event uses: the columns may be stored as
    they were sent.
    """

    accepted: RowNumbers
    refusals: tuple[Refusal, ...]
    is_clean: bool


def check_count(count: int, limits: Limits) -> None:
    """Refuse an empty batch (InvalidRequest) and one with too many events (TooBig)."""
    if count == 0:
        raise InvalidRequest(Reason.BATCH_EMPTY, "the batch holds no event; send 1 or more as events or as columns")
    if count > limits.batch_events_max:
        message = f"the batch holds {count} events; split it into batches of at most {limits.batch_events_max}"
        raise TooBig(Reason.BATCH_TOO_LARGE, message)


def admit(batch: EventColumns, limits: Limits, now_us: int, backfill: BackfillWindow | None = None) -> Admission:
    """Decide for each event of `batch`, whose shape and size were checked, at the time `now_us`."""
    if _is_plainly_sound(batch, limits, now_us, backfill):
        return Admission(np.arange(len(batch), dtype=np.int64), (), is_clean=True)
    review = _Review(batch)
    review.sizes()
    review.ids()
    for field in FIELDS:
        review.texts(field.name, batch.text(field.name), _REQUIRED if field.is_required else _OPTIONAL)
    review.times(limits, now_us, backfill)
    review.properties()
    review.trace_contexts()
    return review.admission()


def _is_plainly_sound(batch: EventColumns, limits: Limits, now_us: int, backfill: BackfillWindow | None) -> bool:
    """Say whether nothing can be wrong, by a few looks at whole columns; True of nearly every batch.

    False means only that somebody must look closer.
    """
    if batch.time_faults or batch.trace_faults or batch.traces.has_empty_id() or len(batch.properties) > PROPERTIES_MAX:
        return False
    # A column at a time: one text beyond ASCII makes the look at its own column slower, and at no other.
    if not _REQUIRED.are_sound(batch.ids) or not _PROPERTY_KEY.are_sound(list(batch.properties)):
        return False
    for field in FIELDS:
        column = batch.text(field.name)
        if field.is_required and not column.is_complete():
            return False
        if not _REQUIRED.are_sound(column.values):
            return False
    if not all(_PROPERTY_VALUE.are_sound(column.values) for column in batch.properties.values()):
        return False
    earliest_us, latest_us = _window(limits, now_us, backfill)
    return earliest_us <= int(batch.times_us.min()) and int(batch.times_us.max()) <= latest_us


def _window(limits: Limits, now_us: int, backfill: BackfillWindow | None) -> tuple[int, int]:
    """Earliest and latest time that is accepted."""
    latest_us = min(now_us + limits.future_limit_us, INSTANT_MAX_US)
    if backfill is not None:
        return max(backfill.start_us, limits.earliest_us), min(backfill.end_us - 1, latest_us)
    return max(now_us - limits.late_limit_us, limits.earliest_us), latest_us


class _Review:
    """Collects the first fault of each event."""

    def __init__(self, batch: EventColumns) -> None:
        self._batch = batch
        self._count = len(batch)
        self._refusals: dict[int, Refusal] = {}
        self._has_bad_values = False

    def admission(self) -> Admission:
        rows = np.arange(self._count, dtype=np.int64)
        if self._refusals:
            rows = np.delete(rows, list(self._refusals))
        refusals = tuple(self._refusals[index] for index in sorted(self._refusals))
        return Admission(rows, refusals, is_clean=not refusals and not self._has_bad_values)

    def sizes(self) -> None:
        """Refuse events over EVENT_BYTES_MAX: the bytes of all their texts.

        Only a text or a number of properties over its own limit can make an event so large, so a look at the lengths
        of ids and distinct values spares the sum.
        """
        batch = self._batch
        if len(batch.properties) <= PROPERTIES_MAX and _longest(self._all_texts()) <= _PROPERTY_VALUE_BYTES_MAX:
            return
        sizes = _lengths(batch.ids)
        for column in batch.texts.values():
            sizes += _lengths(("", *column.values))[column.dense(self._count)]
        for key, column in batch.properties.items():
            lengths = _lengths(("", *column.values)) + utf8_length(key)
            lengths[0] = 0
            sizes += lengths[column.dense(self._count)]
        for row in np.flatnonzero(sizes > EVENT_BYTES_MAX).tolist():
            message = f"the event has {int(sizes[row])} bytes; at most {EVENT_BYTES_MAX} are allowed"
            self._refuse(row, "", Reason.EVENT_TOO_LARGE, message)

    def _all_texts(self) -> Iterable[Iterable[str]]:
        yield self._batch.ids
        for column in (*self._batch.texts.values(), *self._batch.properties.values()):
            yield column.values
        yield self._batch.properties

    def ids(self) -> None:
        for row, fault in _REQUIRED.faults(self._batch.ids).items():
            self._refuse(row, "id", Reason.ID_INVALID, fault.message)

    def texts(self, field: str, column: TextColumn, rule: TextRule) -> None:
        faults = self._faults_by_index(column, rule)
        if rule.required and (column.indexes is not None or not column.values):
            faults[0] = EMPTY
        self._refuse_by_index(column, faults, field, Reason.TEXT_INVALID, Reason.TEXT_TOO_LONG)

    def times(self, limits: Limits, now_us: int, backfill: BackfillWindow | None) -> None:
        for row, message in self._batch.time_faults.items():
            self._refuse(row, "time", Reason.TIME_INVALID, message)
        times = self._batch.times_us
        self._refuse_times(
            (times < INSTANT_MIN_US) | (times > INSTANT_MAX_US), Reason.TIME_INVALID, "must lie in the years 1 to 9999"
        )
        self._refuse_times(
            times > now_us + limits.future_limit_us,
            Reason.TIME_IN_FUTURE,
            f"lies more than {limits.future_limit_us // 1_000_000} s ahead of the server's clock",
        )
        if backfill is not None:
            outside = (times < backfill.start_us) | (times >= backfill.end_us)
            self._refuse_times(outside, Reason.BACKFILL_NOT_OPEN, "lies outside the period of the backfill")
        # Before the late limit, whose advice to open a backfill would not help.
        self._refuse_times(times < limits.earliest_us, Reason.TIME_TOO_OLD, limits.earliest_told)
        if backfill is None:
            days = limits.late_limit_us // 86_400_000_000
            message = f"lies more than {days} days back; report it inside an open backfill that covers its time"
            self._refuse_times(times < now_us - limits.late_limit_us, Reason.TIME_TOO_OLD, message)

    def _refuse_times(self, wrong: Mask, reason: Reason, message: str) -> None:
        if wrong.any():
            for row in np.flatnonzero(wrong).tolist():
                self._refuse(row, "time", reason, message)

    def properties(self) -> None:
        columns = self._batch.properties
        if len(columns) > PROPERTIES_MAX:
            self._refuse_too_many()
        if not _PROPERTY_KEY.faults(list(columns)) and not any(
            _PROPERTY_VALUE.faults(column.values) for column in columns.values()
        ):
            return
        # Sorted, so that rows and columns name the same fault of an event that has several.
        for key in sorted(columns):
            column = columns[key]
            field = f"properties.{shown(key)}"
            key_fault = _PROPERTY_KEY.fault(key)
            if key_fault is not None:
                self._has_bad_values = True
                message = f"the key {key_fault.message}"
                for row in np.flatnonzero(column.dense(self._count)).tolist():
                    self._refuse(row, field, Reason.PROPERTY_KEY_INVALID, message)
            faults = self._faults_by_index(column, _PROPERTY_VALUE)
            self._refuse_by_index(column, faults, field, Reason.PROPERTY_VALUE_INVALID, Reason.PROPERTY_VALUE_TOO_LONG)

    def _refuse_too_many(self) -> None:
        held = np.zeros(self._count, dtype=np.int64)
        for column in self._batch.properties.values():
            if column.indexes is not None:
                held += column.indexes > 0
            elif column.values:
                held += 1
        for row in np.flatnonzero(held > PROPERTIES_MAX).tolist():
            message = f"the event has {int(held[row])} properties; at most {PROPERTIES_MAX} are allowed"
            self._refuse(row, "properties", Reason.PROPERTIES_TOO_MANY, message)

    def trace_contexts(self) -> None:
        batch = self._batch
        for row, message in batch.trace_faults.items():
            self._refuse(row, "traceparent", Reason.TRACEPARENT_INVALID, message)
        traces = batch.traces
        if not traces.has_empty_id():
            return
        self._has_bad_values = True
        wrong = np.concatenate((np.zeros(1, dtype=np.bool_), traces.empty_ids()))[traces.dense(self._count)]
        for row in np.flatnonzero(wrong).tolist():
            self._refuse(row, "traceparent", Reason.TRACEPARENT_INVALID, "trace id and span id must not be all zero")

    def _faults_by_index(self, column: TextColumn, rule: TextRule) -> dict[int, TextFault]:
        return {place + 1: fault for place, fault in rule.faults(column.values).items()}

    def _refuse_by_index(
        self,
        column: TextColumn,
        faults: Mapping[int, TextFault],
        field: str,
        invalid: Reason,
        too_long: Reason,
    ) -> None:
        if not faults:
            return
        self._has_bad_values = self._has_bad_values or any(faults)
        indexes = column.dense(self._count)
        for row in np.flatnonzero(column.rows_with(set(faults), self._count)).tolist():
            fault = faults[int(indexes[row])]
            self._refuse(row, field, too_long if fault.is_length else invalid, fault.message)

    def _refuse(self, row: int, field: str, reason: Reason, message: str) -> None:
        if row not in self._refusals:
            self._refusals[row] = Refusal(row, shown(self._batch.ids[row]), field, reason, message)


def _longest(groups: Iterable[Iterable[str]]) -> int:
    """Longest text in characters; bytes are at most four times as many, still far below EVENT_BYTES_MAX in sum."""
    return max((max(map(len, group), default=0) for group in groups), default=0)


def _lengths(texts: Iterable[str]) -> RowNumbers:
    return np.fromiter(map(utf8_length, texts), dtype=np.int64)
