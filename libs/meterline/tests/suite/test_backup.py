"""Backups with real Postgres and real dumps; only the services are small stand-ins."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from meterline.errors import InputError
from meterline.suite import context, host
from meterline.suite.backup import back_up
from meterline.suite.databases import ServiceDatabase, database_of, ensure_database
from meterline.suite.directory import DataDirectory
from meterline.suite.errors import SuiteError
from meterline.suite.manifest import DIGEST_NAME, MANIFEST_NAME, Manifest, entry_of
from meterline.suite.postgres import PostgresServer
from meterline.suite.restore import check_backup, restore
from meterline.suite.services import ServiceSpec, migrate
from meterline.suite.unfinished import PREFIX, unfinished
from testkit.wait import eventually

pytestmark = pytest.mark.timeout(180)
HERE = Path(__file__).parent
SERVICES = (ServiceSpec("fake_left"), ServiceSpec("fake_right", asks=("fake_left",)))
VERSION = "1.2.3"


def ignore(_: str) -> None:
    """Take a line of progress."""


async def backed_up(data_dir: Path, target: Path) -> Manifest:
    return await back_up(data_dir, target, ignore, suite_version=VERSION, services=SERVICES)


async def restored(backup: Path, into: Path, tell: Callable[[str], None] = ignore) -> Manifest:
    return await restore(backup, into, tell, suite_version=VERSION, services=SERVICES)


async def checked(backup: Path, tell: Callable[[str], None] = ignore) -> Manifest:
    return await check_backup(backup, tell, suite_version=VERSION, services=SERVICES)


@dataclass
class Suite:
    """A data directory whose Postgres runs, as `meterline up` leaves it for others to find."""

    directory: DataDirectory
    server: PostgresServer

    @property
    def data_dir(self) -> Path:
        return self.directory.root

    def database(self, service: str) -> ServiceDatabase:
        return database_of(self.directory, self.server.endpoint, service)


@contextlib.asynccontextmanager
async def server_of(directory: DataDirectory) -> AsyncIterator[PostgresServer]:
    server = PostgresServer(
        directory.postgres, directory.log_file("postgres"), directory.password("postgres"), port=host.free_port()
    )
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def execute(database: ServiceDatabase, *statements: str) -> Any:
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        return [await connection.fetch(statement) for statement in statements][-1]
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The stand-ins where Python finds them, also in the processes that a restore starts."""
    folder = tmp_path_factory.mktemp("packages")
    for service in SERVICES:
        shutil.copy(HERE / "fake_service.py", folder / f"{service.name}.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        yield folder


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def suite(tmp_path_factory: pytest.TempPathFactory, packages: Path) -> AsyncIterator[Suite]:
    directory = DataDirectory(tmp_path_factory.mktemp("suite") / "data")
    directory.make()
    (directory.keys / "signing.pem").write_text("a private key")
    (directory.keys / "signing.pem").chmod(0o644)
    directory.revoked_file.write_text("a-token\n")
    with directory.locked():
        async with server_of(directory) as server:
            made = Suite(directory, server)
            for service in SERVICES:
                database = made.database(service.name)
                await ensure_database(server.superuser_dsn, database)
                await migrate(service, database, directory)
            await execute(made.database("fake_left"), "INSERT INTO fact SELECT generate_series(1, 1000)")
            dsn = {service.name: made.database(service.name).dsn for service in SERVICES}
            context.save(directory.context_file, context.Context(services={}, token="t", dsn=dsn))
            yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kept(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the running suite."""
    target = tmp_path_factory.mktemp("kept") / "backup"
    await backed_up(suite.data_dir, target)
    return target


@pytest.fixture
def copied(kept: Path, tmp_path: Path) -> Path:
    """A backup that a test may spoil."""
    return Path(shutil.copytree(kept, tmp_path / "copied"))


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_backup_of_a_running_suite_is_for_its_owner_alone_and_says_what_it_holds(suite: Suite, kept: Path) -> None:
    document = json.loads((kept / MANIFEST_NAME).read_text())

    assert modes(kept) == {0o600}
    assert document["services"]["fake_left"]["fact_rows"] == {"fact": 1000}
    assert document["services"]["fake_left"]["migration"] == "0001"
    assert list(document["services"]) == ["fake_right", "fake_left"]
    assert set(document["files"]) >= {"databases/fake_left.dump", "keys/signing.pem", "keys/revoked-tokens.txt"}
    assert not list(kept.parent.glob(f"{PREFIX}*"))


async def test_what_is_restored_holds_what_was_backed_up_and_can_be_backed_up_standing_still(
    suite: Suite, copied: Path, tmp_path: Path
) -> None:
    (copied / "keys" / "signing.next.pem").write_text("put there by somebody else")
    into = tmp_path / "restored"
    into.mkdir()

    await restored(copied, into)
    again = await backed_up(into, tmp_path / "again")

    assert again.services["fake_left"].fact_rows == {"fact": 1000}
    directory = DataDirectory(into)
    assert (directory.keys / "signing.pem").read_text() == "a private key"
    assert modes(directory.keys) == {0o600}
    assert names_in(directory.keys) == ["revoked-tokens.txt", "signing.pem"]
    async with server_of(directory) as server:
        database = database_of(directory, server.endpoint, "fake_left")
        assert [tuple(row) for row in await execute(database, "SELECT count(*), sum(x) FROM fact")] == [(1000, 500500)]
        connection = await asyncpg.connect(database.dsn)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM fact")
        await connection.close()


async def test_nothing_is_overwritten(suite: Suite, kept: Path) -> None:
    with pytest.raises(InputError, match="is there already"):
        await backed_up(suite.data_dir, kept)
    with pytest.raises(InputError, match="is there already"):
        await restored(kept, suite.data_dir)
    with pytest.raises(InputError, match=r"there is no folder .*make it first"):
        await backed_up(suite.data_dir, kept.parent / "absent" / "backup")


async def test_a_folder_without_a_suite_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no suite in"):
        await backed_up(tmp_path, tmp_path / "backup")


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 1)


def change_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("spoil", [truncate, change_a_byte, Path.unlink])
@pytest.mark.parametrize("name", ["databases/fake_left.dump", "keys/signing.pem", MANIFEST_NAME])
async def test_a_spoilt_file_is_named_and_nothing_is_restored(
    copied: Path, tmp_path: Path, name: str, spoil: Callable[[Path], None]
) -> None:
    spoil(copied / name)

    with pytest.raises(InputError, match=name):
        await restored(copied, tmp_path / "restored")

    assert names_in(tmp_path) == ["copied"]


def rewrite(backup: Path, **changes: Any) -> None:
    """Change the manifest as somebody would who knows how to."""
    file = backup / MANIFEST_NAME
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    (backup / DIGEST_NAME).write_text(f"{entry_of(file).sha256}  {MANIFEST_NAME}\n")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, "has format 2, and this version reads 1"),
        ({"suite_version": "1.10.0"}, "made by Meterline 1.10.0, and this is 1.2.3"),
        ({"files": {"../../secret": {"bytes": 1, "sha256": "0"}}}, "outside of the backup"),
        ({"files": {}}, "no digest of databases/fake_right.dump"),
        ({"services": {}}, "not the services of this suite"),
        ({"taken_at": None}, "can't read"),
    ],
)
async def test_a_manifest_that_is_not_ours_is_refused(copied: Path, changes: dict[str, Any], words: str) -> None:
    rewrite(copied, **changes)

    with pytest.raises(InputError, match=words):
        await checked(copied)


async def test_a_backup_of_a_release_before_a_service_came_is_whole_and_one_that_lacks_another_is_not(
    copied: Path,
) -> None:
    newer = (*SERVICES, ServiceSpec("fake_portal", came_later=True))

    manifest = await check_backup(copied, lambda _: None, suite_version=VERSION, services=newer)

    assert set(manifest.services) == {service.name for service in SERVICES}
    with pytest.raises(InputError, match="not the services of this suite"):
        await check_backup(
            copied, lambda _: None, suite_version=VERSION, services=(*SERVICES, ServiceSpec("fake_other"))
        )


async def test_a_dump_that_is_none_is_found_though_its_digest_is_right(copied: Path) -> None:
    dump = copied / "databases" / "fake_left.dump"
    dump.write_bytes(b"PGDMP but not for long")
    entries = json.loads((copied / MANIFEST_NAME).read_text())["files"]
    rewrite(copied, files=entries | {"databases/fake_left.dump": {"bytes": 22, "sha256": entry_of(dump).sha256}})

    with pytest.raises(SuiteError, match="pg_restore failed"):
        await checked(copied)


async def test_a_database_that_is_not_what_the_manifest_says_is_not_restored(copied: Path, tmp_path: Path) -> None:
    states = json.loads((copied / MANIFEST_NAME).read_text())["services"]
    states["fake_left"]["fact_rows"]["fact"] = 1001
    rewrite(copied, services=states)

    with pytest.raises(SuiteError, match="fake_left does not hold after loading what the manifest says"):
        await restored(copied, tmp_path / "restored")

    assert names_in(tmp_path) == ["copied"]


async def test_files_that_others_can_read_are_told(copied: Path) -> None:
    (copied / "keys" / "signing.pem").chmod(0o640)
    told: list[str] = []

    await checked(copied, told.append)

    assert any(f"keys/signing.pem, and it holds keys and passwords: chmod -R go= {copied}" in line for line in told)


async def test_of_two_backups_to_one_place_one_is_there_and_whole(suite: Suite, tmp_path: Path) -> None:
    target = tmp_path / "backup"

    outcomes = await asyncio.gather(*(backed_up(suite.data_dir, target) for _ in range(2)), return_exceptions=True)

    (refused,) = (outcome for outcome in outcomes if isinstance(outcome, BaseException))
    assert "made by another process in the meantime" in str(refused)
    await checked(target)
    assert names_in(tmp_path) == ["backup"]


def begin_backup(data_dir: Path, target: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(HERE / "drive_backup.py"), str(data_dir), str(target)])


async def test_kill_9_leaves_nothing_that_looks_like_a_backup(suite: Suite, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    left = suite.database("fake_left")
    blocker = await asyncpg.connect(left.owner_dsn)
    await blocker.execute("CREATE TABLE in_the_way (x int)")
    block = blocker.transaction()
    await block.start()
    # Every dump reads the table, and nothing else does: so the dump of the last database stands still in the middle.
    await blocker.execute("LOCK TABLE in_the_way IN ACCESS EXCLUSIVE MODE")

    async def dumps() -> int:
        running = (
            "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'pg_dump' AND datname = 'fake_left'"
        )
        return int((await execute(left, running))[0]["n"])

    async def no_dumps() -> bool:
        return not await dumps()

    process = begin_backup(suite.data_dir, target)
    await eventually(dumps, 60)
    process.kill()
    process.wait()

    await block.rollback()
    await eventually(no_dumps, 30)
    (left_behind,) = names_in(tmp_path)
    assert left_behind.startswith(PREFIX)
    assert names_in(tmp_path / left_behind) == ["databases"]
    await blocker.execute("DROP TABLE in_the_way")
    await blocker.close()
    await backed_up(suite.data_dir, target)
    assert names_in(tmp_path) == ["backup"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 64 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a file system can't be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


async def test_a_full_disk_leaves_nothing_and_is_told(suite: Suite, kept: Path, small_disk: Path) -> None:
    right = suite.database("fake_right")
    await execute(
        right,
        "CREATE TABLE big AS SELECT sha512(n::text::bytea) AS x FROM generate_series(1, 5000) AS n",
    )

    with pytest.raises(SuiteError, match="No space left on device"):
        await backed_up(suite.data_dir, small_disk / "backup")
    with pytest.raises(SuiteError, match="No space left on device"):
        await restored(kept, small_disk / "restored")

    assert names_in(small_disk) == []
    await execute(right, "DROP TABLE big")


def test_what_is_being_made_is_left_alone_and_what_was_abandoned_is_removed(tmp_path: Path) -> None:
    abandoned = tmp_path / f"{PREFIX}dead"
    abandoned.mkdir()

    with unfinished(tmp_path / "first") as first:
        assert not abandoned.exists()
        with unfinished(tmp_path / "second"):
            assert first.exists()

    assert names_in(tmp_path) == ["first", "second"]
