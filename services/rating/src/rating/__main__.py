"""Composition root of rating: `python -m rating serve|migrate|follow-anew`. The only place that builds things."""

from __future__ import annotations

import chassis.stop_at_once  # noqa: F401 - first, because the other imports take seconds

# isort: split

from typing import TYPE_CHECKING, Final

from chassis.clock import SystemClock
from chassis.command_line import Command, main
from chassis.garbage import search_rarely
from chassis.one_off import one_off_engine
from chassis.rpc.client import open_channel
from chassis.rpc.credentials import service_token_source
from chassis.service import Composition
from eventlog.audit import served_audit
from eventlog.status import served_status
from rating.config import RatingMigrateSettings, RatingSettings
from rating.loops import loops
from rating.operations import anew
from rating.operations.deps import Deps, Watching
from rating.rpc import served
from rating.telemetry import Instruments
from rating.upstream import CALLED, AggregatorClient

if TYPE_CHECKING:
    from chassis.service import Runtime


async def follow_anew(settings: RatingSettings, _reason: str) -> str:
    """Let rating begin anew, and tell how much there is to rate again."""
    async with one_off_engine("rating", settings.database) as engine:
        periods = await anew.follow_anew(engine, SystemClock())
    return (
        f"The change feed of usage is read again from its start, and {periods} live periods are rated again; frozen "
        "charges stay as they are.\nStart rating if it does not run; `meterline status` tells what still waits."
    )


COMMANDS: Final = (
    Command(
        "follow-anew",
        "read the change feed from its start and rate every live period again, when the aggregator has lost changes",
        RatingSettings,
        follow_anew,
    ),
)


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
        watching=Watching(runtime.draining, settings.watch_keepalive_s),
    )
    search_rarely()
    return Composition(
        served=[served(deps), served_status(runtime, deps.board), served_audit(runtime.engine)],
        loops=loops(settings, aggregator.feed, deps),
    )


if __name__ == "__main__":
    main("rating", RatingSettings, RatingMigrateSettings, compose, commands=COMMANDS)
