"""Checks that frozen invoices are as they were."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from chassis.postgres import transaction
from invoicing.domain.audits import Audit, ProblemCode
from invoicing.store import audits as store
from invoicing.store.lost_numbers import lost_numbers

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
        audit = Audit(await store.series_heads(conn, tenant))
    async with aclosing(store.every_invoice(deps.engine, tenant)) as stored:
        async for invoice, rows, made_by, lost in stored:
            audit.check(invoice, rows, made_by, lost)
    async with transaction(deps.engine) as conn:
        audit.found(ProblemCode.INVOICE_MISSING, await store.invoices_gone(conn, tenant))
        audit.found(ProblemCode.SNAPSHOT_DIFFERS, await store.invoices_of_other_snapshots(conn, tenant))
        lost = await lost_numbers(conn, tenant)
    audit.finish(lost)
    return audit
