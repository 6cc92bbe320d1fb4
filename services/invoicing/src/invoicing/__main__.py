"""Composition root of invoicing: `python -m invoicing serve|migrate|hold-numbers|release-numbers`.

The only place that builds things.
"""

from __future__ import annotations

import chassis.stop_at_once  # noqa: F401 - first, because the other imports take seconds

# isort: split

from typing import TYPE_CHECKING, Final

from chassis.command_line import Command, main
from chassis.one_off import one_off_engine
from chassis.rpc.client import open_channel
from chassis.rpc.credentials import service_token_source
from chassis.service import Composition
from eventlog.audit import served_audit
from eventlog.feed.progress import FeedBoard
from eventlog.status import served_status
from invoicing.config import InvoicingMigrateSettings, InvoicingSettings
from invoicing.loops import loops
from invoicing.operations.deps import Deps
from invoicing.operations.lost_numbers import hold_numbers, release_numbers
from invoicing.rpc import served
from invoicing.telemetry import Instruments
from invoicing.upstream import CALLED, RatingClient

if TYPE_CHECKING:
    from chassis.service import Runtime


async def hold(settings: InvoicingMigrateSettings, reason: str) -> str:
    """Hold back the numbers of all series."""
    async with one_off_engine("invoicing", settings.database) as engine:
        return await hold_numbers(engine, reason)


async def release(settings: InvoicingMigrateSettings, reason: str) -> str:
    """End the hold."""
    async with one_off_engine("invoicing", settings.database) as engine:
        return await release_numbers(engine, reason)


COMMANDS: Final = (
    Command(
        "hold-numbers",
        "after a restore: give no number until the last one of each series is stated",
        InvoicingMigrateSettings,
        hold,
        needs_reason=True,
    ),
    Command(
        "release-numbers",
        "let series that the database does not know begin, once all that it knows are stated",
        InvoicingMigrateSettings,
        release,
        needs_reason=True,
    ),
)


async def compose(runtime: Runtime[InvoicingSettings]) -> Composition:
    """Build invoicing from what the process was given."""
    settings = runtime.settings
    channel = open_channel(
        settings.rating_target, settings, service_token_source(settings), services=CALLED, tls=runtime.upstream_tls
    )
    runtime.closing.push_async_callback(channel.close, None)
    deps = Deps(
        engine=runtime.engine,
        clock=runtime.clock,
        rating=RatingClient(channel),
        instruments=Instruments(runtime.telemetry.meter),
    )
    return Composition(
        served=[served(deps), served_status(runtime, FeedBoard()), served_audit(runtime.engine)],
        loops=loops(deps, settings.verify_interval_s),
    )


if __name__ == "__main__":
    main("invoicing", InvoicingSettings, InvoicingMigrateSettings, compose, commands=COMMANDS)
