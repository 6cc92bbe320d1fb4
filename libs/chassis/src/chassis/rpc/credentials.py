"""Where the token of outgoing calls comes from."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

from chassis.startup import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from chassis.settings import ServiceSettings

_TOKEN_REREAD_S: Final = 10.0
_FILE_BYTES_MAX: Final = 64 * 1024


class TokenSource(Protocol):
    """Where the token of outgoing calls comes from."""

    def token(self) -> str:
        """Return the token to send now."""
        ...


class FileTokenSource:
    """A token in a file that is read again every few seconds, so that rotating it needs no restart."""

    def __init__(self, token_file: Path) -> None:
        """Read the token immediately. Raises SettingsError if the file can't be read or is empty."""
        self._token_file = token_file
        self._token = self._read()
        self._read_at_s = time.monotonic()

    def token(self) -> str:
        """Return the file's token, as of a few seconds ago at most."""
        now_s = time.monotonic()
        if now_s - self._read_at_s > _TOKEN_REREAD_S:
            self._token = self._read()
            self._read_at_s = now_s
        return self._token

    def _read(self) -> str:
        try:
            with self._token_file.open("rb") as file:
                token = file.read(_FILE_BYTES_MAX).decode().strip()
        except (OSError, ValueError) as error:
            raise SettingsError(f"can't read the service token file {self._token_file}: {error}") from error
        if not token:
            raise SettingsError(f"the service token file {self._token_file} is empty")
        return token


class StaticTokenSource:
    """A fixed token, for tests and short-lived tools."""

    def __init__(self, token: str) -> None:
        """Send `token`."""
        self._token = token

    def token(self) -> str:
        """Return the token."""
        return self._token


def service_token_source(settings: ServiceSettings) -> FileTokenSource:
    """Return the source of the service's own token. Raises SettingsError if the settings name no file."""
    if settings.service_token_file is None:
        prefix = type(settings).model_config.get("env_prefix", "")
        raise SettingsError(
            f"missing setting {prefix}SERVICE_TOKEN_FILE: the service asks another one and needs a token"
        )
    return FileTokenSource(settings.service_token_file)
