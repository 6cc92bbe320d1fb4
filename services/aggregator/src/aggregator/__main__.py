"""Composition root of the aggregator: `python -m aggregator serve|migrate`. The only place that builds things."""

from __future__ import annotations

import chassis.stop_at_once  # noqa: F401 - first, because the other imports take seconds

# isort: split

from typing import TYPE_CHECKING

from aggregator.config import AggregatorMigrateSettings, AggregatorSettings
from aggregator.loops import FoldFactory, loops
from aggregator.operations.deps import Deps
from aggregator.rpc import served
from aggregator.store.changes import OWNER_COLUMNS, ChangeFeed
from aggregator.telemetry import Instruments
from aggregator.upstream import CALLED, IngestClient
from aggregator.wire.payloads import pack_changes
from chassis.command_line import main
from chassis.rpc.client import open_channel
from chassis.rpc.credentials import service_token_source
from chassis.service import Composition
from eventlog.log.reader import FeedReader
from eventlog.service import served_feed
from eventlog.status import served_status

if TYPE_CHECKING:
    from chassis.service import Runtime


async def compose(runtime: Runtime[AggregatorSettings]) -> Composition:
    """Build the aggregator from what the process was given."""
    settings, engine, clock = runtime.settings, runtime.engine, runtime.clock
    channel = open_channel(settings.ingest_target, settings, service_token_source(settings), services=CALLED)
    runtime.closing.push_async_callback(channel.close, None)
    changes = FeedReader(engine, clock, runtime.draining, OWNER_COLUMNS)
    runtime.closing.push_async_callback(changes.aclose)
    ingest = IngestClient(channel)
    deps = Deps(
        engine=engine,
        clock=clock,
        log=ingest,
        changes=ChangeFeed(pack_changes),
        seal_wait_s=settings.seal_wait_s,
        meters_max=settings.meters_max,
    )
    folds = FoldFactory(deps, ingest.feed, settings, Instruments(runtime.telemetry.meter))
    return Composition(
        served=[served(deps), served_feed(changes), served_status(runtime, deps.board)], loops=loops(folds)
    )


if __name__ == "__main__":
    main("aggregator", AggregatorSettings, AggregatorMigrateSettings, compose)
