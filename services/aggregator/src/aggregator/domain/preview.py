"""What a draft of a meter would count, beside the meter as it is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from money import ZERO, exact_arithmetic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from aggregator.domain.reading import CountedRow
    from eventlog.as_of import AsOf
    from eventlog.period import Period

ROWS_MAX: Final = 1000
"""So many rows are told, those with the largest differences first."""
EVENTS_MAX: Final = 20_000_000
"""Events of a tenant by which a draft is tried at most."""


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A customer and a window, by both."""

    customer: str
    window: Period
    quantity: Decimal
    event_count: int
    draft_quantity: Decimal
    draft_event_count: int
    difference: Decimal
    billable: Decimal | None
    draft_billable: Decimal | None
    billed_difference: Decimal
    """Of what is billed: the quantity itself, where events are not rounded."""

    @property
    def differs(self) -> bool:
        """Whether the draft comes to something else."""
        return bool(self.largest) or self.event_count != self.draft_event_count

    @property
    def largest(self) -> Decimal:
        """The larger difference, of what is metered and of what is billed, without its sign."""
        return max(self.difference.copy_abs(), self.billed_difference.copy_abs())


@dataclass(frozen=True, slots=True)
class MeterPreview:
    """The rows told, how many there are and differ, and what the draft could not count, by reason."""

    as_of: AsOf
    rows: Sequence[PreviewRow]
    row_count: int
    differing_count: int
    parked: Mapping[str, int]
    is_known: bool
    unit: str


def compared(windows: Sequence[Period], now: Iterable[CountedRow], draft: Iterable[CountedRow]) -> list[PreviewRow]:
    """Return all rows of both, by customer and window."""
    both: dict[tuple[str, int], list[CountedRow | None]] = {}
    for side, rows in enumerate((now, draft)):
        for row in rows:
            own = both.setdefault((row.key.customer, row.key.window_number), [None, None])
            own[side] = row
    with exact_arithmetic():
        return [
            _compared(customer, windows[number], before, after)
            for (customer, number), (before, after) in sorted(both.items(), key=lambda item: item[0])
        ]


def _compared(customer: str, window: Period, before: CountedRow | None, after: CountedRow | None) -> PreviewRow:
    quantity, count, billable = _amounts(before)
    draft_quantity, draft_count, draft_billable = _amounts(after)
    billed = quantity if billable is None else billable
    draft_billed = draft_quantity if draft_billable is None else draft_billable
    return PreviewRow(
        customer,
        window,
        quantity,
        count,
        draft_quantity,
        draft_count,
        difference=draft_quantity - quantity,
        billable=billable,
        draft_billable=draft_billable,
        billed_difference=draft_billed - billed,
    )


def _amounts(row: CountedRow | None) -> tuple[Decimal, int, Decimal | None]:
    return (ZERO, 0, None) if row is None else (row.quantity, row.event_count, row.billable)


def told(rows: Sequence[PreviewRow]) -> list[PreviewRow]:
    """Return the rows that differ most, and others as far as there is room, in their order."""
    if len(rows) <= ROWS_MAX:
        return list(rows)
    chosen = sorted(range(len(rows)), key=lambda number: (not rows[number].differs, -rows[number].largest))
    return [rows[number] for number in sorted(chosen[:ROWS_MAX])]
