"""Beginning anew, when the aggregator's change feed has lost what was read of it."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.clock import Clock
from chassis.postgres import transaction
from eventlog.feed.checkpoints import forget_checkpoints, lock_checkpoints
from rating.operations.live import CHANGES_CONSUMER, mark_everything
from rating.store import unbilled


async def follow_anew(engine: AsyncEngine, clock: Clock) -> int:
    """Read the change feed from its start again, and rate every live period again; return how many there are.

    In one transaction. A consumer that runs is fenced by its place and begins again. Facts stay as they are.
    """
    async with transaction(engine) as conn:
        await lock_checkpoints(conn, CHANGES_CONSUMER)
        await forget_checkpoints(conn, CHANGES_CONSUMER)
        await unbilled.forget_tenants(conn)
        return await mark_everything(clock, conn)
