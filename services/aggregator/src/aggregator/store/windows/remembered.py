"""Pages that were read a moment ago: who asks for the same customers again reads only what was added since.

A page never changes, and its content id is its own for ever, over restores and failovers, too: so nothing here can be
stale. What is remembered of a page are the windows of the customers asked for.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from uuid import UUID

    from aggregator.domain.windows import Windows

BYTES_MAX: Final = 64 * 1024 * 1024
_SHARES: Final = 8
"""No question takes more than one of so many parts of the memory."""
_PAGE_BYTES: Final = 4096
"""About what a page takes without its rows."""
_TEXT_BYTES: Final = 64
"""About what a text takes without its characters."""


class RememberedPages:
    """Pages by the question that they were read for; what was asked for least recently goes first."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        """Remember about so many bytes at most."""
        self._bytes_max = bytes_max
        self._bytes = 0
        self._pages: OrderedDict[Hashable, tuple[Mapping[UUID, Windows], int]] = OrderedDict()

    @property
    def held_bytes(self) -> int:
        """About how many bytes are remembered."""
        return self._bytes

    def of(self, asked: Hashable) -> Mapping[UUID, Windows]:
        """Return the pages that the same question read last."""
        found = self._pages.get(asked)
        if found is None:
            return {}
        self._pages.move_to_end(asked)
        return found[0]

    def keep(self, asked: Hashable, pages: Mapping[UUID, Windows]) -> None:
        """Remember all pages that a question read, instead of those that it read before."""
        _, former_bytes = self._pages.pop(asked, ({}, 0))
        self._bytes -= former_bytes
        size_bytes = sum(map(_size_bytes, pages.values()))
        if size_bytes > self._bytes_max // _SHARES:
            return
        self._pages[asked] = (pages, size_bytes)
        self._bytes += size_bytes
        while self._bytes > self._bytes_max:
            _, (_, oldest_bytes) = self._pages.popitem(last=False)
            self._bytes -= oldest_bytes


def _size_bytes(windows: Windows) -> int:
    """Return about how much memory windows take."""
    entries = windows.entries
    columns = (windows.starts_us, windows.event_counts, windows.sums.units, windows.flush_ids)
    entry_columns = (entries.windows, entries.times_us, entries.values.units, entries.counts)
    texts = (windows.customers, windows.groups, entries.texts)
    numbers = sum(column.nbytes for column in (*columns, *entry_columns, *(each.codes for each in texts)))
    return _PAGE_BYTES + numbers + sum(_TEXT_BYTES + len(value) for each in texts for value in each.values)
