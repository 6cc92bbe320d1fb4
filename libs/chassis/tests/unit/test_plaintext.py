"""Plain text stays on this machine unless somebody asked for it in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import MigrateSettings, ServiceSettings
from chassis.startup import SettingsError
from chassis.tls.plaintext import check_migration_plaintext, check_plaintext, is_loopback

HERE = "postgresql://app:hunter2@127.0.0.1/db"
AWAY = "postgresql://app:hunter2@db.example:5432/db"
FILE = Path("/tls/file.pem")


class DemoSettings(ServiceSettings):
    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="DEMO_")

    upstream_target: str = "127.0.0.1:1"


def settings(**changed: object) -> DemoSettings:
    return DemoSettings(**{"dsn": HERE, "jwks_file": FILE, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:1", "localhost:1", "[::1]:1", "127.8.9.1:1", "dns:///localhost:1", "unix:/run/a.sock", "a.localhost:1"],
)
def test_addresses_of_this_machine(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0:1",
        "[::]:1",
        "ingest:1",
        "dns:///ingest:1",
        "ipv4:10.0.0.1:1",
        "10.0.0.1:1",
        "127.0.0.1.example:1",
        "localhost.example:1",
    ],
)
def test_addresses_that_others_reach_or_that_reach_others(address: str) -> None:
    assert not is_loopback(address)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"listen": "0.0.0.0:8080"}, "DEMO_LISTEN=0.0.0.0:8080 would serve plain text .* DEMO_TLS_CERT_FILE"),
        ({"upstream_target": "dns:///left:1"}, "DEMO_UPSTREAM_TARGET=dns:///left:1 .* name DEMO_TLS_CA_FILE"),
        ({"dsn": AWAY}, "DEMO_DSN leaves this machine, and without sslmode .*sslmode=verify-full"),
        ({"dsn": f"{AWAY}?sslmode=prefer"}, "sslmode=prefer falls back to plain text"),
        ({"dsn": "postgresql://app@127.0.0.1,db.example/db"}, "DEMO_DSN leaves this machine"),
        ({"dsn": "postgresql:///db?host=db.example"}, "DEMO_DSN leaves this machine"),
    ],
)
def test_what_would_leave_this_machine_in_plain_text_is_refused_with_what_to_do(
    changed: dict[str, object], said: str
) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        check_plaintext(settings(**changed))

    assert "DEMO_PLAINTEXT=allowed" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    check_plaintext(settings(**changed, plaintext="allowed"))


@pytest.mark.parametrize(
    "changed",
    [
        {"health_listen": "0.0.0.0:8081"},
        {"listen": "0.0.0.0:8080", "tls_cert_file": FILE, "tls_key_file": FILE},
        {"upstream_target": "dns:///left:1", "tls_ca_file": FILE},
        {"dsn": f"{AWAY}?sslmode=verify-full"},
        {"dsn": f"{AWAY}?sslmode=disable"},
        {"dsn": "postgresql:///db?host=/run/postgresql"},
        {"dsn": "postgresql://app@%2Frun%2Fpostgresql/db"},
        {"dsn": "postgresql://app:p@[::1]:5432/db"},
    ],
)
def test_what_is_encrypted_or_asked_for_in_words_or_stays_here_is_taken(changed: dict[str, object]) -> None:
    check_plaintext(settings(**changed))


def test_migrations_do_not_send_the_owners_password_in_plain_text_either() -> None:
    class Migrate(MigrateSettings):
        model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="DEMO_")

    with pytest.raises(SettingsError, match="DEMO_MIGRATE_DSN leaves this machine"):
        check_migration_plaintext(Migrate(migrate_dsn=SecretStr(AWAY), app_role="app"))
    check_migration_plaintext(Migrate(migrate_dsn=SecretStr(HERE), app_role="app"))
