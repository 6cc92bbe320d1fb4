"""Where a database is and with which password: from a setting, or from files that are read again at each connect.

A password is rotated without a failed call in this order: write the new one to the file, wait until every process
sees the file, change it in Postgres. Until then Postgres refuses the new one, and the one before is used on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

_FILE_CHARS_MAX = 4096


@dataclass(slots=True)
class DatabaseAddress:
    """A postgresql:// address: `dsn`, or what `dsn_file` says; a `password_file` has the password instead."""

    dsn: SecretStr | str | None = field(default=None, repr=False)
    dsn_file: Path | None = None
    password_file: Path | None = None
    _accepted: tuple[str, str | None] | None = field(default=None, repr=False)
    """What Postgres accepted last."""

    async def connect(self, **options: Any) -> Any:
        """Open an asyncpg connection. Raises OSError if a file can't be read, and what asyncpg raises."""
        current = self._read()
        try:
            connection = await _connect(current, options)
        except asyncpg.InvalidPasswordError:
            if self._accepted in (None, current):
                raise
            return await _connect(self._accepted, options)
        self._accepted = current
        return connection

    def _read(self) -> tuple[str, str | None]:
        dsn = _plain(self.dsn) if self.dsn_file is None else _text(self.dsn_file)
        return dsn, None if self.password_file is None else _text(self.password_file)


async def _connect(accepted: tuple[str, str | None] | None, options: dict[str, Any]) -> Any:
    dsn, password = accepted or ("", None)
    return await asyncpg.connect(dsn, password=password, **options)


def _plain(dsn: SecretStr | str | None) -> str:
    return dsn if isinstance(dsn, str) else "" if dsn is None else dsn.get_secret_value()


def _text(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            return opened.read(_FILE_CHARS_MAX).strip()
    except UnicodeDecodeError as error:
        raise OSError(f"{file} is not UTF-8 text") from error
