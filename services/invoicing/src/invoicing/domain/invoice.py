"""The invoice and its lines: frozen values, no rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from eventlog.as_of import AsOf
from eventlog.period import Period

GENESIS_CHAIN: Final = bytes(32)
"""Chain hash before the first invoice of a series."""


class LineKind(StrEnum):
    """What a line is for; the names are those of the contract, without its prefix."""

    USAGE = "USAGE"
    FIXED = "FIXED"
    ADJUSTMENT = "ADJUSTMENT"


@dataclass(frozen=True, slots=True)
class Tier:
    """A row of the price model; decimals as text, as rating wrote them."""

    up_to: str
    quantity: str
    unit: str
    flat: str
    amount: str


@dataclass(frozen=True, slots=True)
class Charge:
    """What rating says that one plan item costs, exactly."""

    id: str
    item: str
    kind: LineKind
    meter: str
    unit: str
    plan: str
    plan_version: int
    quantity: Decimal
    exact_amount: Decimal
    tiers: tuple[Tier, ...]
    snapshot_id: str
    event_count: int
    traceparent: str


@dataclass(frozen=True, slots=True)
class Rated:
    """The charges of one contract and billing period, with whom and what they are for."""

    contract: str
    customer: str
    customer_name: str
    currency: str
    time_zone: str
    billing_period: str
    period: Period
    snapshot_id: str
    as_of: AsOf
    charges: tuple[Charge, ...]


@dataclass(frozen=True, slots=True)
class BillingProfile:
    """Who sends the invoices, and by which rules. Version 0 is the default that holds until one is applied."""

    version: int
    seller: str
    number_prefix: str
    grace: timedelta
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A line before it has a number: everything that is decided about it.

    `revision` is that of its service period: 1 on the period's own invoice, more for an adjustment. Quantity, amount
    and event count of an adjustment are changes; exact amount and tiers are of the whole period as it is now.
    """

    kind: LineKind
    item: str
    meter: str
    unit: str
    quantity: Decimal
    amount: Decimal
    exact_amount: Decimal
    tiers: tuple[Tier, ...]
    period: Period
    billing_period: str
    charge_id: str
    snapshot_id: str
    plan: str
    plan_version: int
    event_count: int
    charge_traceparent: str
    revision: int = 1
    adjusts_line_id: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceDraft:
    """An invoice before it has a number."""

    customer: str
    customer_name: str
    seller: str
    contract: str
    currency: str
    period: Period
    billing_period: str
    time_zone: str
    lines: tuple[DraftLine, ...]
    total: Decimal
    as_of: AsOf


@dataclass(frozen=True, slots=True)
class IssuedLine:
    """A line with its identity and the span that wrote it."""

    id: str
    ordinal: int
    line: DraftLine
    traceparent: str


@dataclass(frozen=True, slots=True)
class IssuedInvoice:
    """A final invoice: numbered, with the text that was frozen and its place in the chain."""

    number: str
    prefix: str
    sequence: int
    draft: InvoiceDraft
    lines: tuple[IssuedLine, ...]
    finalized_at: datetime
    canonical_json: bytes
    digest: bytes
    previous_chain: bytes
    chain: bytes


@dataclass(frozen=True, slots=True)
class BilledLine:
    """What an earlier invoice billed for one item of one period; the base of an adjustment."""

    line_id: str
    kind: LineKind
    item: str
    quantity: Decimal
    amount: Decimal
    event_count: int
    plan: str
    plan_version: int


@dataclass(frozen=True, slots=True)
class BilledPeriod:
    """Everything billed so far for one period of a contract, oldest line first.

    `revision` counts the snapshots of the period that were billed: 1 for its own invoice, one more an amendment.
    """

    billing_period: str
    period: Period
    snapshot_id: str
    revision: int
    lines: tuple[BilledLine, ...] = ()
