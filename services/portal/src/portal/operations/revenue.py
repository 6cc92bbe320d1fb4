"""What the seller earns in some months."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from chassis.errors import NotFound
from portal.domain.revenue import Cut, Revenue, months_until, revenue_of

if TYPE_CHECKING:
    from portal.domain.invoices import Invoice
    from portal.operations.deps import Deps

_INVOICES_MAX: Final = 10_000
_DRAFTS_MAX: Final = 1000
"""Each draft is one question to invoicing."""
_ASKED_AT_ONCE: Final = 8


async def get_revenue(deps: Deps, billing_period: str, month_count: int, cut: Cut) -> Revenue:
    """Return the sums of the invoices of some months, and of the drafts of what is not final in them."""
    months = months_until(billing_period, month_count)
    invoices, has_all_invoices = await _invoices(deps, months)
    final = {(bill.contract, bill.billing_period) for bill in invoices if bill.kind == "period"}
    drafts, has_all_drafts = await _drafts(deps, months, final)
    return revenue_of([*invoices, *drafts], months, cut, is_whole=has_all_invoices and has_all_drafts)


async def _invoices(deps: Deps, months: tuple[str, ...]) -> tuple[list[Invoice], bool]:
    """Return the invoices of some months, and whether these are all."""
    found: list[Invoice] = []
    after = ""
    while len(found) < _INVOICES_MAX:
        page = await deps.seller.bills(months[0], months[-1], after)
        found.extend(page.invoices)
        after = page.next
        if not after:
            return found, True
    return found, False


async def _drafts(deps: Deps, months: tuple[str, ...], final: set[tuple[str, str]]) -> tuple[list[Invoice], bool]:
    """Return the drafts of some months, and whether these are all."""
    pages = await asyncio.gather(*(deps.seller.contracts(month, "", _DRAFTS_MAX) for month in months))
    wanted = [
        (contract.name, month)
        for month, page in zip(months, pages, strict=True)
        for contract in page.contracts
        if (contract.name, month) not in final
    ]
    turns = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def draft(contract: str, month: str) -> Invoice | None:
        async with turns:
            try:
                return await deps.seller.bill(contract, month)
            except NotFound:
                # The contract was changed between the two questions.
                return None

    found = await asyncio.gather(*(draft(*each) for each in wanted[:_DRAFTS_MAX]))
    is_whole = len(wanted) <= _DRAFTS_MAX and not any(page.next for page in pages)
    return [one for one in found if one is not None], is_whole
