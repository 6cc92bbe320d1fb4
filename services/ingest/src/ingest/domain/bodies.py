"""Compares the bodies of events that share an identity: same body = duplicate, other body = conflict.

The body is type, customer, subject, time and properties; not the trace context, which differs from try to try.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.domain.batch import NO_COLUMN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ingest.domain.batch import EventBatch, Mask, Rows, TextColumn


def differences(sent: EventBatch, sent_rows: Rows, stored: EventBatch, stored_rows: Rows) -> dict[int, str]:
    """Name what differs, by place in `sent_rows`; equal pairs are left out. Example: "customer, properties.bytes"."""
    marks = _differing_fields(sent, sent_rows, stored, stored_rows)
    found: dict[int, list[str]] = {}
    for field, differs in marks:
        for place in np.flatnonzero(differs).tolist():
            found.setdefault(place, []).append(field)
    return {place: ", ".join(fields) for place, fields in found.items()}


def _differing_fields(
    sent: EventBatch, sent_rows: Rows, stored: EventBatch, stored_rows: Rows
) -> list[tuple[str, Mask]]:
    def column(mine: TextColumn, theirs: TextColumn, *, empty_is_absent: bool = False) -> Mask:
        codes: dict[str | None, int] = {None: 0}
        if empty_is_absent:
            codes[""] = 0
        left = _codes(mine, sent_rows, len(sent), codes)
        right = _codes(theirs, stored_rows, len(stored), codes)
        return np.asarray(left != right, dtype=np.bool_)

    marks = [
        ("type", column(sent.types, stored.types)),
        ("customer", column(sent.customers, stored.customers)),
        ("subject", column(sent.subjects, stored.subjects, empty_is_absent=True)),
        ("time", np.asarray(sent.times_us[sent_rows] != stored.times_us[stored_rows], dtype=np.bool_)),
    ]
    mine, theirs = dict(sent.properties), dict(stored.properties)
    marks.extend(
        (f"properties.{key}", column(mine.get(key, NO_COLUMN), theirs.get(key, NO_COLUMN)))
        for key in sorted(mine.keys() | theirs.keys())
    )
    return marks


def _codes(column: TextColumn, rows: Rows, count: int, codes: dict[str | None, int]) -> NDArray[np.int64]:
    """Give each row's text a number that both sides share; a column may hold the same value twice."""
    table = [0, *(codes.setdefault(value, len(codes)) for value in column.values)]
    return np.array(table, dtype=np.int64)[column.dense(count)[rows]]
