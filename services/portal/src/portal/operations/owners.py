"""Whose an object is: what the server asks before a caller who acts for one customer sees it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from chassis.postgres import transaction
from chassis.rpc.binding import OwnedKind
from portal.operations.sessions import session_not_found
from portal.store.sessions import customer_of_session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portal.operations.deps import Deps


def owners(deps: Deps) -> Mapping[str, OwnedKind]:
    """Return how to find the customer of each kind of object."""
    return {"session": OwnedKind(partial(_customer_of_session, deps), session_not_found)}


async def _customer_of_session(deps: Deps, tenant: str, session_id: str) -> str | None:
    async with transaction(deps.engine) as conn:
        return await customer_of_session(conn, tenant, session_id)
