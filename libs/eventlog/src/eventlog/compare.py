"""Compares the bodies of events that share an identity: same body = duplicate, other body = conflict.

The body is the time, the properties and all text fields but the source, which is a part of the identity; not the trace
context, which differs from try to try.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from eventlog.fields import FIELDS
from eventlog.instants import instant_of
from eventlog.rfc3339 import text_of_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from eventlog.columns import EventColumns, Mask, RowNumbers, TextColumn

    _TextsAt = Callable[[NDArray[np.int64]], Sequence[str | None]]

# An answer lists every conflict of a batch, and must stay small enough to be sent.
_FIELDS_SHOWN: Final = 3
_VALUE_CHARS_SHOWN: Final = 40


def differences(
    sent: EventColumns, sent_rows: RowNumbers, stored: EventColumns, stored_rows: RowNumbers
) -> dict[int, str]:
    """Say what differs, by place in `sent_rows`; equal pairs are left out.

    Example: "this id is taken by an event that differs in customer: stored 'acme', sent 'globex'".
    """
    found: dict[int, list[str]] = {}
    unsaid: Counter[int] = Counter()
    for field, differs, stored_texts, sent_texts in _differing_fields(sent, sent_rows, stored, stored_rows):
        places = np.flatnonzero(differs)
        # Values are written out only where they are shown: the rows of a batch may be many, and all may differ.
        shown = np.array([len(found.get(place, ())) < _FIELDS_SHOWN for place in places.tolist()], dtype=np.bool_)
        unsaid.update(places[~shown].tolist())
        told = places[shown]
        for place, kept, new in zip(told.tolist(), stored_texts(told), sent_texts(told), strict=True):
            found.setdefault(place, []).append(f"{field}: stored {_shown(kept)}, sent {_shown(new)}")
    return {place: _sentence(fields, unsaid[place]) for place, fields in found.items()}


def _sentence(fields: Sequence[str], unsaid: int) -> str:
    more = f"; and in {unsaid} more" if unsaid else ""
    return f"this id is taken by an event that differs in {'; '.join(fields)}{more}"


def _shown(text: str | None) -> str:
    if text is None:
        return "nothing"
    return repr(text if len(text) <= _VALUE_CHARS_SHOWN else f"{text[: _VALUE_CHARS_SHOWN - 1]}…")


def _differing_fields(
    sent: EventColumns, sent_rows: RowNumbers, stored: EventColumns, stored_rows: RowNumbers
) -> Iterator[tuple[str, Mask, _TextsAt, _TextsAt]]:
    """Yield each field: which places differ, and how to read what is stored and what was sent at some places."""

    def compared(
        field: str, mine: TextColumn, theirs: TextColumn, *absent: str
    ) -> tuple[str, Mask, _TextsAt, _TextsAt]:
        codes: dict[str, int] = dict.fromkeys(absent, 0)
        left = _codes(mine, sent_rows, len(sent), codes)
        right = _codes(theirs, stored_rows, len(stored), codes)
        differs = np.asarray(left != right, dtype=np.bool_)
        return field, differs, lambda at: theirs.texts(stored_rows[at]), lambda at: mine.texts(sent_rows[at])

    for field in FIELDS:
        if not field.is_identity:
            # Columns may hold an empty text where rows have none; to a property, which may be empty, they differ.
            yield compared(field.name, sent.text(field.name), stored.text(field.name), "")
    mine_us, theirs_us = sent.times_us[sent_rows], stored.times_us[stored_rows]
    differs = np.asarray(mine_us != theirs_us, dtype=np.bool_)
    yield "time", differs, lambda at: _times(theirs_us[at]), lambda at: _times(mine_us[at])
    for key in sorted(sent.properties.keys() | stored.properties.keys()):
        yield compared(f"properties.{key}", sent.property(key), stored.property(key))


def _times(times_us: NDArray[np.int64]) -> list[str | None]:
    return [text_of_instant(instant_of(time_us)) for time_us in times_us.tolist()]


def _codes(column: TextColumn, rows: RowNumbers, count: int, codes: dict[str, int]) -> NDArray[np.int64]:
    """Return for each row a number that stands for its text on both sides; 0 if absent. Values may repeat."""
    table = [0, *(codes.setdefault(value, len(codes) + 1) for value in column.values)]
    return np.array(table, dtype=np.int64)[column.dense(count)[rows]]
