"""What rating says that a contract's billing period costs, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from eventlog.as_of import AsOf
from eventlog.period import Period
from invoicing.domain.document import LineKind, Tier
from money import Exact


@dataclass(frozen=True, slots=True)
class Charge:
    """What one plan item costs; the traceparent is that of the span that rated it."""

    id: str
    item: str
    kind: LineKind
    meter: str
    unit: str
    plan: str
    plan_version: int
    quantity: Decimal
    exact_amount: Exact
    tiers: tuple[Tier, ...]
    snapshot_id: str
    event_count: int
    traceparent: str
    priced_quantity: Exact | None = None
    """What is priced of the quantity, where that is another one."""
    period: Period | None = None
    """The part of the period that it is of, where a plan change cut it; None: all of it."""
    in_advance: bool = False
    """Whether it is of the period that follows, or takes off what was billed of its own one before."""


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
