"""What the seller earns in some months."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from portal.domain.revenue import Cut, Revenue, months_until

if TYPE_CHECKING:
    from portal.operations.deps import Deps

_ROWS_PER_PAGE: Final = 1000


async def get_revenue(deps: Deps, billing_period: str, month_count: int, cut: Cut, after: str) -> Revenue:
    """Return a page of the sums of the invoices of some months, and of the drafts of what is not final in them."""
    months = months_until(billing_period, month_count)
    return await deps.seller.revenue(months[0], months[-1], cut, after, _ROWS_PER_PAGE)
