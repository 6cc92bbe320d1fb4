"""What a storage shape of windows is: its table, how a fold is added to it, and its part of the reading statement."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from aggregator.domain.query import UsagePlan
from aggregator.domain.windows import MeterFold

KEY = "number, customer, window_number, grp"
"""Columns that name a row of an answer."""
GROUP: Final = "coalesce(w.long_group, w.group_key)"
"""The group of a stored row as it was counted."""
US_PER_S = 1_000_000
_INDEXED_BYTES_MAX: Final = 1024
"""Longer groups are in the key by their hash: Postgres indexes no entry above a third of a page, 2,704 bytes."""

Source = Callable[[str, str], str]
"""Returns the subquery that reads columns of a table (as `w`) for a plan, together with the key of each row."""


@dataclass(frozen=True, slots=True)
class ReadingPart:
    """What a shape adds to the reading statement: a subquery that puts windows together, and the columns it gives.

    `running` are expressions, over the rows of one customer and group by time, of what each column is from the first
    row to the current one.
    """

    name: str
    subquery: str
    columns: Sequence[str]
    running: Sequence[str] = ()


class WindowShape(Protocol):
    """One way of storing windows."""

    TABLE: str

    async def add(self, driver: Any, change: MeterFold, flush_id: int, rows_max: int) -> None:
        """Add what was folded; `driver` is asyncpg's connection inside the transaction.

        `rows_max` bounds the rows of a statement where a window may have many.
        """
        ...

    def part(self, plan: UsagePlan, source: Source, after: str) -> ReadingPart | None:
        """Return the part that reads the shape, None where no meter of the plan needs it.

        `after` is a condition on the key that skips earlier pages, or empty.
        """
        ...


def stored_group(group: str) -> tuple[str, str | None]:
    """Return what stands for a group in the key, and the group itself where that is only its hash.

    A group is a JSON array and begins with a bracket, so that none is taken for a hash.
    """
    encoded = group.encode()
    if len(encoded) <= _INDEXED_BYTES_MAX:
        return group, None
    return f"sha256:{hashlib.sha256(encoded).hexdigest()}", group
