"""Background work: checks every frozen invoice again and again, so that no change of one stays unseen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chassis.logs import get_logger
from chassis.loops import Loop
from invoicing import operations

if TYPE_CHECKING:
    from invoicing.operations import Deps

_log = get_logger(__name__)


class Verifier:
    """Checks digests, chains and numbers at start and then at intervals; reports by log and metric.

    It never makes the service unready: invoices that were tampered with are no reason to stop billing the others.
    """

    def __init__(self, deps: Deps, interval_s: float) -> None:
        self._deps = deps
        self._interval_s = interval_s

    def loop(self) -> Loop:
        """Give the loop for the supervisor."""
        return Loop("verify invoices", self.run)

    async def run(self, stop: asyncio.Event) -> None:
        """Check until told to stop."""
        while not stop.is_set():
            await self.check_all()
            await self._pause(stop)

    async def check_all(self) -> None:
        """Check the invoices of all tenants once."""
        invoices = problems = 0
        for tenant in await operations.tenants(self._deps):
            audit = await operations.verify(self._deps, tenant)
            invoices += audit.invoice_count
            problems += audit.problem_count
            if audit.problems:
                # The runbook begins with this line; VerifyInvoices gives the whole list.
                _log.error("frozen invoices are not as they were", tenant=tenant, problems=audit.problems[:10])
        self._deps.instruments.verified(invoices=invoices, problems=problems)

    async def _pause(self, stop: asyncio.Event) -> None:
        pause = asyncio.ensure_future(self._deps.clock.sleep(self._interval_s))
        stopped = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait((pause, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            stopped.cancel()
