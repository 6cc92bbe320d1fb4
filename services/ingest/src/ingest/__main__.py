"""Composition root of ingest: `python -m ingest serve|migrate`. The only place that builds things."""

from __future__ import annotations

import gc
from functools import partial
from typing import TYPE_CHECKING, Final

from chassis.command_line import main
from chassis.loops import Loop
from chassis.service import Composition
from eventlog.log.reader import FeedReader
from eventlog.service import served_feed
from ingest.config import IngestMigrateSettings, IngestSettings
from ingest.operations import Deps, SourceNumbers, gather
from ingest.rpc import served
from ingest.store import SegmentLibrary
from ingest.telemetry import Instruments
from ingest.worker import Committer, Gatherer

if TYPE_CHECKING:
    from chassis.service import Runtime

_GC_ALLOCATIONS: Final = 50_000


async def compose(runtime: Runtime[IngestSettings]) -> Composition:
    """Build ingest from what the process was given."""
    settings, engine, clock = runtime.settings, runtime.engine, runtime.clock
    instruments = Instruments(runtime.telemetry.meter)
    library = SegmentLibrary(engine, settings.decoded_events_max)
    committer = Committer(engine, clock, settings, library, instruments)
    feed = FeedReader(engine, clock, runtime.draining)
    runtime.closing.push_async_callback(feed.aclose)
    deps = Deps(
        engine=engine,
        clock=clock,
        policy=settings.policy,
        committer=committer,
        gatherer=Gatherer(clock),
        library=library,
        sources=SourceNumbers(engine),
        feed=feed,
        instruments=instruments,
    )
    # What was made until now lives as long as the process: no collection needs to look at it. Batches are freed by
    # their last reference; collecting rarely costs nothing but a little memory.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_ALLOCATIONS, 20, 50)
    loops = [Loop(f"commit-{number}", committer.run) for number in range(settings.commit_workers)]
    loops.append(Loop("gather", partial(gather, deps)))
    return Composition(served=[served(deps), served_feed(feed)], loops=loops)


if __name__ == "__main__":
    main("ingest", IngestSettings, IngestMigrateSettings, compose)
