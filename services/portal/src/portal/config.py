"""What the portal can be told: every setting with its unit, default and reason."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import MigrateSettings, ServiceSettings


class PortalSettings(ServiceSettings):
    """Settings of `python -m portal serve`."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_")

    http_listen: str = Field(
        default="127.0.0.1:0", description="Address of the pages and of the JSON behind them, in plain HTTP."
    )
    public_url: str = Field(
        description="Address at which browsers reach the pages, without a path: https://portal.example.com."
    )
    aggregator_target: str = Field(description="Address of the aggregator: host:port or dns:///name:port.")
    rating_target: str = Field(description="Address of rating: host:port or dns:///name:port.")
    invoicing_target: str = Field(description="Address of invoicing: host:port or dns:///name:port.")
    session_kept_s: float = Field(
        default=5.0,
        ge=0.0,
        description="Seconds for which a session is not looked up again, nor found revoked elsewhere.",
    )
    answers_kept_s: float = Field(
        default=3.0,
        ge=0.0,
        description="Seconds for which periods, prices, meters and figures of earlier periods are not asked for again.",
    )
    session_requests_per_s: float = Field(
        default=20.0, gt=0.0, description="Requests a second that one session may make."
    )
    session_streams_max: int = Field(default=2, ge=1, description="Streams of changes that one session may have open.")
    changes_interval_s: float = Field(
        default=1.0, gt=0.0, description="Seconds between two looks at usage whose changes somebody follows."
    )


class PortalMigrateSettings(MigrateSettings):
    """Settings of `python -m portal migrate`."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_")
