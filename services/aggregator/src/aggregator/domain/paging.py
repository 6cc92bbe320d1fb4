"""How windows are cut into pages: by calendar month, and then by size, in the order of customers and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.columns import run_starts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from aggregator.domain.columns import CodedTexts
    from aggregator.domain.windows import Windows

WINDOWS_MAX: Final = 4096
"""Windows of a page: so many are read in a fraction of a millisecond, and are enough for texts to be told once."""
ENTRIES_MAX: Final = 16_384
"""Entries of a page, but for a single window that has more."""
TEXT_BYTES_MAX: Final = 4 * 1024 * 1024
"""About how many bytes of groups and texts a page may have, were each written down for every window."""


_WHOLE: Final = 2**30
"""What the shares of the windows of a page come to."""


@dataclass(frozen=True, slots=True)
class Page:
    """Windows of one month, at most so many that they are read at once. `month` counts from January 1970."""

    month: int
    windows: Windows

    @property
    def first_customer(self) -> str:
        """The first customer, in whose order windows are."""
        return self.windows.customers.values[int(self.windows.customers.codes[0])]

    @property
    def last_customer(self) -> str:
        """The last customer."""
        return self.windows.customers.values[int(self.windows.customers.codes[-1])]


def pages_of(windows: Windows, windows_max: int = WINDOWS_MAX) -> Iterator[Page]:
    """Cut windows into pages."""
    months = months_of(windows.starts_us)
    for month in np.unique(months).tolist():
        own = windows.take(months == month)
        ends = _ends(own, windows_max)
        for first, end in zip([0, *ends[:-1]], ends, strict=True):
            yield Page(month, own.part(first, end))


def months_of(starts_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the calendar month, in UTC, of each start."""
    return starts_us.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)


def month_of(time_us: int) -> int:
    """Return the calendar month, in UTC, of a time."""
    return int(months_of(np.array([time_us], dtype=np.int64))[0])


def _ends(windows: Windows, windows_max: int) -> list[int]:
    """Return where pages end: as large as they may be."""
    count = len(windows)
    # A page is full with so many windows, so many entries or so many bytes of texts, whichever comes first.
    entries = np.bincount(windows.entries.windows, minlength=count)
    own_bytes = _lengths(windows.groups)[windows.groups.codes]
    entry_bytes = _lengths(windows.entries.texts)[windows.entries.texts.codes]
    np.add.at(own_bytes, windows.entries.windows, entry_bytes)
    shares = np.maximum(entries * _WHOLE // ENTRIES_MAX, own_bytes * _WHOLE // TEXT_BYTES_MAX)
    shares = np.maximum(shares, -(-_WHOLE // windows_max))
    page_of = (np.cumsum(shares) - shares) // _WHOLE
    return [*run_starts(page_of)[1:].tolist(), count]


def _lengths(texts: CodedTexts) -> NDArray[np.int64]:
    return np.fromiter(map(len, texts.values), dtype=np.int64, count=len(texts.values))
