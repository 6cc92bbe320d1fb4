"""The rows kept of billed lines: what later adjustments build on, and what an audit compares with the frozen text."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Final

from eventlog.period import Period
from invoicing.domain.document import InvoiceLine, LineKind


@dataclass(frozen=True, slots=True)
class LineRecord:
    """What the row of a line says beside the frozen text; each field is named as that of the line."""

    id: str
    kind: LineKind
    item: str
    quantity: Decimal
    amount: Decimal
    exact_amount: Decimal
    billing_period: str
    plan: str
    plan_version: int
    charge_id: str
    snapshot_id: str
    event_count: int
    traceparent: str
    adjusts_line_id: str = ""


RECORD_FIELDS: Final = tuple(part.name for part in fields(LineRecord))


def record_of(line: InvoiceLine) -> LineRecord:
    """Return what the row of `line` must say."""
    return LineRecord(**{name: getattr(line, name) for name in RECORD_FIELDS})


@dataclass(frozen=True, slots=True)
class BilledPeriod:
    """Everything billed so far for one period of a contract, oldest line first.

    `revision` counts the snapshots of the period that were billed: 1 for its own invoice, one more per amendment.
    """

    billing_period: str
    period: Period
    snapshot_id: str
    revision: int
    lines: tuple[LineRecord, ...] = ()

    def lines_of(self, item: str) -> tuple[LineRecord, ...]:
        """Return the lines that billed `item`."""
        return tuple(line for line in self.lines if line.item == item)
