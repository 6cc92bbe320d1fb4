"""Typed settings from the environment: an unknown or missing key stops the service with one clear line.

If a misspelt key were silently ignored, a service could run for a month with the wrong limit. Therefore every variable
with the service's prefix must be known.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from chassis.database_address import DatabaseAddress
from chassis.startup import SettingsError
from chassis.telemetry import TELEMETRY_STOP_S

SettingsType = TypeVar("SettingsType", bound=BaseSettings)

EXIT_CODE_SETTINGS: Final = 2
"""Exit code of a process that refuses to start because of its settings."""
CLOSING_S: Final = 4.0
"""Longest time, after what was drained, to end cancelled work and to close the connections to the database."""

# Kubernetes adds such variables for every Service of the namespace: `ingest-db` yields INGEST_DB_SERVICE_HOST,
# INGEST_DB_PORT and more. They are not settings of ours, and not a mistake of the operator either.
_LINK_HOST: Final = "_SERVICE_HOST"
_LINK_ENDING = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)")


class _ExplicitSettings(BaseSettings):
    """Settings built from arguments only. `load_settings` reads the environment, so that a test can't pick it up."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Keep the arguments; leave out the environment, .env and secret files."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


class TenantRates(BaseModel):
    """What one tenant may send a second, in place of what all may; 0 = no limit, left out = as for all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls_per_s: float | None = Field(default=None, ge=0.0)
    bytes_per_s: float | None = Field(default=None, ge=0.0)
    events_per_s: float | None = Field(default=None, ge=0.0)


def _from_json(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


def _named_once(dsn: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    """Refuse an address that is given twice, or not at all."""
    is_in_file = info.data.get(f"{info.field_name}_file") is not None
    if dsn is None and not is_in_file:
        raise PydanticCustomError("missing", "neither the address nor its file is given")
    if dsn is not None and is_in_file:
        raise PydanticCustomError("twice", "its file is named as well; give one of the two")
    return dsn


class ServiceSettings(_ExplicitSettings):
    """The settings that every service has. A service subclasses this and sets `env_prefix`, such as "INGEST_"."""

    listen: str = Field(default="127.0.0.1:0", description="Address of the RPC port; port 0 = any free one.")
    health_listen: str = Field(default="127.0.0.1:0", description="Address of the health port, apart from the work.")
    reuse_port: bool = Field(default=False, description="Share the RPC port with sibling processes (SO_REUSEPORT).")
    dsn_file: Path | None = Field(default=None, description="File with the DSN; read again at each connect.")
    dsn: SecretStr | None = Field(
        default=None,
        validate_default=True,
        description="postgresql:// address of the service's own database, as the app role; or set DSN_FILE.",
    )
    password_file: Path | None = Field(
        default=None, description="File with the password for the DSN; read again at each connect."
    )
    jwks_file: Path = Field(description="JWKS file with the public keys that sign tokens; reread when it changes.")
    audience: str = Field(default="meterline", description="The audience a token must name.")
    service_token_file: Path | None = Field(default=None, description="File with this service's own internal token.")
    environment: Literal["development", "production"] = "development"
    reflection: bool | None = Field(default=None, description="gRPC reflection; default: on in development only.")
    otlp_endpoint: str | None = Field(default=None, description="host:port of an OTLP/gRPC receiver; none = no export.")
    trace_ratio: float = Field(default=1.0, ge=0.0, le=1.0, description="Share of traces that are sampled, by id.")
    trace_key: SecretStr | None = Field(
        default=None, description="Key of the hash by which traces are sampled; default: made of the JWKS file."
    )
    metrics_listen: str = Field(default="", description="host:port of plain HTTP for Prometheus; empty = none.")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    message_bytes_max: int = Field(default=8 * 1024 * 1024, ge=1024, description="Largest message, sent or received.")
    calls_max: int = Field(default=1000, ge=1, description="Calls in work at once; one more is answered as overloaded.")
    tenant_calls_max: int = Field(default=500, ge=1, description="Calls in work at once that one tenant may have.")
    tenant_streams_max: int = Field(default=20, ge=1, description="Streams that one tenant may have open at once.")
    tenant_calls_per_s: float = Field(default=0.0, ge=0.0, description="Calls a second of one tenant; 0 = no limit.")
    tenant_bytes_per_s: float = Field(
        default=0.0, ge=0.0, description="Bytes of requests a second of one tenant; 0 = no limit."
    )
    tenant_rates: Annotated[Mapping[str, TenantRates], BeforeValidator(_from_json)] = Field(
        default_factory=dict,
        description='Other rates for single tenants, as JSON: {"acme": {"calls_per_s": 50, "bytes_per_s": 0}}.',
    )
    request_bytes_max: int = Field(
        default=512 * 1024 * 1024, ge=1024, description="Bytes of requests in memory, of all calls."
    )
    tenant_request_bytes_max: int = Field(
        default=128 * 1024 * 1024, ge=1024, description="Bytes of requests in memory that one tenant may have."
    )
    request_wait_s: float = Field(
        default=20.0, gt=0.0, description="Seconds in which a request must arrive in full after its headers."
    )
    token_life_max_s: float = Field(
        default=3_660 * 86_400.0, gt=0.0, description="Longest time from a token's issue to its end; longer is refused."
    )
    drain_s: float = Field(
        default=15.0, ge=0.0, description="Seconds that calls in flight and background work get together after SIGTERM."
    )
    connections_max: int = Field(default=10_000, ge=1, description="Connections to the RPC port at once.")
    connection_age_s: float = Field(default=300.0, gt=0.0, description="Seconds until a client is asked to reconnect.")
    pool_size: int = Field(
        default=10, ge=1, description="Database connections for calls; background work has up to 6 of its own."
    )
    tenant_connections_max: int = Field(
        default=6, ge=1, description="Database connections that the calls of one tenant may hold at once."
    )
    statement_timeout_s: float = Field(default=15.0, gt=0.0, description="Seconds one SQL statement may take.")
    ready_file: Path | None = Field(default=None, description="Written with the bound ports as JSON once serving.")

    _dsn_is_named_once = field_validator("dsn")(_named_once)

    @property
    def database(self) -> DatabaseAddress:
        """Where the service's own database is."""
        return DatabaseAddress(self.dsn, self.dsn_file, self.password_file)

    @model_validator(mode="after")
    def _production_is_strict(self) -> Self:
        if self.environment == "production" and self.reflection:
            raise ValueError("reflection must be off in production")
        return self

    @property
    def reflection_enabled(self) -> bool:
        """Whether the server offers gRPC reflection: as configured, by default in development only."""
        return self.environment == "development" if self.reflection is None else self.reflection

    def effective(self) -> dict[str, str]:
        """Return every setting as text, with secrets masked, for the log line at start."""
        return {name: _shown(getattr(self, name)) for name in type(self).model_fields}


