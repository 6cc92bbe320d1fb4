"""Grants of features that are there: whose they are, and taking them back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from chassis.errors import NotFound, Reason
from chassis.postgres import transaction
from rating.domain.allowance import Revocation
from rating.operations.finding import find_priced_contracts
from rating.store import grants as store

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy.ext.asyncio import AsyncConnection

    from rating.domain.allowance import Grant
    from rating.operations.deps import Deps


async def revoke(deps: Deps, tenant: str, grant_id: str, reason: str) -> Grant:
    """Take a grant back from today on. Raises NotFound."""
    async with transaction(deps.engine) as conn:
        found = await store.find_grant(conn, tenant, grant_id)
        if found is None:
            raise grant_not_found(grant_id)
        today = await _today(deps, conn, tenant, found.customer)
        await store.add_revocation(conn, tenant, grant_id, Revocation(today, reason, deps.clock.now()))
        # As it is now: whoever took it back first has said from when on, and why.
        return await store.find_grant(conn, tenant, grant_id) or found


async def _today(deps: Deps, conn: AsyncConnection, tenant: str, customer: str) -> date:
    """Return the day where the customer's newest contract is: grants are by its days."""
    contracts = (await find_priced_contracts(conn, tenant, [customer])).get(customer, [])
    newest = max(contracts, key=lambda one: one.newest.content.schedule.start, default=None)
    return deps.clock.now().astimezone(ZoneInfo("UTC" if newest is None else newest.zone)).date()


async def customer_of_grant(deps: Deps, tenant: str, grant_id: str) -> str | None:
    """Return whose a grant is; None if there is none."""
    async with transaction(deps.engine) as conn:
        found = await store.find_grant(conn, tenant, grant_id)
    return None if found is None else found.customer


def grant_not_found(grant_id: str) -> NotFound:
    """Return the error for a grant that does not exist."""
    message = f"there is no grant {grant_id!r}; `meterline entitlement grants --customer KEY` lists a customer's"
    return NotFound(Reason.GRANT_NOT_FOUND, message)
