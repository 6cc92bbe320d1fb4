"""Composition root of the aggregator: `python -m aggregator serve|migrate|renew-epoch|follow-anew`.

The only place that builds things.
"""

from __future__ import annotations

import chassis.stop_at_once  # noqa: F401 - first, because the other imports take seconds

# isort: split

import os
import socket
import uuid
from functools import partial
from typing import TYPE_CHECKING, Final

from aggregator.config import AggregatorMigrateSettings, AggregatorSettings
from aggregator.loops import FoldFactory, loops
from aggregator.operations import anew, usage
from aggregator.operations.current import CurrentUsage
from aggregator.operations.deps import Deps, Watching
from aggregator.rpc import served
from aggregator.store.changes import OWNER_COLUMNS, ChangeFeed
from aggregator.telemetry import Instruments
from aggregator.upstream import CALLED, IngestClient
from aggregator.wire.anew import told_of
from aggregator.wire.payloads import pack_changes, read_segments, unpack_changes
from chassis.clock import SystemClock
from chassis.command_line import Command, main
from chassis.one_off import one_off_engine
from chassis.rpc.client import open_channel
from chassis.rpc.credentials import service_token_source
from chassis.service import Composition
from chassis.tls.server import tls_source
from eventlog.audit import served_audit
from eventlog.feed.sharing import Follower
from eventlog.log.reader import FeedReader
from eventlog.renewing import renew_epoch_command
from eventlog.service import served_feed
from eventlog.status import served_status

if TYPE_CHECKING:
    from chassis.service import Runtime


async def follow_anew(settings: AggregatorSettings, _reason: str) -> str:
    """Let the aggregator begin anew; ingest is asked what its log has lost."""
    clock = SystemClock()
    channel = open_channel(
        settings.ingest_target,
        settings,
        service_token_source(settings),
        services=CALLED,
        tls=None if settings.tls_ca_file is None else tls_source(settings, clock),
    )
    try:
        async with one_off_engine("aggregator", settings.database) as engine:
            return told_of(await anew.follow_anew(engine, clock, IngestClient(channel)))
    finally:
        await channel.close(None)


COMMANDS: Final = (
    renew_epoch_command(
        "aggregator",
        AggregatorMigrateSettings,
        "Start the aggregator now: it counts on from its own place in the event log. Rating goes on by itself if it "
        "had read no further, and renews all live charges; else it halts and names the command to run: "
        "python -m rating follow-anew.",
    ),
    Command(
        "follow-anew",
        "drop all that was counted and count the event log from its start, when ingest has lost what was counted",
        AggregatorSettings,
        follow_anew,
    ),
)


async def compose(runtime: Runtime[AggregatorSettings]) -> Composition:
    """Build the aggregator from what the process was given."""
    settings, engine, clock = runtime.settings, runtime.engine, runtime.clock
    channel = open_channel(
        settings.ingest_target, settings, service_token_source(settings), services=CALLED, tls=runtime.upstream_tls
    )
    runtime.closing.push_async_callback(channel.close, None)
    changes = FeedReader(engine, clock, runtime.draining, OWNER_COLUMNS)
    runtime.closing.push_async_callback(changes.aclose)
    ingest = IngestClient(channel)
    deps = Deps(
        engine=engine,
        clock=clock,
        log=ingest,
        feed=ingest.feed,
        read_segments=read_segments,
        changes=ChangeFeed(pack_changes, unpack_changes),
        watching=Watching(changes, runtime.draining, settings.watch_keepalive_s),
        seal_wait_s=settings.seal_wait_s,
        meters_max=settings.meters_max,
        groups_max=settings.meter_groups_max,
    )
    current = CurrentUsage(deps, partial(changes.wait_beyond, 0))
    follower = Follower(uuid.uuid4(), f"{socket.gethostname()}/{os.getpid()}")
    folds = FoldFactory(deps, ingest.feed, settings, Instruments(runtime.telemetry.meter), follower)
    return Composition(
        served=[
            served(deps, current),
            served_feed(changes, partial(usage.counted_until, deps)),
            served_status(runtime, deps.board),
            served_audit(runtime.engine),
        ],
        loops=loops(folds, current),
    )


if __name__ == "__main__":
    main("aggregator", AggregatorSettings, AggregatorMigrateSettings, compose, commands=COMMANDS)
