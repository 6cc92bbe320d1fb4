"""Composition root of invoicing: `python -m invoicing serve|migrate`. The only place that builds things."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.client import open_channel, service_token_source
from chassis.entry import main
from chassis.server import Composition
from invoicing.config import InvoicingMigrateSettings, InvoicingSettings
from invoicing.operations import Deps
from invoicing.rpc import served
from invoicing.telemetry import Instruments
from invoicing.upstream import RETRIED_METHODS, RatingClient
from invoicing.worker import Verifier

if TYPE_CHECKING:
    from chassis.server import Runtime


async def compose(runtime: Runtime[InvoicingSettings]) -> Composition:
    """Build invoicing from what the process was given."""
    settings = runtime.settings
    channel = open_channel(
        settings.rating_target, settings, service_token_source(settings), retried_methods=RETRIED_METHODS
    )
    runtime.closing.push_async_callback(channel.close, None)
    deps = Deps(
        engine=runtime.engine,
        clock=runtime.clock,
        rating=RatingClient(channel),
        instruments=Instruments(runtime.telemetry.meter),
    )
    verifier = Verifier(deps, settings.verify_interval_s)
    return Composition(served=[served(deps)], workers=[verifier.worker()])


if __name__ == "__main__":
    main("invoicing", InvoicingSettings, InvoicingMigrateSettings, compose)
