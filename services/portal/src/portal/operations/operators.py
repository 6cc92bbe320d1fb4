"""The seller's own pages: everything is asked for with the token of whoever looks."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Final

from chassis.errors import NotFound
from portal.domain.operators import CustomerList, CustomerRow, KnownCustomer, SessionList, session_row
from portal.operations.invoices import summary_of_draft
from portal.operations.sessions import list_sessions

if TYPE_CHECKING:
    from portal.domain.invoices import DraftSummary
    from portal.operations.deps import Deps

_CUSTOMERS_PER_PAGE: Final = 25
_ASKED_AT_ONCE: Final = 8


async def list_customers(deps: Deps, after: str) -> CustomerList:
    """Return a page of customers with their live bills and their last invoices."""
    page = await deps.seller.customers(after, _CUSTOMERS_PER_PAGE)
    turns = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def described(customer: KnownCustomer) -> CustomerRow:
        async with turns:
            live, invoices = await asyncio.gather(_live(deps, customer.key), deps.seller.invoices(customer.key, "", 1))
        last = invoices.invoices[0].summary if invoices.invoices else None
        return CustomerRow(
            key=customer.key, name=customer.name, currency=customer.currency, live=live, last_invoice=last
        )

    rows = await asyncio.gather(*map(described, page.customers))
    return CustomerList(customers=tuple(rows), next=page.next or None)


async def list_open_sessions(
    deps: Deps, tenant: str, customer: str, after: tuple[datetime, str] | None, limit: int
) -> SessionList:
    """Return a page of sessions that have not ended."""
    page = await list_sessions(deps, tenant, customer, after, limit, ended=False)
    return SessionList(sessions=tuple(map(session_row, page.entries)), next=page.next_page_token or None)


async def _live(deps: Deps, customer: str) -> DraftSummary | None:
    """Return the live bill of a customer; nothing without a contract in force."""
    try:
        return summary_of_draft(await deps.seller.live_bill(customer))
    except NotFound:
        return None
