"""Checks that frozen invoices are as they were."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from chassis.postgres import transaction
from invoicing.domain.audits import Audit
from invoicing.domain.profiles import default_profile
from invoicing.store import audits as store
from invoicing.store import profiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from invoicing.operations.deps import Deps


async def list_tenants(deps: Deps) -> Sequence[str]:
    """Return every tenant that has invoices; for the check in the background."""
    async with transaction(deps.engine) as conn:
        return await store.tenants(conn)


async def verify_invoices(deps: Deps, tenant: str) -> Audit:
    """Check all invoices of a tenant against their digests, their chains, their numbers and their rows."""
    async with transaction(deps.engine) as conn:
        # Before the invoices: those made final in the meantime lie beyond and are checked like the others.
        made_by = {profile.version: profile for profile in await profiles.every_profile(conn, tenant)}
        audit = Audit(await store.series_heads(conn, tenant), {0: default_profile(tenant), **made_by})
    async with aclosing(store.every_invoice(deps.engine, tenant)) as stored:
        async for invoice, rows in stored:
            audit.check(invoice, rows)
    async with transaction(deps.engine) as conn:
        audit.miss(await store.invoices_gone(conn, tenant))
    audit.finish()
    return audit