def longest_stop_s(settings: ServiceSettings) -> float:
    """Return how many seconds a service takes at most from SIGTERM to its end; whoever kills it must wait longer."""
    return settings.drain_s + CLOSING_S + TELEMETRY_STOP_S


class MigrateSettings(_ExplicitSettings):
    """What `migrate` needs: a role that may change the schema, and the app role that gets its grants."""

    migrate_dsn_file: Path | None = Field(default=None, description="File with the MIGRATE_DSN.")
    migrate_dsn: SecretStr | None = Field(
        default=None,
        validate_default=True,
        description="postgresql:// address, as the role that owns the schema; or set MIGRATE_DSN_FILE.",
    )
    migrate_password_file: Path | None = Field(default=None, description="File with the password for the MIGRATE_DSN.")
    app_role: str = Field(description="Database role of the running service; it gets table grants only.")

    _dsn_is_named_once = field_validator("migrate_dsn")(_named_once)

    @property
    def database(self) -> DatabaseAddress:
        """Where the database is, for the role that owns its schema."""
        return DatabaseAddress(self.migrate_dsn, self.migrate_dsn_file, self.migrate_password_file)


def load_settings(
    kind: type[SettingsType],
    *,
    siblings: tuple[type[BaseSettings], ...] = (),
    environ: Mapping[str, str] = os.environ,
) -> SettingsType:
    """Read `kind` from the environment.

    Keys of `siblings` (the same service's other commands) are known but not read. Raises SettingsError, whose message
    is one line that names the key.
    """
    prefix = kind.model_config.get("env_prefix", "")
    if not prefix:
        raise SettingsError(f"{kind.__name__} has no env_prefix: a service must own its keys")
    models: tuple[type[BaseSettings], ...] = (kind, *siblings)
    known = {_key(prefix, field) for model in models for field in model.model_fields}
    linked = tuple(key.removesuffix(_LINK_HOST) for key in environ if key.endswith(_LINK_HOST))
    present = {
        key.upper(): value
        for key, value in environ.items()
        # What the operator sets wins over a link of the same name, whose value is an address.
        if not _is_link(key, linked) or (key in known and "://" not in value)
    }
    for key in sorted(present):
        if key.startswith(prefix) and key not in known:
            raise SettingsError(f"unknown setting {key}{_nearest(key, known)}")
    values = {field: present[_key(prefix, field)] for field in kind.model_fields if _key(prefix, field) in present}
    return _build(kind, prefix, values)


def _is_link(key: str, services: Iterable[str]) -> bool:
    """Return whether Kubernetes has set `key` about one of `services`; each has a host beside its ports."""
    return any(key.startswith(name) and _LINK_ENDING.fullmatch(key.removeprefix(name)) for name in services)


def _build(kind: type[SettingsType], prefix: str, values: dict[str, Any]) -> SettingsType:
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = _key(prefix, str(first["loc"][0])) if first["loc"] else kind.__name__
        if first["type"] == "missing":
            description = kind.model_fields[str(first["loc"][0])].description or "it has no default"
            raise SettingsError(f"missing setting {key}: {description}") from None
        raise SettingsError(f"bad setting {key}: {first['msg']}") from None


def _key(prefix: str, field: str) -> str:
    return f"{prefix}{field}".upper()


def _nearest(key: str, known: set[str]) -> str:
    close = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.0)
    return f"; did you mean {close[0]}?" if close else ""


def _shown(value: object) -> str:
    # SecretStr and SecretBytes print as asterisks by themselves.
    return value if isinstance(value, str) else json.dumps(value, default=str)
