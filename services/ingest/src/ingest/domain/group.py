"""One group commit seen as a whole: which of its keys are new, which repeat, and where each event ends up.

Pure: the worker asks the database and tells the group what it found.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from ingest.domain.keys import EventKeys, join_keys, key_order, repeats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventlog.columns import Mask, RowNumbers


@dataclass(frozen=True, slots=True)
class Placement:
    """What one attempt would write: the new keys in key order with their positions, and per event whether it is new."""

    keys: EventKeys
    positions: RowNumbers
    is_new: Mask
    numbers: RowNumbers


class KeyGroup:
    """The keys of several batches, one after the other: an event is a row counted through all of them.

    A key may occur several times; the first event that bears it stands for it. `numbers` name the distinct keys, in the
    order in which the database keeps them.
    """

    def __init__(self, parts: Sequence[EventKeys]) -> None:
        self._keys = join_keys(parts)
        self._first_rows = [0, *accumulate(len(part) for part in parts)]
        order = key_order(self._keys)
        repeated = repeats(self._keys, order)
        self._winners = order[~repeated] if repeated.any() else order
        self._number_of = np.empty(len(order), dtype=np.int64)
        self._number_of[order] = np.cumsum(~repeated) - 1
        self._lanes = np.zeros(len(self._winners), dtype=np.int64)
        self._positions = np.zeros(len(self._winners), dtype=np.int64)
        self._is_ours = np.zeros(len(self._winners), dtype=np.bool_)
        self._is_voided = np.zeros(len(self._winners), dtype=np.bool_)
        self._written_whole: tuple[int, int] | None = None

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self._number_of)

    def rows_of(self, part: int) -> slice:
        """RowNumbers of one batch."""
        return slice(self._first_rows[part], self._first_rows[part + 1])

    def unlocated(self) -> RowNumbers:
        """Numbers of the keys of which no place is known."""
        return np.flatnonzero(self._positions == 0)

    def keys(self, numbers: RowNumbers) -> EventKeys:
        """Keys by number."""
        return self._keys.take(self._winners[numbers])

    def found(self, numbers: RowNumbers, lanes: RowNumbers, positions: RowNumbers) -> None:
        """Note where keys are stored already."""
        self._lanes[numbers], self._positions[numbers] = lanes, positions

    def found_voided(self, numbers: RowNumbers) -> None:
        """Note which of the stored events were voided."""
        self._is_voided[numbers] = True

    def place(self) -> Placement:
        """Plan to write every key without a place; `positions` count from 1, the lane's head is added later."""
        numbers = self.unlocated()
        winners = self._winners[numbers]
        is_new = np.zeros(len(self), dtype=np.bool_)
        is_new[winners] = True
        # In the order the events came, not in key order: each batch becomes one run of positions.
        positions = np.cumsum(is_new, dtype=np.int64)
        return Placement(self._keys.take(winners), positions[winners], is_new, numbers)

    def written(self, placement: Placement, lane: int, head_position: int) -> None:
        """Note that a plan was committed."""
        self.found(placement.numbers, np.full(len(placement.numbers), lane), placement.positions + head_position)
        self._is_ours[placement.numbers] = True
        if len(placement.numbers) == len(self):
            self._written_whole = lane, head_position

    def end_of(self, part: int) -> tuple[int, int] | None:
        """Lane and last position of one batch if every event of the group was new, as is nearly always so."""
        if self._written_whole is None:
            return None
        lane, head_position = self._written_whole
        return lane, head_position + self._first_rows[part + 1]

    def accepted(self, part: int) -> Mask:
        """Mark the events of one batch that were written."""
        rows = np.arange(self._first_rows[part], self._first_rows[part + 1])
        numbers = self._number_of[rows]
        return np.asarray(self._is_ours[numbers] & (self._winners[numbers] == rows), dtype=np.bool_)

    def voided(self, part: int) -> Mask:
        """Mark the events of one batch whose event is stored and was voided."""
        return np.asarray(self._is_voided[self._number_of[self.rows_of(part)]], dtype=np.bool_)

    def places(self, part: int) -> tuple[RowNumbers, RowNumbers]:
        """Lane and position of each event of one batch, or of the one that has its key."""
        numbers = self._number_of[self.rows_of(part)]
        return self._lanes[numbers], self._positions[numbers]
