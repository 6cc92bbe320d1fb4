"""Which usage changed, gathered per customer and meter: what the change feed tells those who follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aggregator.domain.windows import spans_by_customer
from eventlog.instants import microseconds_of

if TYPE_CHECKING:
    from datetime import datetime

    from aggregator.domain.folds import MeterFold
    from aggregator.domain.meters import MeterVersion

ANY_METER: Final = ""
"""Stands for all meters of a customer where naming each would take too much."""
KEYS_MAX: Final = 20_000
"""Changes of one tenant and transaction that are told by meter; more are told by customer, to bound memory."""


@dataclass(frozen=True, slots=True, order=True)
class ChangeKey:
    """A customer and a meter, by name: which version counted is of no interest to others."""

    customer: str
    meter: str


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time [start_us, end_us) that covers every window that changed."""

    start_us: int
    end_us: int

    def joined(self, other: Span) -> Span:
        """Return the span that covers both."""
        return Span(min(self.start_us, other.start_us), max(self.end_us, other.end_us))


class Changes:
    """Changes of one transaction, by tenant. `flush_id` is the batch that added them; 0 where usage was taken away."""

    def __init__(self) -> None:
        self.flush_id = 0
        self.by_tenant: dict[str, dict[ChangeKey, Span]] = {}
        self._without_meters: set[str] = set()

    def add(self, tenant: str, key: ChangeKey, span: Span) -> None:
        """Note that windows in a span changed."""
        known = self.by_tenant.setdefault(tenant, {})
        if tenant in self._without_meters:
            key = ChangeKey(key.customer, ANY_METER)
        before = known.get(key)
        known[key] = span if before is None else before.joined(span)
        if len(known) > KEYS_MAX and tenant not in self._without_meters:
            self._without_meters.add(tenant)
            self.by_tenant[tenant] = {}
            for named, changed in known.items():
                self.add(tenant, named, changed)

    def add_fold(self, fold: MeterFold, now: datetime) -> None:
        """Note all windows that a batch touches of one meter, and those into which its events reach."""
        version = fold.meter.version
        for customer, first_us, last_us in spans_by_customer(fold.windows):
            self.add_windows(version, customer, first_us, last_us, now)

    def add_windows(self, version: MeterVersion, customer: str, first_us: int, last_us: int, now: datetime) -> None:
        """Note that windows of a customer changed, given by the first and the last start.

        What the events of a window reach into changes too, up to now: what is later is not asked for yet.
        """
        end_us = last_us + version.spec.bucket_us
        reach_us = min(end_us + version.spec.lookback_us, microseconds_of(now))
        self.add(version.tenant, ChangeKey(customer, version.name), Span(first_us, max(end_us, reach_us)))
