"""Billing periods of a customer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from chassis.errors import NotFound, Reason
from portal.domain.periods import BillingPeriod, ContractPeriod, described, find
from portal.operations.seldom import periods_of

if TYPE_CHECKING:
    from portal.domain.viewers import Viewer
    from portal.operations.deps import Deps

_INVOICES_PER_PAGE: Final = 100


async def list_periods(deps: Deps, viewer: Viewer) -> tuple[BillingPeriod, ...]:
    """Return the periods of a customer that have begun, the newest first."""
    periods, numbers = await asyncio.gather(periods_of(deps, viewer), invoice_numbers(deps, viewer))
    return described(periods, numbers, deps.clock.now())


async def invoice_numbers(deps: Deps, viewer: Viewer) -> Mapping[tuple[str, str], str]:
    """Return the number of each invoice of a customer by contract and label; closing invoices are left out."""
    found: dict[tuple[str, str], str] = {}
    after = ""
    while True:
        page = await deps.invoicing.invoices(viewer.customer, after, _INVOICES_PER_PAGE)
        for listed in page.invoices:
            if listed.summary.kind == "period":
                found[listed.contract, listed.summary.billing_period] = listed.summary.number
        if not page.next:
            return found
        after = page.next


async def period_of(deps: Deps, viewer: Viewer, billing_period: str) -> ContractPeriod:
    """Return the period with a label, or the newest that has begun. Raises NotFound."""
    return found_in(await periods_of(deps, viewer), billing_period, deps)


def found_in(periods: Sequence[ContractPeriod], billing_period: str, deps: Deps) -> ContractPeriod:
    """Return the period with a label among some, or the newest that has begun. Raises NotFound."""
    found = find(periods, billing_period, deps.clock.now())
    if found is None:
        named = f"no billing period {billing_period!r}" if billing_period else "no billing period yet"
        raise NotFound(Reason.CONTRACT_NOT_FOUND, f"there is {named}; choose one from the list of periods")
    return found
