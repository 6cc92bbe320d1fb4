"""What the aggregator can be told: every setting with its unit, default and reason."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import MigrateSettings, ServiceSettings


class AggregatorSettings(ServiceSettings):
    """Settings of `python -m aggregator serve`."""

    model_config = SettingsConfigDict(env_prefix="AGGREGATOR_")

    ingest_target: str = Field(description="Address of ingest, the left neighbor: host:port or dns:///name:port.")
    flush_interval_s: float = Field(0.5, gt=0.0, le=60.0, description="Usage is at most about this far behind the log.")
    batch_events_max: int = Field(
        200_000, ge=1, description="Events folded into one flush at most; fewer where a flush would last too long."
    )
    batch_bytes_max: int = Field(32 * 1024 * 1024, ge=1, description="Compressed payload of one flush; bounds memory.")
    live_tenant_events_max: int = Field(
        5000, ge=1, description="Events of one tenant counted at once beside other tenants; one with more takes turns."
    )
    rows_per_statement_max: int = Field(
        2000, ge=1, description="Parked events or ranges that one statement writes at most."
    )
    fill_poll_s: float = Field(
        1.0, gt=0.0, le=60.0, description="How often new fills are looked for, if no hint comes."
    )
    fill_turn_s: float = Field(
        5.0, gt=0.0, le=600.0, description="A fill or backlog lets the next one go on after so long."
    )
    meters_max: int = Field(1000, ge=1, description="Meters of one tenant; each is looked at for every event.")
    meter_groups_max: int = Field(
        100_000,
        ge=1,
        description="Groups that one version of a meter tells apart; the events of all others count as one group.",
    )
    watch_keepalive_s: float = Field(
        15.0, gt=0.0, le=60.0, description="WatchUsage says at least this often that nothing has changed."
    )
    reconcile_interval_s: float = Field(
        300.0,
        ge=0.0,
        description="How often usage of each meter is compared with the log, at best; 0 = never. Takes 2% of a core.",
    )
    seal_wait_s: float = Field(2.0, ge=0.0, le=30.0, description="A seal waits this long before it answers NotReady.")


class AggregatorMigrateSettings(MigrateSettings):
    """Settings of `python -m aggregator migrate`."""

    model_config = SettingsConfigDict(env_prefix="AGGREGATOR_")
