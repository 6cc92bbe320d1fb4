"""What a storage shape of windows is: its table, how a fold is added to it, and its part of the reading statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aggregator.domain.query import UsagePlan
from aggregator.domain.windows import MeterFold

KEY = "number, customer, window_number, grp"
"""Columns that name a row of an answer."""
US_PER_S = 1_000_000

Source = Callable[[str, str], str]
"""Returns the subquery that reads columns of a table (as `w`) for a plan, together with the key of each row."""


@dataclass(frozen=True, slots=True)
class ReadingPart:
    """What a shape adds to the reading statement: a subquery that puts windows together, and the columns it gives."""

    name: str
    subquery: str
    columns: Sequence[str]


class WindowShape(Protocol):
    """One way of storing windows."""

    TABLE: str

    async def add(self, driver: Any, changes: Sequence[MeterFold], flush_id: int) -> None:
        """Add what was folded; `driver` is asyncpg's connection inside the transaction."""
        ...

    def part(self, plan: UsagePlan, source: Source, after: str) -> ReadingPart | None:
        """Return the part that reads the shape, None where no meter of the plan needs it.

        `after` is a condition on the key that skips earlier pages, or empty.
        """
        ...
