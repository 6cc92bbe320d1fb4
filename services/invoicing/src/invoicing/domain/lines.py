"""The rows kept of billed lines: what later adjustments build on, and what an audit compares with the frozen text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Final

from eventlog.period import Period
from invoicing.domain.document import InvoiceLine, LineKind
from money import ZERO, Exact, exact_arithmetic


@dataclass(frozen=True, slots=True)
class LineRecord:
    """What the row of a line says beside the frozen text; each field is named as that of the line.

    `contract` is always said: it is the one whose usage the line bills.
    """

    id: str
    kind: LineKind
    item: str
    quantity: Decimal
    amount: Decimal
    exact_amount: Exact
    billing_period: str
    plan: str
    plan_version: int
    charge_id: str
    snapshot_id: str
    event_count: int
    traceparent: str
    adjusts_line_id: str = ""
    contract: str = ""
    revision: int = 0


RECORD_FIELDS: Final = tuple(part.name for part in fields(LineRecord))


def record_of(line: InvoiceLine, invoice_contract: str) -> LineRecord:
    """Return what the row of `line` must say, on an invoice of `invoice_contract`."""
    values = {name: getattr(line, name) for name in RECORD_FIELDS}
    return LineRecord(**{**values, "contract": line.contract or invoice_contract})


@dataclass(frozen=True, slots=True)
class BilledPeriod:
    """Everything billed so far for one period of a contract, oldest line first.

    `revision` counts the snapshots of the period that were billed: 1 for its own invoice, one more per amendment.
    `earlier_snapshot_ids` are those that were billed before, by revision.
    """

    contract: str
    billing_period: str
    period: Period
    snapshot_id: str
    revision: int
    lines: tuple[LineRecord, ...] = ()
    earlier_snapshot_ids: tuple[str, ...] = ()

    @property
    def plan(self) -> tuple[str, int]:
        """The plan and its version that it was billed by; an empty name if the plan had no items."""
        own = (line for line in self.lines if line.kind is not LineKind.ADJUSTMENT)
        return next(((line.plan, line.plan_version) for line in own), ("", 0))

    @property
    def plans(self) -> Mapping[str, tuple[str, int]]:
        """The plan and its version that each item was billed by; a part of a period has its own."""
        own = (line for line in self.lines if line.kind is not LineKind.ADJUSTMENT)
        return {line.item: (line.plan, line.plan_version) for line in own}

    @property
    def history(self) -> tuple[BilledPeriod, ...]:
        """What was billed at each revision, from the first on."""
        ids = (*self.earlier_snapshot_ids, self.snapshot_id)
        return tuple(
            replace(
                self,
                snapshot_id=snapshot_id,
                revision=revision,
                lines=tuple(line for line in self.lines if line.revision <= revision),
                earlier_snapshot_ids=ids[: revision - 1],
            )
            for revision, snapshot_id in enumerate(ids, start=1)
        )

    @property
    def charged(self) -> Mapping[str, tuple[Decimal, Exact]]:
        """Quantity and exact charge of each item, over all its lines."""
        items = dict.fromkeys(line.item for line in self.lines)
        with exact_arithmetic():
            return {
                item: (sum((line.quantity for line in found), ZERO), found[-1].exact_amount)
                for item in items
                if (found := self.lines_of(item))
            }

    def followed_by(self, snapshot_id: str, lines: Iterable[LineRecord]) -> BilledPeriod:
        """Return what is billed once the next snapshot and its lines are."""
        return replace(
            self,
            snapshot_id=snapshot_id,
            revision=self.revision + 1,
            lines=(*self.lines, *lines),
            earlier_snapshot_ids=(*self.earlier_snapshot_ids, self.snapshot_id),
        )

    def lines_of(self, item: str) -> tuple[LineRecord, ...]:
        """Return the lines that billed `item`."""
        return tuple(line for line in self.lines if line.item == item)
