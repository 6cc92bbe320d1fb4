"""`meterline database init` makes on any Postgres what the services need, and nothing twice."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from chassis.migrations import migrate
from chassis.postgres import connect_with
from testkit.live import METERLINE
from testkit.postgres import Cluster

SERVICE = "invoicing"


def init(dsn_file: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    command = [METERLINE, "database", "init", "--dsn-file", dsn_file, "--directory", directory, "--service", SERVICE]
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def dsn_file(postgres_cluster: Cluster, tmp_path: Path) -> Path:
    file = tmp_path / "superuser.dsn"
    file.write_text(postgres_cluster.superuser_dsn + "\n")
    return file


async def test_a_service_has_its_database_after_init_and_again_after_another(
    dsn_file: Path, postgres_cluster: Cluster, tmp_path: Path
) -> None:
    superuser = await connect_with(postgres_cluster.superuser_dsn)()
    directory = tmp_path / "addresses"
    # The roles are those of the tests, whose passwords have to come back.
    role_passwords = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname LIKE 'invoicing_%'"
    before = await superuser.fetch(role_passwords)
    try:
        done = init(dsn_file, directory)
        assert done.returncode == 0, done.stderr
        addresses = {file.name: file.read_text().strip() for file in directory.iterdir()}
        await migrate(addresses["invoicing.migrate.dsn"], SERVICE, "invoicing_app")
        app = await connect_with(addresses["invoicing.dsn"])()
        assert await app.fetchval("SELECT count(*) FROM invoice") == 0
        await app.close()

        again = init(dsn_file, directory)

        assert again.returncode == 0, again.stderr
        assert {file.name: file.read_text().strip() for file in directory.iterdir()} == addresses
        assert {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()} == {0o600}
    finally:
        await superuser.execute("DROP DATABASE IF EXISTS invoicing WITH (FORCE)")
        for row in before:
            await superuser.execute(f"ALTER ROLE {row['rolname']} PASSWORD '{row['rolpassword']}'")
        await superuser.close()


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
