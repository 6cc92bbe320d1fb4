"""Whether a line follows from its charge, the charge from its evidence, and the events are those that were billed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from invoicing.domain.audits import Problem, ProblemCode
from invoicing.domain.charges import Charge
from invoicing.domain.document import InvoiceLine, LineKind
from money import ZERO, Currency, exact_arithmetic, round_to_minor_unit


@dataclass(frozen=True, slots=True)
class Evidence:
    """What rating proves of a charge; the digest is that of its snapshot, empty for a fee."""

    charge: Charge
    snapshot_digest: bytes


@dataclass(frozen=True, slots=True)
class CheckedLine:
    """What the check of a line found. `quantity` is that of the whole service period; None: the charge is not proven.

    `event_count` events were counted again.
    """

    problems: tuple[Problem, ...]
    checked_at: datetime
    event_count: int = 0
    quantity: Decimal | None = None
    snapshot_digest: bytes = b""


def check_line(line: InvoiceLine, charge: Charge, unit: Currency) -> Iterator[Problem]:
    """Yield what is wrong between a line, its charge and its amount."""
    if _billed(line) != _charged(charge, line.kind):
        yield Problem(ProblemCode.CHARGE_DIFFERS, line.id)
    with exact_arithmetic():
        billed = line.amount + (line.billed_before or ZERO)
    if billed != round_to_minor_unit(line.exact_amount, unit):
        yield Problem(ProblemCode.AMOUNT_DIFFERS, line.id)


def check_events(line: InvoiceLine, event_count: int) -> Iterator[Problem]:
    """Yield a problem if the events that were counted again are not as many as were billed."""
    if event_count != line.event_count:
        yield Problem(ProblemCode.EVENTS_DIFFER, line.id, expected=line.event_count, found=event_count)


def _billed(line: InvoiceLine) -> tuple[object, ...]:
    same = (line.item, line.meter, line.plan, line.plan_version, line.exact_amount, line.snapshot_id)
    # The quantity and the events of an adjustment are changes.
    return same if line.kind is LineKind.ADJUSTMENT else (*same, line.quantity, line.event_count)


def _charged(charge: Charge, kind: LineKind) -> tuple[object, ...]:
    same = (charge.item, charge.meter, charge.plan, charge.plan_version, charge.exact_amount, charge.snapshot_id)
    return same if kind is LineKind.ADJUSTMENT else (*same, charge.quantity, charge.event_count)
