"""Usage that no invoice will have: found anew for each question, from usage and catalog as they are now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from chassis.identity import acting_for
from chassis.postgres import transaction
from rating.domain.unbilled import (
    Place,
    SuspectSpan,
    UnbilledFilter,
    UnbilledPage,
    UnbilledReason,
    UnbilledUsage,
    UsageExtent,
    suspect_spans,
)
from rating.operations.deps import Deps, HandedThrough
from rating.operations.finding import find_priced_contracts
from rating.store import unbilled as store
from rating.store.customers import CUSTOMERS

_CUSTOMERS_AT_FIRST: Final = 10
"""Few, so that little is found beyond the end of a page; then twice as many each time."""
_CUSTOMERS_AT_ONCE: Final = 200
_CUSTOMERS_MAX: Final = 2_000
"""Most customers that one call looks at, so that it ends in time however few of them have anything to list."""
_SPANS_AT_ONCE: Final = 10_000
_COUNTED_AT_ONCE: Final = 1_000


async def list_unbilled(
    deps: Deps, tenant: str, wanted: UnbilledFilter, after: Place | None, limit: int, freshness: HandedThrough
) -> UnbilledPage:
    """Return a page of the list. Raises DeadlineExceeded while usage is not as fresh as asked."""
    place: Place = after or ("", "", "", "", "")
    at_once = looked_at = _CUSTOMERS_AT_FIRST
    extents = await deps.aggregator.extents(
        wanted.customers, wanted.meter, from_customer=place[0], customers_max=at_once, freshness=freshness
    )
    as_of, filled = extents.as_of, extents.filled
    rows = [] if place[0] else await _without_meter(deps, wanted)
    while True:
        rows += await _of_customers(deps, tenant, wanted, extents.extents)
        rows = [row for row in rows if row.place > place]
        following = "" if wanted.reason is UnbilledReason.NO_METER else extents.next_customer
        if len(rows) > limit:
            return UnbilledPage(rows[:limit], rows[limit - 1].place, as_of, filled)
        if not following or looked_at >= _CUSTOMERS_MAX:
            return UnbilledPage(rows, (following, "", "", "", "") if following else None, as_of, filled)
        at_once = min(2 * at_once, _CUSTOMERS_AT_ONCE)
        looked_at += at_once
        extents = await deps.aggregator.extents(
            wanted.customers, wanted.meter, from_customer=following, customers_max=at_once
        )


async def tenants_with_usage(deps: Deps) -> list[str]:
    """Return the tenants that have usage."""
    async with transaction(deps.engine) as conn:
        return await store.usage_tenants(conn)


async def count_unbilled(deps: Deps, tenant: str) -> Counter[UnbilledReason]:
    """Count the events of a tenant that no invoice will have by reason, each once for every meter that counts it."""
    counts: Counter[UnbilledReason] = Counter()
    after: Place | None = None
    with acting_for(tenant):
        while True:
            page = await list_unbilled(deps, tenant, UnbilledFilter(), after, _COUNTED_AT_ONCE, None)
            for row in page.rows:
                counts[row.reason] += row.event_count
            if page.after is None:
                return counts
            after = page.after


async def _without_meter(deps: Deps, wanted: UnbilledFilter) -> list[UnbilledUsage]:
    if not wanted.wants_unmatched:
        return []
    found = await deps.aggregator.unmatched(wanted.period)
    return sorted(found, key=lambda row: row.place)


async def _of_customers(
    deps: Deps, tenant: str, wanted: UnbilledFilter, extents: Sequence[UsageExtent]
) -> list[UnbilledUsage]:
    """Return the rows of some customers, all of whose extents are given, ordered by customer."""
    names = list(dict.fromkeys(extent.customer for extent in extents))
    meters = await deps.aggregator.described_meters(names[0]) if names else {}
    async with transaction(deps.engine) as conn:
        known = await CUSTOMERS.names_in(conn, tenant, names)
        contracts = await find_priced_contracts(conn, tenant, names, meters)
    spans: list[SuspectSpan] = []
    for customer, own in groupby(extents, key=lambda extent: extent.customer):
        nobody = UnbilledReason.NO_CONTRACT if customer in known else UnbilledReason.UNKNOWN_CUSTOMER
        spans += suspect_spans(list(own), contracts.get(customer, []), nobody, wanted)
    rows: list[UnbilledUsage] = []
    for first in range(0, len(spans), _SPANS_AT_ONCE):
        rows += await deps.aggregator.unbilled_in(spans[first : first + _SPANS_AT_ONCE])
    return sorted((row for row in rows if wanted.wants(row.reason)), key=lambda row: row.place)
