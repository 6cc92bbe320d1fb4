"""The seller's own pages: everything is asked for with the token of whoever looks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from chassis.errors import InvalidRequest, NotFound, Reason
from portal.domain.invoices import together
from portal.domain.operators import (
    CustomerList,
    CustomerRow,
    KnownCustomer,
    SessionList,
    flags_of,
    session_row,
)
from portal.domain.periods import find
from portal.operations.invoices import summary_of_draft
from portal.operations.sessions import list_sessions

if TYPE_CHECKING:
    from datetime import datetime

    from portal.domain.invoices import Invoice
    from portal.operations.deps import Deps

_CUSTOMERS_PER_PAGE: Final = 25
_ASKED_AT_ONCE: Final = 8
_TREND_INVOICES: Final = 12


async def list_customers(deps: Deps, after: str, words: str) -> CustomerList:
    """Return a page of customers with their live bills and their last invoices.

    With `words`, only those whose key and name have words that begin with them. Raises InvalidRequest.
    """
    page = await deps.seller.customers(words, after, _CUSTOMERS_PER_PAGE)
    turns = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def described(customer: KnownCustomer) -> CustomerRow:
        async with turns:
            (live, is_in_force), invoices = await asyncio.gather(
                _live(deps, customer.key), deps.seller.invoices(customer.key, "", _TREND_INVOICES)
            )
        listed = [one.summary for one in invoices.invoices]
        last = listed[0] if listed else None
        return CustomerRow(
            key=customer.key,
            name=customer.name,
            currency=customer.currency,
            live=None if live is None else summary_of_draft(live),
            last_invoice=last,
            trend=tuple(one.total for one in reversed(listed)),
            complete_until=None if live is None else live.complete_until,
            flags=flags_of(live, last, is_in_force=is_in_force),
        )

    rows = await asyncio.gather(*map(described, page.customers))
    return CustomerList(customers=tuple(rows), next=page.next or None)


async def list_open_sessions(
    deps: Deps, tenant: str, customer: str, after: tuple[datetime, str] | None, limit: int, *, ended: bool
) -> SessionList:
    """Return a page of sessions; only those that have not ended, unless `ended`."""
    page = await list_sessions(deps, tenant, customer, after, limit, ended=ended)
    now = deps.clock.now()
    return SessionList(
        sessions=tuple(session_row(session, now) for session in page.entries), next=page.next_page_token or None
    )


async def _live_of_all(deps: Deps, customer: str) -> Invoice | None:
    """Return the drafts of all contracts in force as one."""
    now = deps.clock.now()
    running = [one for one in await deps.seller.periods_to_end(customer) if one.start <= now < one.end]
    bills = await asyncio.gather(*(deps.seller.bill(one.contract, one.billing_period) for one in running))
    return together(bills) if bills else None


async def _live(deps: Deps, customer: str) -> tuple[Invoice | None, bool]:
    """Return the live bill of a customer, and whether a contract is in force.

    Without one it is the draft of the last period, unless that is final; of several contracts, what they come to.
    """
    try:
        return await deps.seller.live_bill(customer), True
    except InvalidRequest as error:
        if error.reason is not Reason.PERIOD_INVALID:
            raise
        return await _live_of_all(deps, customer), True
    except NotFound:
        last = find(await deps.seller.ended_periods(customer), "", deps.clock.now())
    if last is None:
        return None, False
    bill = await deps.seller.bill(last.contract, last.billing_period)
    return (bill if bill.status == "draft" else None), False
