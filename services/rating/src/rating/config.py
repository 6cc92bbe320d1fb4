"""What rating can be told: every setting with its unit, default and reason."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import MigrateSettings, ServiceSettings


class RatingSettings(ServiceSettings):
    """Settings of `python -m rating serve`."""

    model_config = SettingsConfigDict(env_prefix="RATING_")

    aggregator_target: str = Field(
        description="Address of the aggregator, the left neighbor: host:port or dns:///name:port."
    )
    live_interval_s: float = Field(
        0.5, gt=0.0, description="Pause between looks for changed usage; changes that fall together are rated once."
    )
    live_periods_max: int = Field(256, ge=1, description="Contract periods taken on at one look.")
    live_calls_max: int = Field(8, ge=1, description="Questions to the aggregator at once, for live charges.")
    live_turn_s: float = Field(
        10.0,
        gt=0.0,
        description="After so long the periods taken on are given back, so that every tenant has its turn.",
    )
    live_lease_s: float = Field(60.0, gt=0.0, description="Seconds until a period that a lost run took on is free.")
    watch_keepalive_s: float = Field(
        15.0, gt=0.0, le=60.0, description="WatchCharges says at least this often that nothing has changed."
    )
    unbilled_interval_s: float = Field(
        300.0, gt=0.0, description="Pause between counts of usage that no invoice will have, for the metric."
    )


class RatingMigrateSettings(MigrateSettings):
    """Settings of `python -m rating migrate`."""

    model_config = SettingsConfigDict(env_prefix="RATING_")
