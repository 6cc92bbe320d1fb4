"""Settings of rating, read from RATING_* variables."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import MigrateSettings, ServiceSettings


class RatingSettings(ServiceSettings):
    """What `python -m rating serve` can be told."""

    model_config = SettingsConfigDict(env_prefix="RATING_")

    aggregator_target: str = Field(description="host:port of the aggregator, or dns:///name:port for its replicas.")
    live_interval_s: float = Field(
        0.5, gt=0.0, description="Pause between looks for changed usage; changes that fall together are rated once."
    )
    live_periods_max: int = Field(256, ge=1, description="Contract periods taken on at one look.")
    live_calls_max: int = Field(8, ge=1, description="Questions to the aggregator at once, for live charges.")
    live_lease_s: float = Field(60.0, gt=0.0, description="Seconds until a period that a lost run took on is free.")


class RatingMigrateSettings(MigrateSettings):
    """What `python -m rating migrate` needs."""

    model_config = SettingsConfigDict(env_prefix="RATING_")
