"""Plain text stays on this machine: what would leave it unencrypted is refused at the start, unless asked for."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from chassis.startup import SettingsError

if TYPE_CHECKING:
    from chassis.database_address import DatabaseAddress
    from chassis.settings import MigrateSettings, ServiceSettings

_ENCRYPTED: Final = ("require", "verify-ca", "verify-full")
_IN_WORDS: Final = "disable"


def is_loopback(address: str) -> bool:
    """Return whether "host:port", or a gRPC target such as "dns:///name:port", stays on this machine."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    host = address.rpartition("/")[2].rpartition(":")[0].strip("[]")
    # With a colon too many ("127.0.0.1:1:1") it reaches nobody, and whoever binds it says better what is wrong.
    return _is_loopback_host(host) or (host.count(":") == 1 and _is_loopback_host(host.partition(":")[0]))


def _is_loopback_host(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_plaintext(settings: ServiceSettings) -> None:
    """Raise SettingsError if a connection of the service would be in plain text and leave this machine."""
    if settings.plaintext == "allowed":
        return
    prefix = str(type(settings).model_config.get("env_prefix", ""))
    ways_out = f"or set {prefix}PLAINTEXT=allowed if something else encrypts it, such as a mesh"
    if settings.tls_cert_file is None and not is_loopback(settings.listen):
        raise SettingsError(
            f"{prefix}LISTEN={settings.listen} would serve plain text beyond this machine: "
            f"name {prefix}TLS_CERT_FILE and {prefix}TLS_KEY_FILE, {ways_out}"
        )
    for name in type(settings).model_fields:
        target = getattr(settings, name)
        if name.endswith("_target") and settings.tls_ca_file is None and not is_loopback(target):
            raise SettingsError(
                f"{prefix}{name.upper()}={target} would be asked in plain text beyond this machine: "
                f"name {prefix}TLS_CA_FILE, {ways_out}"
            )
    _check_database(f"{prefix}DSN", settings.database, ways_out)


def check_migration_plaintext(settings: MigrateSettings) -> None:
    """Raise SettingsError if the schema would be changed over a connection in plain text that leaves this machine."""
    if settings.plaintext != "allowed":
        prefix = str(type(settings).model_config.get("env_prefix", ""))
        _check_database(f"{prefix}MIGRATE_DSN", settings.database, f"or set {prefix}PLAINTEXT=allowed")


def _check_database(key: str, database: DatabaseAddress, ways_out: str) -> None:
    # Only hosts and the mode are looked at and told: the rest of the address holds a password.
    try:
        parts = urlsplit(database.dsn_text())
        query = parse_qs(parts.query)
        hosts = [*query.get("host", []), *parts.netloc.rpartition("@")[2].split(",")]
    except OSError as error:
        raise SettingsError(f"can't read {key}_FILE: {error}") from error
    except ValueError:
        # No address that can be read: whoever connects says so.
        return
    names = [_host_of(host) for listed in hosts for host in listed.split(",") if host]
    if all(name.startswith("/") or _is_loopback_host(name) for name in names):
        return
    # The last one counts, as for Postgres itself.
    mode = query.get("sslmode", [""])[-1]
    if mode not in (*_ENCRYPTED, _IN_WORDS):
        said = f"sslmode={mode} falls back to plain text" if mode else "without sslmode it falls back to plain text"
        raise SettingsError(
            f"{key} leaves this machine, and {said}: "
            f"add ?sslmode=verify-full&sslrootcert=FILE, say sslmode=disable, {ways_out}"
        )


def _host_of(text: str) -> str:
    """Return the host of "host", "host:port" or "[v6]:port"."""
    decoded = text.replace("%2F", "/").replace("%2f", "/")
    if decoded.startswith("["):
        return decoded[1:].partition("]")[0]
    return decoded if decoded.startswith("/") or decoded.count(":") > 1 else decoded.partition(":")[0]
