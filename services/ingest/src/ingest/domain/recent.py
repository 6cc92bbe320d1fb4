"""A bounded memory of keys that were stored lately: a hint where duplicates are likely, never the truth.

Retries come soon after what they repeat. Looking only those keys up, before writing, spares a failed COPY. What is
forgotten, or was stored by another process, is still refused by the database's own constraint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from eventlog.columns import Mask
    from ingest.domain.keys import EventKeys, Words

_MIX_HIGH: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_LOW: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_SHIFT: Final = np.uint64(29)


class RecentKeys:
    """A table of fingerprints, one place a key; a newer key takes the place of an older one."""

    def __init__(self, places: int) -> None:
        """Remember about `places` keys (rounded up to a power of two), at 8 bytes each."""
        size = 1 << max(1, places - 1).bit_length()
        self._mask = np.uint64(size - 1)
        self._table = np.zeros(size, dtype=np.uint64)

    def add(self, keys: EventKeys) -> None:
        """Remember stored keys."""
        prints = self._fingerprints(keys)
        self._table[prints & self._mask] = prints

    def likely(self, keys: EventKeys) -> Mask:
        """Mark the keys that were probably stored before."""
        prints = self._fingerprints(keys)
        return np.asarray(self._table[prints & self._mask] == prints, dtype=np.bool_)

    def _fingerprints(self, keys: EventKeys) -> Words:
        prints = (keys.high * _MIX_HIGH) ^ (keys.low * _MIX_LOW) ^ keys.source_ids.astype(np.uint64)
        prints = prints ^ (prints >> _SHIFT)
        return np.asarray(prints * _MIX_HIGH, dtype=np.uint64)
