"""`meterline restore`: a suite made anew from a backup, in a folder of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path, PurePosixPath

from meterline.errors import InputError
from meterline.suite import dumps, host
from meterline.suite.backup import KEPT_FOLDERS, Tell, copy_private, failures_told
from meterline.suite.binaries import Binaries, find_binaries
from meterline.suite.databases import ServiceDatabase, database_of, ensure_database
from meterline.suite.directory import DataDirectory
from meterline.suite.errors import SuiteError
from meterline.suite.manifest import Manifest, check_files, dump_name, open_to_others, read_manifest
from meterline.suite.postgres import PostgresServer
from meterline.suite.renewals import tell_restored
from meterline.suite.services import SERVICES, ServiceSpec, migrate
from meterline.suite.tasks import all_of
from meterline.suite.unfinished import must_be_free, unfinished


async def check_backup(
    backup: Path, tell: Tell, *, suite_version: str, services: Sequence[ServiceSpec] = SERVICES
) -> Manifest:
    """Check that a backup is whole, is what its manifest says, and that its dumps can be read.

    Raises InputError naming what is wrong, SuiteError if a dump can't be read.
    """
    manifest = read_manifest(backup, suite_version=suite_version)
    needed = {service.name for service in services if not service.came_later}
    if not needed <= set(manifest.services) <= {service.name for service in services}:
        raise InputError(f"{backup} holds {', '.join(manifest.services)}, which are not the services of this suite")
    tell(f"{len(manifest.files)} files are compared with their digests")
    check_files(backup, manifest)
    exposed = open_to_others(backup, manifest)
    if exposed:
        tell(f"other users can read {exposed[0]}, and it holds keys and passwords: chmod -R go= {backup}")
    binaries = _fitting_binaries(backup, manifest)
    with tempfile.TemporaryDirectory() as logs:
        for name in manifest.services:
            await dumps.list_content(binaries, backup / dump_name(name), Path(logs, f"{name}.log"))
    return manifest


async def restore(
    backup: Path, into: Path, tell: Tell, *, suite_version: str, services: Sequence[ServiceSpec] = SERVICES
) -> Manifest:
    """Make a suite from a backup in the new folder `into`, which is whole or not there.

    Every database is compared with what the manifest says it held. Raises InputError if the backup or `into` can't be
    used, SuiteError if it fails; nothing is left then.
    """
    must_be_free(into)
    manifest = await check_backup(backup, tell, suite_version=suite_version, services=services)
    with failures_told("the suite"), unfinished(into) as place:
        await _fill(DataDirectory(place), backup, manifest, services, tell)
    return manifest


async def _fill(
    directory: DataDirectory, backup: Path, manifest: Manifest, services: Sequence[ServiceSpec], tell: Tell
) -> None:
    kept = [name for name in manifest.files if PurePosixPath(name).parts[0] in KEPT_FOLDERS]
    copy_private(kept, backup, directory.root)
    directory.make()
    server = PostgresServer(
        directory.postgres, directory.log_file("postgres"), directory.password("postgres"), port=host.free_port()
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop)
        await server.start()
        databases = {service: database_of(directory, server.endpoint, service.name) for service in services}
        for service, database in databases.items():
            await ensure_database(server.superuser_dsn, database)
            if service.name not in manifest.services:
                tell(f"{service.name}: begins empty, since the backup is of a release before it")
                continue
            tell(f"{service.name}: {sum(manifest.services[service.name].fact_rows.values()):,} rows of facts")
            await _load(server.binaries, database, backup, manifest, directory)
        tell("Databases are brought up to date")
        reason = f"restored from the backup of {manifest.taken_at.isoformat(timespec='seconds')}"
        await all_of(_bring_up_to_date(service, database, directory, reason) for service, database in databases.items())


async def _load(
    binaries: Binaries, database: ServiceDatabase, backup: Path, manifest: Manifest, directory: DataDirectory
) -> None:
    name = database.name
    await dumps.load(binaries, database, backup / dump_name(name), directory.log_file(f"restore-{name}"))
    if await dumps.state_of(database) != manifest.services[name]:
        raise SuiteError(f"{name} does not hold after loading what the manifest says; take another backup")


async def _bring_up_to_date(
    service: ServiceSpec, database: ServiceDatabase, directory: DataDirectory, reason: str
) -> None:
    await migrate(service, database, directory)
    await tell_restored(service, database, directory, reason)


def _fitting_binaries(backup: Path, manifest: Manifest) -> Binaries:
    # No cluster lies in a backup, so these are the ones that a new cluster is made with.
    binaries = find_binaries(backup)
    needed = int(manifest.postgres_version.split(".")[0])
    if binaries.major < needed:
        raise SuiteError(
            f"the backup was taken from PostgreSQL {manifest.postgres_version}, and the one found here is "
            f"{binaries.version}; name the bin directory of one from {needed} on in METERLINE_POSTGRES_BIN"
        )
    return binaries
