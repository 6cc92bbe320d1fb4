"""What the database pool of a process tells: connections by state, how many there may be, and who waits for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from opentelemetry.metrics import Observation

from chassis.postgres import pool_shares

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.metrics import CallbackOptions, Meter
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import QueuePool

# Names from OpenTelemetry's conventions for database clients.
STATE: Final = "db.client.connection.state"


def observe_pool(engine: AsyncEngine, meter: Meter) -> None:
    """Measure the pool of `engine`, the one of this process, whenever metrics are read."""
    pool = cast("QueuePool", engine.pool)
    shares = pool_shares(engine)

    def connections(_options: CallbackOptions) -> Iterator[Observation]:
        yield Observation(pool.checkedout(), {STATE: "used"})
        yield Observation(pool.checkedin(), {STATE: "idle"})

    def most(_options: CallbackOptions) -> Iterator[Observation]:
        yield Observation(shares.calls_max)

    def waiting(_options: CallbackOptions) -> Iterator[Observation]:
        yield Observation(shares.waiting)

    meter.create_observable_gauge(
        "db.client.connection.count", [connections], "{connection}", "Connections to the database, by state."
    )
    meter.create_observable_gauge(
        "db.client.connection.max", [most], "{connection}", "Connections that calls may hold at once."
    )
    meter.create_observable_gauge(
        "db.client.connection.pending_requests", [waiting], "{request}", "Calls that wait for a connection."
    )
