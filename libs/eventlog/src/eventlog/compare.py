"""Compares the bodies of events that share an identity: same body = duplicate, other body = conflict.

The body is the time, the properties and all text fields but the source, which is a part of the identity; not the trace
context, which differs from try to try.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eventlog.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from eventlog.columns import EventColumns, Mask, RowNumbers, TextColumn


def differences(
    sent: EventColumns, sent_rows: RowNumbers, stored: EventColumns, stored_rows: RowNumbers
) -> dict[int, str]:
    """Name what differs, by place in `sent_rows`; equal pairs are left out. Example: "customer, properties.bytes"."""
    found: dict[int, list[str]] = {}
    for field, differs in _differing_fields(sent, sent_rows, stored, stored_rows):
        for place in np.flatnonzero(differs).tolist():
            found.setdefault(place, []).append(field)
    return {place: ", ".join(fields) for place, fields in found.items()}


def _differing_fields(
    sent: EventColumns, sent_rows: RowNumbers, stored: EventColumns, stored_rows: RowNumbers
) -> Iterator[tuple[str, Mask]]:
    def texts(mine: TextColumn, theirs: TextColumn, *absent: str) -> Mask:
        codes: dict[str, int] = dict.fromkeys(absent, 0)
        left = _codes(mine, sent_rows, len(sent), codes)
        right = _codes(theirs, stored_rows, len(stored), codes)
        return np.asarray(left != right, dtype=np.bool_)

    for field in FIELDS:
        if not field.is_identity:
            # Columns may hold an empty text where rows have none; to a property, which may be empty, they differ.
            yield field.name, texts(sent.text(field.name), stored.text(field.name), "")
    yield "time", np.asarray(sent.times_us[sent_rows] != stored.times_us[stored_rows], dtype=np.bool_)
    for key in sorted(sent.properties.keys() | stored.properties.keys()):
        yield f"properties.{key}", texts(sent.property(key), stored.property(key))


def _codes(column: TextColumn, rows: RowNumbers, count: int, codes: dict[str, int]) -> NDArray[np.int64]:
    """Return for each row a number that stands for its text on both sides; 0 if absent. Values may repeat."""
    table = [0, *(codes.setdefault(value, len(codes) + 1) for value in column.values)]
    return np.array(table, dtype=np.int64)[column.dense(count)[rows]]
