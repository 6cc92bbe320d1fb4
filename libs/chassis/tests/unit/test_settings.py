"""A service starts only with settings it understands, and says in one line what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_settings import SettingsConfigDict

from chassis.rpc.credentials import FileTokenSource, service_token_source
from chassis.settings import MigrateSettings, ServiceSettings, load_settings
from chassis.startup import SettingsError


class DemoSettings(ServiceSettings):
    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="DEMO_")

    upstream_target: str = "127.0.0.1:1"


class DemoMigrateSettings(MigrateSettings):
    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="DEMO_")


GOOD = {"DEMO_DSN": "postgresql://app:hunter2@db/demo", "DEMO_JWKS_FILE": "/etc/meterline/jwks.json"}


def load(**changed: str) -> DemoSettings:
    return load_settings(DemoSettings, siblings=(DemoMigrateSettings,), environ={**GOOD, **changed})


def test_what_is_given_is_taken_and_the_rest_has_defaults() -> None:
    settings = load(DEMO_DRAIN_S="2.5", demo_pool_size="3", PATH="/bin", DEMOGRAPHY="x")

    assert (settings.drain_s, settings.pool_size) == (2.5, 3)
    assert settings.jwks_file == Path("/etc/meterline/jwks.json")
    assert settings.message_bytes_max == 8 * 1024 * 1024
    assert settings.reflection_enabled


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"DEMO_DRAIN": "1"}, "unknown setting DEMO_DRAIN; did you mean DEMO_DRAIN_S?"),
        ({"DEMO_UPSTREAM_TRAGET": "x"}, "unknown setting DEMO_UPSTREAM_TRAGET; did you mean DEMO_UPSTREAM_TARGET?"),
        ({"DEMO_POOL_SIZE": "many"}, "bad setting DEMO_POOL_SIZE: Input should be a valid integer"),
        ({"DEMO_POOL_SIZE": "0"}, "bad setting DEMO_POOL_SIZE: Input should be greater than or equal to 1"),
        ({"DEMO_TRACE_RATIO": "1.5"}, "bad setting DEMO_TRACE_RATIO: Input should be less than or equal to 1"),
        ({"DEMO_ENVIRONMENT": "prod"}, "bad setting DEMO_ENVIRONMENT: Input should be 'development' or 'production'"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(changed: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(**changed)

    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_a_missing_setting_is_named_with_its_meaning() -> None:
    with pytest.raises(SettingsError, match="missing setting DEMO_DSN: postgresql:// address of the service's own"):
        load_settings(DemoSettings, environ={"DEMO_JWKS_FILE": "x"})


def test_a_database_is_named_once_by_its_address_or_by_a_file() -> None:
    in_file = {"DEMO_DSN_FILE": "/etc/db/uri", "DEMO_PASSWORD_FILE": "/etc/db/password", "DEMO_JWKS_FILE": "x"}

    settings = load_settings(DemoSettings, environ=in_file)

    assert settings.database.dsn_file == Path("/etc/db/uri")
    assert settings.database.password_file == Path("/etc/db/password")
    with pytest.raises(SettingsError, match="bad setting DEMO_DSN: its file is named as well; give one of the two"):
        load(DEMO_DSN_FILE="/etc/db/uri")


def test_a_bad_value_is_never_repeated_it_may_be_a_secret() -> None:
    with pytest.raises(SettingsError) as caught:
        load(DEMO_HEALTH_LISTEN="ok", DEMO_CALLS_MAX="hunter2")

    assert "hunter2" not in str(caught.value)


def test_the_keys_of_the_other_command_are_known() -> None:
    assert load(DEMO_MIGRATE_DSN="postgresql://owner@db/demo", DEMO_APP_ROLE="demo_app").upstream_target

    migrate = load_settings(
        DemoMigrateSettings,
        siblings=(DemoSettings,),
        environ={**GOOD, "DEMO_MIGRATE_DSN": "postgresql://owner@db/demo", "DEMO_APP_ROLE": "demo_app"},
    )
    assert migrate.app_role == "demo_app"


LINK_ENDINGS = (
    "SERVICE_PORT",
    "SERVICE_PORT_GRPC",
    "PORT",
    "PORT_9090_TCP",
    "PORT_9090_TCP_PROTO",
    "PORT_9090_TCP_PORT",
    "PORT_9090_TCP_ADDR",
)


@pytest.mark.parametrize("name", ["DEMO", "DEMO_DB", "DEMO_DB_RW", "DEMO_REUSE", "DEMO_SERVICE", "DEMO_PORT"])
def test_what_kubernetes_adds_for_a_service_of_any_name_is_no_mistake(name: str) -> None:
    links = {f"{name}_{ending}": "tcp://10.0.0.1:9090" for ending in LINK_ENDINGS}

    settings = load(**{f"{name}_SERVICE_HOST": "10.0.0.1"}, **links)

    assert settings == load()


def test_what_the_operator_sets_wins_over_a_link_of_the_same_name() -> None:
    assert load(DEMO_REUSE_SERVICE_HOST="10.0.0.1", DEMO_REUSE_PORT="true").reuse_port


@pytest.mark.parametrize("key", ["DEMO_PORT", "DEMO_DB_PORT", "DEMO_DB_PORT_9090_TCP"])
def test_what_only_looks_like_a_link_is_a_mistake(key: str) -> None:
    with pytest.raises(SettingsError, match=f"unknown setting {key}"):
        load(**{key: "9090"})


def test_the_effective_settings_hide_secrets() -> None:
    shown = load().effective()

    assert "hunter2" not in str(shown)
    assert "hunter2" not in repr(load())
    assert shown["upstream_target"] == "127.0.0.1:1"
    assert shown["ready_file"] == "null"


def test_production_keeps_its_shape_to_itself() -> None:
    assert not load(DEMO_ENVIRONMENT="production").reflection_enabled
    with pytest.raises(SettingsError, match="reflection must be off in production"):
        load(DEMO_ENVIRONMENT="production", DEMO_REFLECTION="true")


def test_a_service_that_asks_another_one_needs_a_token(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    with pytest.raises(SettingsError, match="missing setting DEMO_SERVICE_TOKEN_FILE"):
        service_token_source(load())
    with pytest.raises(SettingsError, match="can't read the service token file"):
        service_token_source(load(DEMO_SERVICE_TOKEN_FILE=str(token_file)))

    token_file.write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        FileTokenSource(token_file)

    token_file.write_text("abc\n")
    assert FileTokenSource(token_file).token() == "abc"
