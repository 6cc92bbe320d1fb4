"""Pages that were read a moment ago, and what was counted of them.

Who asks about a customer again reads only the pages that were added since, and counts anew only if there are any. A
page never changes, and its content id is its own for ever, over restores and failovers, too: nothing here can be stale.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from aggregator.domain.query import UsagePlan
    from aggregator.domain.reading import CountedRow
    from aggregator.domain.windows import Windows

    Key = tuple[str | tuple[tuple[int, ...], int, int], ...]
    Pages = Mapping[UUID, tuple[int, Windows]]

BYTES_MAX: Final = 64 * 1024 * 1024
_SHARES: Final = 8
"""Nobody's pages and answers take more than one of so many parts of the memory."""
_PAGE_BYTES: Final = 4096
"""About what a page takes without its rows."""
_TEXT_BYTES: Final = 64
"""About what a text takes without its characters."""
_ROW_BYTES: Final = 512
"""About what a row of an answer takes."""
_ANSWERS_MAX: Final = 64
"""Answers counted of the same pages; questions that end at the present are never asked twice."""
_ANSWER_BYTES: Final = 4096
"""About what an answer takes without its rows."""


@dataclass(slots=True)
class _Remembered:
    """Pages of a customer, and answers counted of just these."""

    pages: Pages
    size_bytes: int
    answers: dict[UsagePlan, Sequence[CountedRow]] = field(default_factory=dict)


class RememberedPages:
    """Pages and answers by what they were read for: a customer, versions of meters, and months.

    What was asked for least recently goes first.
    """

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        """Remember about so many bytes at most."""
        self._bytes_max = bytes_max
        self._held: OrderedDict[Key, _Remembered] = OrderedDict()
        self.held_bytes = 0
        """About how many bytes are remembered."""

    def pages(self, key: Key) -> Pages:
        """Return the pages that were read last for this."""
        found = self._held.get(key)
        return {} if found is None else found.pages

    def answer(
        self, key: Key, pages: Pages, plan: UsagePlan, count: Callable[[], Sequence[CountedRow]]
    ) -> Sequence[CountedRow]:
        """Return what a plan comes to with these pages, all that there are now; `count` is asked if nobody knows."""
        one = self._held.pop(key, None)
        self.held_bytes -= 0 if one is None else one.size_bytes
        if one is None or one.pages.keys() != pages.keys() or len(one.answers) == _ANSWERS_MAX:
            one = _Remembered(pages, sum(_size_bytes(windows) for _, windows in pages.values()))
        rows = one.answers.get(plan)
        if rows is None:
            rows = count()
            one.answers[plan] = rows
            one.size_bytes += _ANSWER_BYTES + _ROW_BYTES * len(rows)
        self._keep(key, one)
        return rows

    def _keep(self, key: Key, one: _Remembered) -> None:
        if one.size_bytes > self._bytes_max // _SHARES:
            return
        self._held[key] = one
        self.held_bytes += one.size_bytes
        while self.held_bytes > self._bytes_max:
            _, oldest = self._held.popitem(last=False)
            self.held_bytes -= oldest.size_bytes


def _size_bytes(windows: Windows) -> int:
    """Return about how much memory windows take."""
    entries = windows.entries
    columns = (windows.starts_us, windows.event_counts, windows.sums.units, windows.flush_ids)
    entry_columns = (entries.windows, entries.times_us, entries.values.units, entries.counts)
    texts = (windows.customers, windows.groups, entries.texts)
    numbers = sum(column.nbytes for column in (*columns, *entry_columns, *(each.codes for each in texts)))
    return _PAGE_BYTES + numbers + sum(_TEXT_BYTES + len(value) for each in texts for value in each.values)
