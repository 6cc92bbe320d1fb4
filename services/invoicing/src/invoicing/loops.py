"""Background work: checks every frozen invoice again and again, so that no change of one stays unseen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chassis.logs import get_logger
from chassis.loops import Loop
from chassis.tasks import wait_or_stop
from invoicing.operations import audits

if TYPE_CHECKING:
    from invoicing.operations.deps import Deps

_log = get_logger(__name__)


class Verifier:
    """Checks digests, chains and numbers at start and then at intervals; reports by log and metric.

    It never makes the service unready: invoices that were tampered with are no reason to stop billing the others.
    """

    def __init__(self, deps: Deps, interval_s: float) -> None:
        self._deps = deps
        self._interval_s = interval_s

    async def run(self, stop: asyncio.Event) -> None:
        """Check until told to stop."""
        while not stop.is_set():
            await self.check_all()
            await wait_or_stop(self._interval_s, stop, self._deps.clock.sleep)

    async def check_all(self) -> None:
        """Check the invoices of all tenants once."""
        invoices = problems = 0
        for tenant in await audits.list_tenants(self._deps):
            audit = await audits.verify_invoices(self._deps, tenant)
            invoices += audit.invoice_count
            problems += audit.problem_count
            if audit.problems:
                # The runbook begins with this line; VerifyInvoices returns the whole list.
                first = [f"{problem.subject}: {problem.code}" for problem in audit.problems[:10]]
                _log.error("frozen invoices are not as they were", tenant=tenant, problems=first)
        self._deps.instruments.verified(invoices=invoices, problems=problems)


def loops(deps: Deps, verify_interval_s: float) -> tuple[Loop, ...]:
    """Return the background loops of the service."""
    return (Loop("verify invoices", Verifier(deps, verify_interval_s).run),)
