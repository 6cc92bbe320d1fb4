"""Composition root of rating: `python -m rating serve|migrate`. The only place that builds things."""

from __future__ import annotations

import chassis.stop_at_once  # noqa: F401 - first, because the other imports take seconds

# isort: split

from typing import TYPE_CHECKING

from chassis.command_line import main
from chassis.garbage import search_rarely
from chassis.rpc.client import open_channel
from chassis.rpc.credentials import service_token_source
from chassis.service import Composition
from eventlog.audit import served_audit
from eventlog.status import served_status
from rating.config import RatingMigrateSettings, RatingSettings
from rating.loops import loops
from rating.operations.deps import Deps
from rating.rpc import served
from rating.telemetry import Instruments
from rating.upstream import CALLED, AggregatorClient

if TYPE_CHECKING:
    from chassis.service import Runtime


async def compose(runtime: Runtime[RatingSettings]) -> Composition:
    """Build rating from what the process was given."""
    settings = runtime.settings
    channel = open_channel(
        settings.aggregator_target, settings, service_token_source(settings), services=CALLED, tls=runtime.upstream_tls
    )
    runtime.closing.push_async_callback(channel.close, None)
    aggregator = AggregatorClient(channel)
    deps = Deps(
        engine=runtime.engine,
        clock=runtime.clock,
        aggregator=aggregator,
        instruments=Instruments(runtime.telemetry.meter),
    )
    search_rarely()
    return Composition(
        served=[served(deps), served_status(runtime, deps.board), served_audit(runtime.engine)],
        loops=loops(settings, aggregator.feed, deps),
    )


if __name__ == "__main__":
    main("rating", RatingSettings, RatingMigrateSettings, compose)
