"""What the use cases work with."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.clock import Clock
from chassis.rpc.pages import Page
from invoicing.domain.accounts import DuePeriod
from invoicing.domain.charges import Rated
from invoicing.domain.line_checks import Evidence
from invoicing.domain.lines import BilledPeriod
from invoicing.telemetry import Instruments

HandedThrough = Any
"""What rating explains to whoever asked us: nobody between the two looks into it."""


@dataclass(frozen=True, slots=True)
class ItemPrice:
    """A plan item with its price as rating tells it, None if there is none; and of which plan and version."""

    version: tuple[str, int]
    item: HandedThrough


class Rating(Protocol):
    """What the use cases ask of rating."""

    async def rate(
        self,
        contract: str,
        billing_period: str,
        grace: timedelta,
        *,
        amends_snapshot_id: str = "",
        billed: BilledPeriod | None = None,
    ) -> Rated:
        """Seal and rate a period; with `amends_snapshot_id`, what changed since that snapshot.

        `billed` says how that one was billed: if its charges were lost, they are rated again.
        """
        ...

    async def live_charges(self, *, contract: str = "", customer: str = "", billing_period: str = "") -> Rated:
        """Return the charges of a period as usage is now; by contract, or by customer and the contract in force."""
        ...

    async def live_charges_of_periods(self, customer: str, periods: Sequence[tuple[str, str]]) -> Sequence[Rated]:
        """Return the same of several periods of a customer, each by contract and label, in their order."""
        ...

    async def told_charges(
        self, *, contract: str = "", customer: str = "", billing_period: str = ""
    ) -> tuple[Rated, Mapping[str, HandedThrough]]:
        """Return the same, and each charge by its item as rating tells it."""
        ...

    async def price_of(self, contract: str, billing_period: str, item: str, day: date) -> ItemPrice:
        """Return the price of a plan item in a period."""
        ...

    async def evidence(self, charge_id: str) -> Evidence:
        """Return what rating proves of a frozen charge. Raises NotFound, and Diverged if it can't be proven."""
        ...

    async def due_periods(self, customer: str, from_billing_period: str, within_days: int) -> Sequence[DuePeriod]:
        """Return periods of all contracts of a customer, by their end: from a label on, if they end that soon."""
        ...

    async def periods_of_month(self, month: str, after: str, limit: int) -> Page[tuple[str, str]]:
        """Return the periods of a page of contracts that belong to a month, each by contract and label."""
        ...

    async def customer_of_contract(self, contract: str) -> str:
        """Return the customer of a contract. Raises NotFound also if the caller acts for another customer."""
        ...

    async def explain(self, charge_id: str, page_size: int, page_token: str) -> HandedThrough:
        """Return the derivation of a charge, with a page of its windows."""
        ...

    def events(
        self, charge_id: str, *, only_amendment: bool, after: HandedThrough, limit: int, meter: str = ""
    ) -> AsyncGenerator[Sequence[HandedThrough], None]:
        """Yield the events behind a charge, page by page; those after a place in the log, unless that is None.

        `meter` is another one than its own that the formula of the charge reads.
        """
        ...

    async def count_events(self, charge_id: str, *, only_amendment: bool) -> int:
        """Return how many events are behind a charge; one that takes an event back counts as one less.

        Raises NotFound, Diverged: at the end of the list its maker has compared what the events say.
        """
        ...


@dataclass(frozen=True, slots=True)
class Deps:
    """Made once per process."""

    engine: AsyncEngine
    clock: Clock
    rating: Rating
    instruments: Instruments
