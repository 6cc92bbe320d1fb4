"""`meterline backup`: all of a suite in one folder, while it runs or stands still."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from meterline.errors import InputError
from meterline.suite import context, dumps, files, host
from meterline.suite.binaries import Binaries, find_binaries
from meterline.suite.databases import database_of
from meterline.suite.directory import DataDirectory, DirectoryInUseError
from meterline.suite.errors import SuiteError
from meterline.suite.manifest import DATABASES, Manifest, ServiceState, dump_name, entries_below
from meterline.suite.postgres import Endpoint, PostgresServer
from meterline.suite.services import SERVICES, ServiceSpec
from meterline.suite.unfinished import must_be_free, unfinished

Tell = Callable[[str], None]
"""Takes a line on what happens now."""

KEPT_FOLDERS: Final = ("keys", "secrets", "tokens", "tls")
"""What of a data directory is kept besides the databases; everything else is made anew at each start."""


@dataclass(frozen=True, slots=True)
class _Source:
    """The Postgres of the suite that is backed up, and the programs that fit it."""

    endpoint: Endpoint
    binaries: Binaries


async def back_up(
    data_dir: Path, target: Path, tell: Tell, *, suite_version: str, services: Sequence[ServiceSpec] = SERVICES
) -> Manifest:
    """Back the suite in `data_dir` up into the new folder `target`, which is whole or not there.

    The snapshots of the databases are taken from right to left, so that each service is at or ahead of what its right
    neighbor has read of it. Raises InputError if `data_dir` or `target` can't be used, SuiteError if it fails.
    """
    directory = _suite_in(data_dir)
    must_be_free(target)
    with failures_told("the backup"):
        async with _source(directory, tell) as source:
            with unfinished(target) as place:
                manifest = await _fill(place, directory, source, services, suite_version, tell)
                manifest.write(place)
    return manifest


@contextmanager
def failures_told(what: str) -> Iterator[None]:
    """Turn what can go wrong with Postgres and with the disk into SuiteError."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError) as error:
        raise SuiteError(f"{what} broke off, for Postgres did: {error}; nothing of it is left; try again") from error
    except OSError as error:
        raise SuiteError(
            f"{what} could not be written: {error.strerror} ({error.filename}); nothing of it is left; "
            "make room, or name another place"
        ) from error


def _suite_in(data_dir: Path) -> DataDirectory:
    directory = DataDirectory(data_dir.absolute())
    if not (directory.postgres / "PG_VERSION").exists():
        raise InputError(f"there is no suite in {data_dir}; name its folder with --data")
    return directory


@asynccontextmanager
async def _source(directory: DataDirectory, tell: Tell) -> AsyncIterator[_Source]:
    """Yield the Postgres of a running suite, or start that of one that stands still, which is held meanwhile."""
    async with AsyncExitStack() as stack:
        try:
            stack.enter_context(directory.locked())
        except DirectoryInUseError:
            running = True
        else:
            running = False
        if running:
            yield _running(directory)
            return
        tell("The suite stands still: its Postgres is started for the backup")
        server = PostgresServer(
            directory.postgres, directory.log_file("postgres"), directory.password("postgres"), port=host.free_port()
        )
        stack.push_async_callback(server.stop)
        await server.start()
        yield _Source(server.endpoint, server.binaries)


def _running(directory: DataDirectory) -> _Source:
    if not directory.context_file.exists():
        raise SuiteError(f"the suite on {directory.root} is starting, stopping or being backed up; try again soon")
    address = urlsplit(next(iter(context.load(directory.context_file).dsn.values())))
    if not address.hostname or not address.port:
        raise SuiteError(f"{directory.context_file} does not say where Postgres listens; restart the suite")
    return _Source(Endpoint(address.hostname, address.port), find_binaries(directory.postgres))


async def _fill(
    place: Path,
    directory: DataDirectory,
    source: _Source,
    services: Sequence[ServiceSpec],
    suite_version: str,
    tell: Tell,
) -> Manifest:
    taken_at = datetime.now(UTC)
    files.make_private_directory(place / DATABASES)
    states: dict[str, ServiceState] = {}
    async with AsyncExitStack() as stack:
        held = []
        # All at once before the first dump, which may take long: the services then stand as close as can be.
        for service in reversed(services):
            database = database_of(directory, source.endpoint, service.name)
            held.append((service.name, database, await stack.enter_async_context(dumps.snapshot_of(database))))
        for name, database, snapshot in held:
            tell(f"{name}: {sum(snapshot.state.fact_rows.values()):,} rows of facts")
            log_file = directory.log_file(f"backup-{name}")
            await dumps.dump(source.binaries, database, snapshot, place / dump_name(name), log_file)
            states[name] = snapshot.state
    copy_private(_kept_files(directory.root), directory.root, place)
    return Manifest(suite_version, source.binaries.version, taken_at, states, entries_below(place))


def copy_private(names: Iterable[str], source: Path, target: Path) -> None:
    """Copy files so that their owner alone can read the copies."""
    for name in names:
        files.make_private_directory((target / name).parent)
        shutil.copyfile(source / name, target / name)
        (target / name).chmod(files.SECRET_MODE)


def _kept_files(root: Path) -> list[str]:
    found = (path for folder in KEPT_FOLDERS for path in sorted((root / folder).rglob("*")) if path.is_file())
    # Names that begin with a dot are files that are just being written.
    return [path.relative_to(root).as_posix() for path in found if not path.name.startswith(".")]
