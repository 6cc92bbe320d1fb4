"""The rating service: `python -m rating serve|migrate`. The only place that builds things and reads the environment."""

from __future__ import annotations

from chassis.client import open_channel, service_token_source
from chassis.entry import main
from chassis.server import Composition, Runtime, Served
from metering.rating.v1 import rating_service_pb2_grpc as pb_grpc
from rating.config import RatingMigrateSettings, RatingSettings
from rating.operations import Dependencies
from rating.rpc import POLICY, SERVICE, RatingServicer
from rating.telemetry import Instruments
from rating.upstream import RETRIED_METHODS, Aggregator
from rating.worker import workers


async def compose(runtime: Runtime[RatingSettings]) -> Composition:
    """Put the service together."""
    settings = runtime.settings
    token_source = service_token_source(settings)
    channel = open_channel(settings.aggregator_target, settings, token_source, retried_methods=RETRIED_METHODS)
    runtime.closing.push_async_callback(channel.close, None)
    aggregator = Aggregator(channel)
    dependencies = Dependencies(runtime.engine, aggregator, runtime.clock, Instruments(runtime.telemetry.meter))
    servicer = RatingServicer(dependencies)
    served = Served(
        add=lambda server: pb_grpc.add_RatingServiceServicer_to_server(servicer, server),
        service_names=(SERVICE,),
        policy=POLICY,
    )
    return Composition(served=(served,), workers=workers(settings, aggregator.changes(), dependencies))


if __name__ == "__main__":
    main("rating", RatingSettings, RatingMigrateSettings, compose)
