"""What a look at the database sees of all that changed since the last one: for totals that are kept in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aggregator.domain.paging import month_of
from aggregator.store.windows.payload import from_bytes
from eventlog.log.epochs import EPOCH

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from aggregator.domain.windows import Windows
    from eventlog.period import Period

_END: Final = f"SELECT position, CAST({EPOCH} AS text) AS epoch FROM lane_head WHERE lane = 0"  # noqa: S608
_SINCE: Final = """
    SELECT first_position, tenant, payload FROM segment WHERE lane = 0 AND first_position > $1
    ORDER BY first_position LIMIT $2
"""
_FILLING: Final = """
    SELECT DISTINCT m.tenant, m.name FROM meter_fill AS f JOIN meter AS m USING (meter_id)
    WHERE NOT EXISTS (SELECT FROM meter_pending AS p WHERE p.meter_id = f.meter_id)
"""
_ADDED: Final = """
    SELECT meter_id, run_id, payload FROM window_page
    WHERE meter_id = ANY($1::integer[]) AND level = 0 AND run_id = ANY($2::bigint[])
    ORDER BY page_id
"""
_MERGED: Final = """
    SELECT meter_id, max(run_id) AS run_id FROM window_page
    WHERE meter_id = ANY($1::integer[]) AND level > 0 GROUP BY meter_id
"""
_OF_CUSTOMER: Final = """
    SELECT meter_id, payload FROM window_page
    WHERE meter_id = ANY($1::integer[]) AND month BETWEEN $2 AND $3 AND $4 BETWEEN first_customer AND last_customer
    ORDER BY page_id
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A segment of the change feed, packed."""

    position: int
    tenant: str
    payload: bytes


async def feed_end(driver: Any) -> tuple[str, int]:
    """Return the epoch of the change feed, and where it ends."""
    row = await driver.fetchrow(_END)
    return row["epoch"], row["position"]


async def changes_since(driver: Any, position: int, limit: int) -> list[Change]:
    """Return what came after a position of the change feed."""
    rows = await driver.fetch(_SINCE, position, limit)
    return [Change(row["first_position"], row["tenant"], row["payload"]) for row in rows]


async def filling(driver: Any) -> set[tuple[str, str]]:
    """Return the meters that are being filled, as tenant and name."""
    return {(row["tenant"], row["name"]) for row in await driver.fetch(_FILLING)}


async def added_pages(
    driver: Any, meter_ids: Sequence[int], flush_ids: Sequence[int], customers: Collection[str]
) -> dict[tuple[int, int], list[Windows]]:
    """Return by version of a meter and batch what batches added, as far as nothing was merged yet."""
    found: dict[tuple[int, int], list[Windows]] = {}
    for row in await driver.fetch(_ADDED, list(meter_ids), list(flush_ids)):
        windows = from_bytes(row["payload"], customers)
        found.setdefault((row["meter_id"], row["run_id"]), []).append(windows)
    return found


async def merged_up_to(driver: Any, meter_ids: Sequence[int]) -> Mapping[int, int]:
    """Return by version of a meter up to which batch some may have been merged."""
    return {row["meter_id"]: row["run_id"] for row in await driver.fetch(_MERGED, list(meter_ids))}


async def pages_of_customer(
    driver: Any, meter_ids: Sequence[int], period: Period, customer: str
) -> dict[int, list[Windows]]:
    """Return the pages of a period in which a customer may be, by versions of meters, cut to the customer's windows."""
    months = month_of(period.start_us), month_of(period.end_us - 1)
    found: dict[int, list[Windows]] = {}
    for row in await driver.fetch(_OF_CUSTOMER, list(meter_ids), *months, customer):
        found.setdefault(row["meter_id"], []).append(from_bytes(row["payload"], frozenset([customer])))
    return found
