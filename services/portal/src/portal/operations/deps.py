"""What the use cases work with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.clock import Clock
from portal.domain.catalog import ContractPage, PlanVersion, PlanVersions
from portal.domain.cost import CostAnswer, CostQuestion
from portal.domain.entitlements import Entitled
from portal.domain.figures import HeatMap, UsageFigures
from portal.domain.invoices import Invoice, InvoicePage, Verified
from portal.domain.lines import Derivation, EventPage, MeteredSpan
from portal.domain.meters import Meter
from portal.domain.operators import CustomerPage
from portal.domain.periods import ContractPeriod
from portal.domain.plans import PlanPage, PriceQuestion, PriceQuote
from portal.domain.price_lint import PriceFinding
from portal.domain.revenue import Cut, Revenue
from portal.domain.unbilled import UnbilledPage
from portal.domain.usage import MeterCounts, UsageAnswer, UsageQuestion
from portal.domain.variance import Variance
from portal.operations.remembered import RememberedAnswers, RememberedSessions
from portal.telemetry import Instruments


class Aggregator(Protocol):
    """What the use cases ask of the aggregator, for the customer of the caller."""

    async def meters(self) -> Sequence[Meter]:
        """Return all meters by name."""
        ...

    async def usage(self, customer: str, question: UsageQuestion) -> UsageAnswer:
        """Return usage of one meter."""
        ...

    async def figures(self, customer: str, question: UsageQuestion) -> UsageFigures:
        """Return figures of one meter."""
        ...

    async def heat(self, customer: str, question: UsageQuestion) -> HeatMap:
        """Return the hours of the week of one meter."""
        ...

    async def counts(self, customer: str, start: datetime, end: datetime) -> MeterCounts:
        """Return how many events each meter has counted in a period."""
        ...

    async def metered_events(self, customer: str, span: MeteredSpan, after: str, limit: int) -> EventPage:
        """Return a page of the events that a meter counts now."""
        ...


class Rating(Protocol):
    """What the use cases ask of rating."""

    async def customer_name(self, customer: str) -> str:
        """Return the name of a customer for people. Raises NotFound."""
        ...

    async def periods(self, customer: str) -> Sequence[ContractPeriod]:
        """Return the billing periods of all contracts of a customer that have ended or end within two months."""
        ...

    async def cost(self, question: CostQuestion) -> CostAnswer:
        """Return the cost of one billing period."""
        ...

    async def price_list(self, contract: str, billing_period: str) -> PlanPage:
        """Return the plan that prices a billing period."""
        ...

    async def prices(self, contract: str, billing_period: str, units: Mapping[str, str]) -> PlanPage:
        """Return the plan that prices a period to come; `units` has the unit of each meter."""
        ...

    async def periods_to_come(self, customer: str, contract: str, after: datetime) -> Sequence[ContractPeriod]:
        """Return the periods of a contract that begin after a time and within a year, the next first."""
        ...

    async def quotes(
        self, contract: str, billing_period: str, questions: Sequence[PriceQuestion]
    ) -> Sequence[PriceQuote]:
        """Return what quantities would cost at the prices of a period, which may be one to come."""
        ...

    async def entitlements(self, customer: str) -> Sequence[Entitled]:
        """Return how the features of a customer's plans stand; of one without a contract in force there are none."""
        ...

    async def variance(self, customer: str, billing_period: str, against: str) -> Variance:
        """Return why one period of a customer costs more or less than another."""
        ...

    async def used(self, contract: str, billing_period: str) -> Mapping[str, Decimal]:
        """Return what each meter of a plan has counted in a period."""
        ...


class Invoicing(Protocol):
    """What the use cases ask of invoicing."""

    async def preview(self, contract: str, billing_period: str, *, alone: bool = False) -> Invoice:
        """Return the draft of a period; of a final one its invoice, with what changed since.

        `alone`: without what is adjusted of other periods, and without what changed.
        """
        ...

    async def invoice(self, number: str) -> Invoice:
        """Return an invoice as it was finalized. Raises NotFound."""
        ...

    async def document(self, number: str) -> bytes:
        """Return the text of an invoice as it is stored, whose SHA-256 is its digest. Raises NotFound."""
        ...

    async def invoices(self, customer: str, after: str, limit: int) -> InvoicePage:
        """Return a page of a customer's invoices, the newest first."""
        ...

    async def explain(self, line_id: str) -> Derivation:
        """Return how a line of an invoice came about. Raises NotFound."""
        ...

    async def explain_draft(self, contract: str, billing_period: str, line_id: str) -> Derivation:
        """Return how a line of a draft comes about. Raises NotFound."""
        ...

    async def line_events(self, line_id: str, after: str, limit: int) -> EventPage:
        """Return a page of the events behind a line of an invoice. Raises NotFound."""
        ...

    async def verify_invoice(self, number: str) -> Verified:
        """Compute again what proves an invoice. Raises NotFound."""
        ...

    async def verify_line(self, line_id: str) -> Verified:
        """Count the events behind a line again. Raises NotFound."""
        ...


class Seller(Protocol):
    """What the seller's own pages ask, with the token of whoever looks at them."""

    async def customers(self, words: str, after: str, limit: int) -> CustomerPage:
        """Return a page of customers by key; only those that `words` find, if there are any. Raises InvalidRequest."""
        ...

    async def plans(self, after: str, limit: int) -> PlanVersions:
        """Return a page of plans by name, each with its newest version."""
        ...

    async def plan(self, name: str, version: int) -> PlanVersion:
        """Return a version of a plan. Raises NotFound."""
        ...

    async def price_findings(self) -> Sequence[PriceFinding]:
        """Return what is odd about the prices of the whole catalog, by plan and item."""
        ...

    async def contracts(self, billing_period: str, after: str, limit: int) -> ContractPage:
        """Return a page of contracts by name; only those with a period of that label, if there is one."""
        ...

    async def unbilled(self, after: str, limit: int) -> UnbilledPage:
        """Return a page of usage that no invoice will have; it may be short and not be the last."""
        ...

    async def units(self) -> Mapping[str, str]:
        """Return the unit of each meter."""
        ...

    async def bill(self, contract: str, billing_period: str) -> Invoice:
        """Return the invoice of a period, or its draft. Raises NotFound."""
        ...

    async def revenue(self, first: str, last: str, cut: Cut, after: str, limit: int) -> Revenue:
        """Return a page of the sums of the bills of some months."""
        ...

    async def ended_periods(self, customer: str) -> Sequence[ContractPeriod]:
        """Return the billing periods of a customer that have ended; their time zones are not known."""
        ...

    async def periods_to_end(self, customer: str) -> Sequence[ContractPeriod]:
        """Return the billing periods of a customer that have ended or end within a year; time zones are not known."""
        ...

    async def live_bill(self, customer: str) -> Invoice:
        """Return the draft of the period that runs. Raises NotFound without a contract in force.

        Raises InvalidRequest PERIOD_INVALID where several contracts have one.
        """
        ...

    async def invoices(self, customer: str, after: str, limit: int) -> InvoicePage:
        """Return a page of a customer's invoices, the newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Deps:
    """Made once per process."""

    engine: AsyncEngine
    clock: Clock
    aggregator: Aggregator
    rating: Rating
    invoicing: Invoicing
    seller: Seller
    instruments: Instruments
    sessions: RememberedSessions
    answers: RememberedAnswers
    public_url: str

    def link_of(self, code: str) -> str:
        """Return the address at which a link's code is redeemed."""
        return f"{self.public_url}/l/{code}"
