"""What is odd about the prices of the catalog, for the seller's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from portal.domain.price_lint import PriceFindings, worst_first

if TYPE_CHECKING:
    from portal.operations.deps import Deps

_FINDINGS_MAX: Final = 200
"""Nobody reads more at once; `meterline price lint` tells all."""


async def lint_catalog(deps: Deps) -> PriceFindings:
    """Return the worst of what is odd about the whole catalog, and how much that is in all."""
    return worst_first(await deps.seller.price_findings(), _FINDINGS_MAX)
