"""Of which pages snapshots were read: who asks whether one has to be amended reads no windows where none have come.

Each invoice asks so for every period that was billed before it. A page never changes, and its content id is its own for
ever, so the same pages, read by the same versions of meters, hold the same usage.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_SNAPSHOTS_MAX: Final = 100_000


class SealedPages:
    """What snapshots were read of, by their ids; what was asked for least recently goes first. Empty at the start."""

    def __init__(self, snapshots_max: int = _SNAPSHOTS_MAX) -> None:
        """Keep so many snapshots at most."""
        self._snapshots_max = snapshots_max
        self._held: OrderedDict[str, bytes] = OrderedDict()

    def note(self, snapshot_id: str, read_of: bytes) -> None:
        """Keep in mind that what was read of this is what the snapshot holds."""
        self._held.pop(snapshot_id, None)
        self._held[snapshot_id] = read_of
        if len(self._held) > self._snapshots_max:
            self._held.popitem(last=False)

    def knows(self, snapshot_id: str) -> bool:
        """Whether it is known of what the snapshot was read."""
        return snapshot_id in self._held

    def holds(self, snapshot_id: str, read_of: bytes) -> bool:
        """Whether the snapshot is known to hold what would be read of this."""
        is_known = self._held.get(snapshot_id) == read_of
        if is_known:
            self._held.move_to_end(snapshot_id)
        return is_known
