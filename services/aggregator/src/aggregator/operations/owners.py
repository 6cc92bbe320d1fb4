"""Whose an object is: what the server asks before a caller who acts for one customer sees it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aggregator.operations.finding import snapshot_not_found
from aggregator.store.seals import customer_of_snapshot
from chassis.postgres import transaction
from chassis.rpc.binding import OwnedKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aggregator.operations.deps import Deps


def owners(deps: Deps) -> Mapping[str, OwnedKind]:
    """Return how to find the customer of each kind of object."""
    return {"snapshot": OwnedKind(partial(_customer_of_snapshot, deps), snapshot_not_found)}


async def _customer_of_snapshot(deps: Deps, tenant: str, snapshot_id: str) -> str | None:
    async with transaction(deps.engine) as conn:
        return await customer_of_snapshot(conn, tenant, snapshot_id)
