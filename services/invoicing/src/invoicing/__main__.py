"""Composition root of invoicing: `python -m invoicing serve|migrate`. The only place that builds things."""

from __future__ import annotations

import chassis.stop_at_once  # noqa: F401 - first, because the other imports take seconds

# isort: split

from typing import TYPE_CHECKING

from chassis.command_line import main
from chassis.rpc.client import open_channel
from chassis.rpc.credentials import service_token_source
from chassis.service import Composition
from eventlog.feed.progress import FeedBoard
from eventlog.status import served_status
from invoicing.config import InvoicingMigrateSettings, InvoicingSettings
from invoicing.loops import loops
from invoicing.operations.deps import Deps
from invoicing.rpc import served
from invoicing.telemetry import Instruments
from invoicing.upstream import CALLED, RatingClient

if TYPE_CHECKING:
    from chassis.service import Runtime


async def compose(runtime: Runtime[InvoicingSettings]) -> Composition:
    """Build invoicing from what the process was given."""
    settings = runtime.settings
    channel = open_channel(settings.rating_target, settings, service_token_source(settings), services=CALLED)
    runtime.closing.push_async_callback(channel.close, None)
    deps = Deps(
        engine=runtime.engine,
        clock=runtime.clock,
        rating=RatingClient(channel),
        instruments=Instruments(runtime.telemetry.meter),
    )
    return Composition(
        served=[served(deps), served_status(runtime, FeedBoard())], loops=loops(deps, settings.verify_interval_s)
    )


if __name__ == "__main__":
    main("invoicing", InvoicingSettings, InvoicingMigrateSettings, compose)
