"""Composition root of invoicing: `python -m invoicing serve|migrate`. The only place that builds things."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.client import open_channel, service_token_source
from chassis.entry import main
from chassis.server import Composition
from invoicing.config import InvoicingMigrateSettings, InvoicingSettings
from invoicing.operations import Dependencies
from invoicing.rpc import served
from invoicing.telemetry import Instruments
from invoicing.upstream import RETRIED_METHODS, Rating
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
    dependencies = Dependencies(
        engine=runtime.engine,
        rating=Rating(channel),
        clock=runtime.clock,
        instruments=Instruments(runtime.telemetry.meter),
    )
    verifier = Verifier(dependencies, settings.verify_interval_s)
    return Composition(served=[served(dependencies)], workers=[verifier.worker()])


if __name__ == "__main__":
    main("invoicing", InvoicingSettings, InvoicingMigrateSettings, compose)
