"""Beginning anew, when ingest has lost events that were counted: everything is counted again from the log as it is."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from aggregator.domain.anew import BegunAnew
from aggregator.store import anew as store
from aggregator.store import meters, progress
from chassis.clock import Clock
from chassis.errors import MeterlineError
from chassis.logs import get_logger
from chassis.postgres import driver_connection, transaction
from eventlog.as_of import AsOf
from eventlog.feed.checkpoints import lock_all_checkpoints, place_of
from eventlog.feed.cursor import FeedHeads
from eventlog.log.epochs import Renewal, renew_epoch

_log = get_logger(__name__)


class Log(Protocol):
    """What is asked of the event log."""

    async def heads(self) -> FeedHeads:
        """Return where the log ends now, and what it shares with its earlier epochs."""
        ...


async def follow_anew(engine: AsyncEngine, clock: Clock, log: Log) -> BegunAnew:
    """Drop in one transaction all that was made from the log, and every place in it; facts stay as they are.

    Folds that run are fenced by their places and begin again from the start of the log. The change feed gets a new
    epoch, which tells those who follow it that whatever they have seen of usage may have changed.
    """
    heads = await _ask(log)
    async with transaction(engine) as conn:
        places = await lock_all_checkpoints(conn)
        former = place_of(places.get(progress.LIVE_CONSUMER, {}))
        await meters.lock_catalog(conn)
        await store.drop_derived(conn)
        renewal = await _renew_feed(conn, clock, former)
        doubtful = None if heads is None else await store.doubtful_snapshots(conn, heads)
    return BegunAnew(
        former=former,
        log_epoch="" if heads is None else heads.epoch,
        lost=None if heads is None else heads.lost_of(former),
        doubtful=doubtful,
        feed_epoch=renewal.epoch,
    )


async def _ask(log: Log) -> FeedHeads | None:
    try:
        return await log.heads()
    except MeterlineError as error:
        # What is dropped can be made again at any time; only the facts in doubt can't be named without the log.
        _log.warning("anew.log_unknown", reason=error.reason, message=error.message)
        return None


async def _renew_feed(conn: AsyncConnection, clock: Clock, former: AsOf) -> Renewal:
    reason = f"everything is counted anew; it was counted up to {former.document()}"
    return await renew_epoch(await driver_connection(conn), reason, clock.now())
