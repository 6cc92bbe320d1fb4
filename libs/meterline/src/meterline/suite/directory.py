"""The data directory of one suite: what lies where, its secrets, and the lock that gives it to one supervisor."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from meterline.suite import files
from meterline.suite.errors import SuiteError

_PASSWORD_BYTES = 24


class DirectoryInUseError(SuiteError):
    """Another process holds the data directory."""


REVOKED_FILE_NAME = "revoked-tokens.txt"
"""The file of revoked tokens, beside the keys."""


DEFAULT_NAME = ".meterline"
"""Where a suite keeps its state when nobody says: this, below the working directory."""


def default_data_dir() -> Path:
    """Return the data directory of the suite that belongs to the working directory."""
    return Path.cwd() / DEFAULT_NAME


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Names of everything below one data directory."""

    root: Path

    @property
    def postgres(self) -> Path:
        """The Postgres cluster."""
        return self.root / "postgres"

    @property
    def keys(self) -> Path:
        """The signing key and the JWKS beside it."""
        return self.root / "keys"

    @property
    def certificates(self) -> Path:
        """Certificates of the suite's own authority, if it speaks TLS."""
        return self.root / "tls"

    @property
    def revoked_file(self) -> Path:
        """The ids of revoked tokens, one a line, beside the keys."""
        return self.keys / REVOKED_FILE_NAME

    @property
    def context_file(self) -> Path:
        """Where commands find the running suite if they are not told otherwise."""
        return self.root / "context.json"

    @property
    def logs(self) -> Path:
        """Logs of all children."""
        return self.root / "logs"

    def log_file(self, name: str) -> Path:
        """Log of one child."""
        return self.logs / f"{name}.log"

    def ready_file(self, service: str) -> Path:
        """Where a service says that it serves."""
        return self.root / "run" / f"{service}.json"

    def token_file(self, service: str) -> Path:
        """A service's own token."""
        return self.root / "tokens" / f"{service}.token"

    def make(self) -> None:
        """Make the directory and those below it, closed to other users. Raises SuiteError if that can't be."""
        try:
            for path in (self.root, self.keys, self.logs, *(self.root / name for name in ("run", "tokens", "secrets"))):
                files.make_private_directory(path)
        except OSError as error:
            raise SuiteError(f"can't use {self.root} as the data directory: {error.strerror}") from error

    def password(self, name: str) -> str:
        """Return the password of that name, made at the first call."""
        path = self.root / "secrets" / f"{name}.password"
        if not path.exists():
            files.write_atomically(path, secrets.token_urlsafe(_PASSWORD_BYTES), mode=files.SECRET_MODE)
        return path.read_text("ascii").strip()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for this process. Raises DirectoryInUseError naming the process that holds it already.

        The kernel drops the lock with the process, however that ends.
        """
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
                raise DirectoryInUseError(
                    f"a suite already runs on {self.root} (process {holder}); stop it, or choose another --data"
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
            yield
        finally:
            os.close(descriptor)
