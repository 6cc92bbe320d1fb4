"""What invoicing can be told: every setting with its unit, default and reason."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import MigrateSettings, ServiceSettings


class InvoicingSettings(ServiceSettings):
    """Settings of `python -m invoicing serve`."""

    model_config = SettingsConfigDict(env_prefix="INVOICING_")

    rating_target: str = Field(description="Address of rating, the left neighbor: host:port or dns:///name:port.")
    verify_interval_s: float = Field(
        3600.0, ge=1.0, description="Seconds between two checks of every frozen invoice in the background."
    )


class InvoicingMigrateSettings(MigrateSettings):
    """Settings of `python -m invoicing migrate`."""

    model_config = SettingsConfigDict(env_prefix="INVOICING_")
