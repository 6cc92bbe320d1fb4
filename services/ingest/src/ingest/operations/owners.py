"""Whose an object is: what the server asks before a caller who acts for one customer sees it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from chassis.errors import NotFound
from chassis.rpc.binding import OwnedKind
from ingest.domain.corrections import Identity
from ingest.operations.events import event_not_found, get_event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.operations.deps import Deps


def owners(deps: Deps) -> Mapping[str, OwnedKind]:
    """Return how to find the customer of each kind of object."""
    return {"event": OwnedKind(partial(_customer_of_event, deps), event_not_found)}


async def _customer_of_event(deps: Deps, tenant: str, source: str, event_id: str) -> str | None:
    try:
        history = await get_event(deps, tenant, Identity(source, event_id))
    except NotFound:
        return None
    pages = (history.original, *history.corrections)
    customers = {page.events.text("customer").texts(page.rows)[0] for page in pages}
    # One that was moved from one customer to another shows both, so neither may see it whole.
    return customers.pop() if len(customers) == 1 else None
