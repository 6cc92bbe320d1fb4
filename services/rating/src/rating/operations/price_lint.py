"""What is odd about the prices of a catalog, applied or only written down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from chassis.postgres import transaction
from rating.domain.catalogs import CatalogEntry
from rating.domain.meters import KnownMeter
from rating.domain.plans import Plan
from rating.domain.price_lint import Finding, lint_currencies, lint_meters, lint_plan
from rating.operations.deps import Deps
from rating.operations.finding import find_plan
from rating.operations.plans import all_plans, drafted_plans
from rating.store.customers import currencies_of_customers


@dataclass(frozen=True, slots=True)
class LintQuestion:
    """Which plans: those named, and those written down in `entries`; without any, all of the catalog.

    `meters` are names of meters that are only written down.
    """

    plans: Sequence[str]
    entries: Sequence[CatalogEntry]
    meters: Sequence[str]

    @property
    def is_all(self) -> bool:
        """Whether the whole catalog is looked at."""
        return not self.plans and not self.entries and not self.meters


async def lint_plans(deps: Deps, tenant: str, question: LintQuestion) -> list[Finding]:
    """Return what is odd, plan by plan. Raises NotFound for a plan or a product that there is not."""
    async with transaction(deps.engine) as conn:
        applied = await all_plans(conn, tenant)
        drafts = await drafted_plans(conn, tenant, question.entries)
        named = {name: (await find_plan(conn, tenant, name, 0)).content for name in question.plans}
        currencies = await currencies_of_customers(conn, tenant) if question.is_all else set()
    there = await deps.aggregator.meters()
    meters = {name: KnownMeter("") for name in question.meters} | dict(there)
    looked_at = applied if question.is_all else named | drafts
    # Thousands of tiers would hold up every other call.
    found = await asyncio.to_thread(_lint_all, looked_at, meters)
    every = list((applied | drafts).values())
    unused = there if question.is_all else question.meters
    return [*found, *lint_meters(unused, every, meters), *lint_currencies(currencies, every)]


def _lint_all(plans: dict[str, Plan], meters: dict[str, KnownMeter]) -> list[Finding]:
    return [finding for name, plan in plans.items() for finding in lint_plan(name, plan, meters)]
