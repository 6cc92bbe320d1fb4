"""What ingest can be told: every setting with its unit, default and reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import MigrateSettings, ServiceSettings
from eventlog.instants import microseconds_of
from eventlog.rfc3339 import instant_of_text
from ingest.domain.admission import Limits

_DAY_US = 86_400_000_000
_SECOND_US = 1_000_000


def _instant(value: object) -> object:
    """Read a time as every other door does; pydantic would also take numbers and local times."""
    return instant_of_text(value) if isinstance(value, str) else value


class IngestSettings(ServiceSettings):
    """Settings of `python -m ingest serve`."""

    model_config = SettingsConfigDict(env_prefix="INGEST_")

    late_limit_days: int = Field(default=35, ge=0, le=36_500, description="Older events need an open backfill.")
    future_limit_s: int = Field(default=300, ge=0, le=86_400, description="Events may lie this far ahead of the clock.")
    earliest_time: Annotated[datetime, BeforeValidator(_instant)] = Field(
        default=datetime(2000, 1, 1, tzinfo=UTC),
        description="Earlier events are refused, also in a backfill: mostly their unit or format is wrong. RFC 3339.",
    )
    batch_events_max: int = Field(default=10_000, ge=1, le=10_000, description="Events in one Report.")
    tenant_events_per_s: float = Field(default=0.0, ge=0.0, description="Events a second of one tenant; 0 = no limit.")
    commit_workers: int = Field(default=2, ge=1, le=16, description="Commits in work at once; each holds one lane.")
    group_events_max: int = Field(default=40_000, ge=1, description="Events in one commit; more make acks wait longer.")
    group_bytes_max: int = Field(default=16 * 1024 * 1024, ge=1, description="Message bytes in one commit.")
    queue_events_max: int = Field(
        default=400_000, ge=1, description="Events waiting for a commit; beyond it: OVERLOADED."
    )
    queue_bytes_max: int = Field(default=64 * 1024 * 1024, ge=1, description="Message bytes waiting for a commit.")
    recent_keys: int = Field(
        default=2_097_152, ge=1, description="Keys remembered as a hint for duplicates, 8 bytes each."
    )
    reporters_kept: bool = Field(
        default=True,
        description="Keep with events who reported them. Not while a release that does not know this may still serve.",
    )
    refusals_kept_days: int = Field(
        default=90, ge=1, le=3650, description="Counts and samples of refused events are kept this many days."
    )
    sources_kept_days: int = Field(
        default=400, ge=1, le=3650, description="Tallies, numbers and counts of sources are kept this many days."
    )
    customer_copy_events: int = Field(
        default=100_000,
        ge=0,
        description="Events of a lane that are copied by customer at once, for scans of few customers; 0 = never.",
    )
    decoded_events_max: int = Field(default=200_000, ge=0, description="Events of lately used segments kept decoded.")

    @property
    def limits(self) -> Limits:
        """The limits that the domain checks."""
        return Limits(
            batch_events_max=self.batch_events_max,
            late_limit_us=self.late_limit_days * _DAY_US,
            future_limit_us=self.future_limit_s * _SECOND_US,
            earliest_us=microseconds_of(self.earliest_time),
        )


class IngestMigrateSettings(MigrateSettings):
    """Settings of `python -m ingest migrate`."""

    model_config = SettingsConfigDict(env_prefix="INGEST_")
