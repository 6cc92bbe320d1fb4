"""Composition root of ingest: `python -m ingest serve|migrate|renew-epoch`. The only place that builds things."""

from __future__ import annotations

import chassis.stop_at_once  # noqa: F401 - first, because the other imports take seconds

# isort: split

from typing import TYPE_CHECKING, Final

from chassis.command_line import main
from chassis.garbage import search_rarely
from chassis.rpc.rates import rate_limit
from chassis.service import Composition
from eventlog.audit import served_audit
from eventlog.feed.progress import FeedBoard
from eventlog.log.reader import FeedReader
from eventlog.renewing import renew_epoch_command
from eventlog.service import served_feed
from eventlog.status import served_status
from ingest.config import IngestMigrateSettings, IngestSettings
from ingest.intake.admitter import Admitter
from ingest.intake.batches import Batches
from ingest.intake.committer import Committer
from ingest.intake.gatherer import Gatherer
from ingest.intake.hearing import SourceNotes
from ingest.intake.library import SegmentLibrary
from ingest.intake.refusing import RefusalNotes
from ingest.intake.sources import SourceNumbers
from ingest.loops import intake_loops
from ingest.operations.copies import CustomerCopies
from ingest.operations.deps import Deps
from ingest.rpc import served
from ingest.store.segments import OWNER_COLUMNS
from ingest.telemetry import Instruments

if TYPE_CHECKING:
    from datetime import datetime

    from chassis.service import Runtime


COMMANDS: Final = (
    renew_epoch_command(
        "ingest",
        IngestMigrateSettings,
        "What was acknowledged beyond is lost: have it reported again, with the same ids. Start ingest now. The "
        "aggregator goes on by itself if it had counted no further; else it halts and names the command to run: "
        "python -m aggregator follow-anew.",
    ),
)


async def compose(runtime: Runtime[IngestSettings]) -> Composition:
    """Build ingest from what the process was given."""
    settings, engine, clock = runtime.settings, runtime.engine, runtime.clock
    instruments = Instruments(runtime.telemetry.meter)
    library = SegmentLibrary(engine, settings.decoded_events_max)
    committer = Committer(engine, clock, settings, library, instruments)
    feed = FeedReader(engine, clock, runtime.draining, OWNER_COLUMNS)
    runtime.closing.push_async_callback(feed.aclose)
    sources = SourceNumbers(engine)
    batches = Batches()
    refusals = RefusalNotes(engine, clock, settings.refusals_kept_days)
    heard = SourceNotes(engine, clock, settings.sources_kept_days)
    copies = CustomerCopies(engine, clock, settings.customer_copy_events)
    admitter = Admitter(engine, clock, settings.limits, sources, committer, instruments, batches, refusals, heard)
    gatherer = Gatherer(clock, admitter.take_in)
    deps = Deps(
        engine=engine,
        clock=clock,
        limits=settings.limits,
        gatherer=gatherer,
        admitter=admitter,
        batches=batches,
        library=library,
        sources=sources,
        feed=feed,
        refusals=refusals,
        heard=heard,
        copies=copies,
        reporters_kept=settings.reporters_kept,
        event_rate=rate_limit(settings, "events", settings.tenant_events_per_s, lambda own: own.events_per_s),
    )

    async def accepted_until() -> datetime:
        # What is acknowledged is committed, and the heads are read after this.
        return clock.now()

    search_rarely()
    loops = intake_loops(gatherer, committer, [refusals, heard], copies, settings.commit_workers)
    return Composition(
        served=[
            served(deps),
            served_feed(feed, accepted_until),
            served_status(runtime, FeedBoard()),
            served_audit(runtime.engine),
        ],
        loops=loops,
    )


if __name__ == "__main__":
    main("ingest", IngestSettings, IngestMigrateSettings, compose, commands=COMMANDS)
