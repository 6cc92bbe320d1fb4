"""`meterline database init` makes on any Postgres what the services need, and nothing twice."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from chassis.database_address import DatabaseAddress
from chassis.migrations import migrate
from chassis.postgres import connect_with
from testkit.live import METERLINE
from testkit.postgres import Cluster
from testkit.wait import eventually

SERVICE = "invoicing"


def run(command: str, dsn_file: Path, directory: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    arguments = [METERLINE, "database", command, "--dsn-file", dsn_file, "--directory", directory, *options]
    return subprocess.run(
        [*map(str, arguments), "--service", SERVICE], capture_output=True, text=True, check=False, timeout=120
    )


def init(dsn_file: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    return run("init", dsn_file, directory)


@pytest.fixture
def dsn_file(postgres_cluster: Cluster, tmp_path: Path) -> Path:
    file = tmp_path / "superuser.dsn"
    file.write_text(postgres_cluster.superuser_dsn + "\n")
    return file


@pytest_asyncio.fixture(loop_scope="session")
async def superuser(postgres_cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    """A session of the superuser. The roles are those of the tests, so they come back as they were."""
    connection = await connect_with(postgres_cluster.superuser_dsn)()
    before = await connection.fetch("SELECT rolname, rolpassword FROM pg_authid WHERE rolname LIKE 'invoicing_%'")
    try:
        yield connection
    finally:
        await connection.execute("DROP DATABASE IF EXISTS invoicing WITH (FORCE)")
        await connection.execute("DROP ROLE IF EXISTS invoicing_app_2")
        for row in before:
            await connection.execute(f"ALTER ROLE {row['rolname']} LOGIN PASSWORD '{row['rolpassword']}'")
        await connection.close()


def addresses_in(directory: Path) -> dict[str, str]:
    return {file.name: file.read_text().strip() for file in directory.iterdir()}


async def prepared(dsn_file: Path, directory: Path) -> dict[str, str]:
    """Make the database and its schema; return the addresses by their files."""
    done = init(dsn_file, directory)
    assert done.returncode == 0, done.stderr
    addresses = addresses_in(directory)
    await migrate(addresses["invoicing.migrate.dsn"], SERVICE, "invoicing_app")
    return addresses


async def invoices_counted_by(address: str) -> tuple[str, int]:
    """Connect; return who one is, and how many invoices there are."""
    connection = await connect_with(address)()
    try:
        row = await connection.fetchrow("SELECT current_user::text, (SELECT count(*) FROM invoice)")
        return row[0], row[1]
    finally:
        await connection.close()


@pytest.mark.usefixtures("superuser")
async def test_a_service_has_its_database_after_init_and_again_after_another(dsn_file: Path, tmp_path: Path) -> None:
    directory = tmp_path / "addresses"
    addresses = await prepared(dsn_file, directory)
    assert await invoices_counted_by(addresses["invoicing.dsn"]) == ("invoicing_app", 0)

    again = init(dsn_file, directory)

    assert again.returncode == 0, again.stderr
    assert addresses_in(directory) == addresses
    assert {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()} == {0o600}


async def test_a_password_is_changed_while_every_connection_that_is_made_meets_a_role_that_may_sign_in(
    superuser: asyncpg.Connection, dsn_file: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "addresses"
    old = (await prepared(dsn_file, directory))["invoicing.dsn"]
    service = DatabaseAddress(dsn_file=directory / "invoicing.dsn")
    kept = await service.connect()
    (tmp_path / "new").write_text("a-new-password-of-mine\n")

    changed = run("password", dsn_file, directory, "--password-file", tmp_path / "new")

    assert changed.returncode == 0, changed.stderr
    new = addresses_in(directory)["invoicing.dsn"]
    assert urlsplit(new).username == "invoicing_app_2"
    assert urlsplit(new).password == "a-new-password-of-mine"
    # Whoever has not read the new address yet goes on with the old one.
    assert await invoices_counted_by(old) == ("invoicing_app", 0)
    assert await invoices_counted_by(new) == ("invoicing_app_2", 0)

    early, twice = run("password", dsn_file, directory, "--retire"), run("password", dsn_file, directory)
    assert (early.returncode, twice.returncode) == (4, 4)
    assert "invoicing_app has 1 sessions and invoicing_app_2 none" in early.stderr
    assert "end that with --retire first" in twice.stderr

    fresh = await service.connect()
    retired = run("password", dsn_file, directory, "--retire")

    assert retired.returncode == 0, retired.stderr
    await eventually(kept.is_closed, what="the former role's session to end")
    assert await fresh.fetchval("SELECT count(*) FROM invoice") == 0
    await fresh.close()
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await invoices_counted_by(old)
    assert not await superuser.fetchval("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'invoicing_app'")


@pytest.mark.usefixtures("superuser")
async def test_the_roles_take_turns_and_init_and_migrations_leave_the_turn_as_it_is(
    dsn_file: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "addresses"
    owner_dsn = (await prepared(dsn_file, directory))["invoicing.migrate.dsn"]
    names = []
    for _ in range(2):
        assert run("password", dsn_file, directory).returncode == 0
        assert run("password", dsn_file, directory, "--retire").returncode == 0
        told = addresses_in(directory)["invoicing.dsn"]
        assert init(dsn_file, directory).returncode == 0
        await migrate(owner_dsn, SERVICE, "invoicing_app")
        assert addresses_in(directory)["invoicing.dsn"] == told
        names.append((await invoices_counted_by(told))[0])

    assert names == ["invoicing_app_2", "invoicing_app"]


@pytest.mark.usefixtures("superuser")
async def test_the_password_of_the_owner_is_changed_in_one_step(dsn_file: Path, tmp_path: Path) -> None:
    directory = tmp_path / "addresses"
    before = await prepared(dsn_file, directory)

    assert run("password", dsn_file, directory, "--owner").returncode == 0

    after = addresses_in(directory)
    assert after["invoicing.dsn"] == before["invoicing.dsn"]
    assert (await invoices_counted_by(after["invoicing.migrate.dsn"]))[0] == "invoicing_owner"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await invoices_counted_by(before["invoicing.migrate.dsn"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--owner", "--retire"], "leave --retire out"),
        (["--retire", "--password-file", "new"], "for the first step"),
        (["--password-file", "new"], "must have 16 to 128 of A to Z"),
        (["--password-file", "none"], "can't read the password"),
        ([], "can't read the address"),
    ],
)
def test_a_change_that_can_not_be_made_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("superuser.dsn").write_text("postgresql://postgres:x@127.0.0.1:1/postgres")
    Path("new").write_text("short")

    done = run("password", Path("superuser.dsn"), Path("addresses"), *options)

    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must hold one line such as postgresql://"),
        ("host=db user=postgres", "must hold one line such as postgresql://"),
    ],
)
def test_an_address_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "superuser.dsn"
    file.write_text(text)

    done = init(file, tmp_path / "addresses")

    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "addresses").exists()
