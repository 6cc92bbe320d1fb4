"""Events of one meter grouped into windows: one sort, then one reduction over each run of equal keys."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.columns import (
    CodedTexts,
    ScaledNumbers,
    combined,
    combined_times,
    distinct_of,
    no_numbers,
    no_texts,
    run_starts,
    sorting,
)
from aggregator.domain.windows import Entries, added_up

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from aggregator.domain.aggregations.rules import Rules
    from aggregator.domain.batch import Batch
    from aggregator.domain.meters import CountingMeter
    from aggregator.domain.values import ScaledColumn


OTHER_GROUP: Final = "null"
"""The group of all events whose own groups a meter does not tell apart. Other groups are lists, and come before it."""


def group_key(values: Sequence[str]) -> str:
    """Return the canonical text of the values of the group-by properties, in the meter's order."""
    return json.dumps(list(values), ensure_ascii=False, separators=(",", ":"))


def group_hash(group: str) -> bytes:
    """Return the bytes by which it is kept that a meter tells a group apart."""
    return hashlib.sha256(group.encode()).digest()


class Groups:
    """Rows sorted by (customer, bucket, group), and where each window's run begins."""

    def __init__(
        self,
        batch: Batch,
        meter: CountingMeter,
        rows: NDArray[np.int64],
        column: ScaledColumn | None,
        others: AbstractSet[str],
    ) -> None:
        """Group `rows`, at least one, of a meter's events; `column` holds the numbers it reads, if it reads any.

        `others` are the groups that it does not tell apart.
        """
        self._column = column
        self._batch = batch
        self._meter = meter
        self._group_columns = [batch.read(meter.spec.group(name)) for name in meter.spec.group_by]
        own_groups = self._named_groups(rows)
        named = own_groups
        if not others.isdisjoint(own_groups.values):
            named = own_groups.renamed([OTHER_GROUP if name in others else name for name in own_groups.values])
        self.group_texts, group_codes = named.values, named.codes
        keys = combined_times(batch.customers.codes[rows], batch.times_us[rows] // meter.spec.bucket_us)
        keys = combined(keys, group_codes, len(self.group_texts))
        order = sorting(keys)
        self.rows = rows[order]
        """The events in the order of the windows."""
        self._starts = run_starts(keys[order])
        self._heads = self.rows[self._starts]
        self._group_codes = group_codes[order][self._starts]
        self._own_groups = CodedTexts(own_groups.values, own_groups.codes[order])
        self.run_lengths = np.diff(self._starts, append=len(rows))
        """How many events each window has."""
        self._signs = batch.signs
        """None where all events count; else 1 for those that do, and -1 for those that are taken back."""

    def counts(self) -> NDArray[np.int64]:
        """Events of each window; one that is taken back counts as one less."""
        return self.run_lengths if self._signs is None else np.add.reduceat(self._signs[self.rows], self._starts)

    def customers(self) -> CodedTexts:
        """Customer of each window."""
        column = self._batch.customers
        return CodedTexts(column.values, column.codes[self._heads]).take(slice(None))

    def starts_us(self) -> NDArray[np.int64]:
        """Start of each window."""
        bucket_us = self._meter.spec.bucket_us
        return self._batch.times_us[self._heads] // bucket_us * bucket_us

    def groups(self) -> CodedTexts:
        """Group of each window as canonical text."""
        return CodedTexts(self.group_texts, self._group_codes).take(slice(None))

    def sums(self) -> ScaledNumbers:
        """Sum of the numbers of each window."""
        column = self._numbers()
        units = column.units[self.rows]
        if self._signs is not None:
            units = units * self._signs[self.rows]
        return ScaledNumbers(np.add.reduceat(units, self._starts), column.scale)

    def distinct(self) -> Entries:
        """Texts of each window."""
        column = self._batch.read(self._meter.spec.value)
        texts = CodedTexts(column.values, column.codes[self.rows])
        return self._entries(texts, np.zeros(len(self.rows), dtype=np.int64), no_numbers(len(self.rows)))

    @property
    def rules(self) -> Rules:
        """What the meter says beside the names of its properties."""
        return self._meter.spec.rules

    def sessions(self) -> Entries:
        """Keys of the sessions of each window, each with the time and the phase of its event."""
        session = self.rules.session
        keys, phases = self._batch.read(session.key), self._batch.read(session.phase)
        phase_of = np.array([session.phase_of(text) for text in phases.values], dtype=np.int64)
        texts = CodedTexts(keys.values, keys.codes[self.rows])
        values = ScaledNumbers(phase_of[phases.codes[self.rows]], 0)
        return self._entries(texts, self._batch.times_us[self.rows], values)

    def moments(self) -> Entries:
        """Numbers of each window, each with the time of its event."""
        return self._entries(no_texts(len(self.rows)), self._batch.times_us[self.rows], self._numbers_of_rows())

    def readings(self) -> Entries:
        """Numbers of each window, each with the time and its event's own group: groups are put together later."""
        return self._entries(self._own_groups, self._batch.times_us[self.rows], self._numbers_of_rows())

    def values(self) -> Entries:
        """Numbers of each window."""
        count = len(self.rows)
        return self._entries(no_texts(count), np.zeros(count, dtype=np.int64), self._numbers_of_rows())

    def billed(self) -> Entries:
        """Numbers of each window as they are billed."""
        count, rounding = len(self.rows), self._meter.spec.rounding
        if rounding is None:
            raise ValueError("a meter that rounds no event asks for what is billed")
        numbers = rounding.round(self._numbers_of_rows())
        return self._entries(no_texts(count), np.zeros(count, dtype=np.int64), numbers)

    def events(self) -> Entries:
        """Numbers of each window, each with the time and the id of its event."""
        ids = [self._batch.event_id(row) for row in self.rows.tolist()]
        return self._entries(_coded(ids), self._batch.times_us[self.rows], self._numbers_of_rows())

    def _entries(self, texts: CodedTexts, times_us: NDArray[np.int64], values: ScaledNumbers) -> Entries:
        windows = np.repeat(np.arange(len(self._starts), dtype=np.int64), self.run_lengths)
        counts = np.ones(len(self.rows), dtype=np.int64) if self._signs is None else self._signs[self.rows]
        return added_up(Entries(windows, texts, times_us, values, counts))

    def _named_groups(self, rows: NDArray[np.int64]) -> CodedTexts:
        """Return the canonical text of the group of each row."""
        keys = np.zeros(len(rows), dtype=np.int64)
        for column in self._group_columns:
            keys = combined(keys, column.codes[rows], len(column.values))
        examples, places = distinct_of(keys)
        names = [group_key([column.text(row) for column in self._group_columns]) for row in rows[examples].tolist()]
        return CodedTexts((), places).renamed(names)

    def _numbers_of_rows(self) -> ScaledNumbers:
        column = self._numbers()
        return ScaledNumbers(column.units[self.rows], column.scale)

    def _numbers(self) -> ScaledColumn:
        if self._column is None:
            raise ValueError("an aggregation that reads no decimal asks for numbers")
        return self._column


def _coded(texts: Sequence[str]) -> CodedTexts:
    values = sorted(set(texts))
    code_of = {value: code for code, value in enumerate(values)}
    return CodedTexts(values, np.fromiter((code_of[text] for text in texts), dtype=np.int64, count=len(texts)))
