"""The supervisor with real Postgres and real processes; only the services are small stand-ins."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import jwt
import pytest

from meterline.suite import context, host
from testkit.wait import eventually

pytestmark = pytest.mark.timeout(180)
HERE = Path(__file__).parent


@dataclass
class FakeSuite:
    """`drive_suite.py` on a directory of its own; `context` is what its ready file says now."""

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def data_dir(self) -> Path:
        return self.directory / "data"

    @property
    def ready_file(self) -> Path:
        return self.directory / "ready.json"

    @property
    def output_file(self) -> Path:
        return self.directory / "output.txt"

    @property
    def context(self) -> context.Context:
        return context.load(self.ready_file)

    def begin(self) -> subprocess.Popen[str]:
        with self.output_file.open("a") as output:
            process = subprocess.Popen(
                [sys.executable, str(HERE / "drive_suite.py"), str(self.data_dir), str(self.ready_file)],
                env={**os.environ, "PYTHONPATH": str(self.directory / "packages"), **self.environment},
                stdout=output,
                stderr=output,
                text=True,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    async def start(self) -> subprocess.Popen[str]:
        process = self.begin()

        def ready() -> bool:
            assert process.poll() is None, self.output_file.read_text()
            return self.ready_file.exists()

        await eventually(ready, 120)
        return process

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(60)


@pytest.fixture
def fake_suite(tmp_path: Path) -> Iterator[FakeSuite]:
    packages = tmp_path / "packages"
    packages.mkdir()
    for name in ("fake_left", "fake_right"):
        shutil.copy(HERE / "fake_service.py", packages / f"{name}.py")
    suite = FakeSuite(tmp_path)
    yield suite
    suite.end()


def accepts(address: str) -> bool:
    name, _, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((name, int(port))) == 0


async def facts(dsn: str) -> list[int]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT x FROM fact ORDER BY x")
    await connection.close()
    return [row["x"] for row in rows]


async def add_fact(dsn: str, value: int) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("INSERT INTO fact VALUES ($1)", value)
    await connection.close()


async def test_the_ready_file_tells_everything_a_command_needs(fake_suite: FakeSuite) -> None:
    supervisor = await fake_suite.start()

    document = json.loads(fake_suite.ready_file.read_text())
    assert set(document) >= {"services", "pids", "token", "dsn"}
    assert set(document["services"]) == set(document["dsn"]) == {"fake_left", "fake_right"}
    assert set(document["pids"]) == {"postgres", "fake_left", "fake_right"}
    assert all(host.is_alive(pid) for pid in document["pids"].values())
    assert all(accepts(address) for address in document["services"].values())
    assert document["supervisor"] == supervisor.pid
    assert stat.S_IMODE(fake_suite.ready_file.stat().st_mode) == 0o600
    claims = jwt.decode(document["token"], options={"verify_signature": False})
    assert (claims["tenant"], claims["scopes"]) == ("default", ["report", "read", "admin"])


async def test_a_service_is_told_its_database_keys_and_neighbor(fake_suite: FakeSuite) -> None:
    await fake_suite.start()

    told = json.loads((fake_suite.data_dir / "run" / "fake_right.json").read_text())["environment"]

    assert told["FAKE_RIGHT_FAKE_LEFT_TARGET"] == fake_suite.context.services["fake_left"]
    assert told["FAKE_RIGHT_DSN"] == fake_suite.context.dsn["fake_right"]
    assert told["FAKE_RIGHT_TRACE_RATIO"] == "0.5"
    assert "FAKE_RIGHT_MIGRATE_DSN" not in told
    public = json.loads((fake_suite.data_dir / "keys" / "jwks.json").read_text())
    assert all("d" not in key for key in public["keys"])
    token = (fake_suite.data_dir / "tokens" / "fake_right.token").read_text()
    assert jwt.decode(token, options={"verify_signature": False})["tenant"] == "*"


async def test_secrets_are_for_their_owner_alone(fake_suite: FakeSuite) -> None:
    await fake_suite.start()

    secrets = [*(fake_suite.data_dir / "secrets").iterdir(), *(fake_suite.data_dir / "tokens").iterdir()]
    secrets.append(fake_suite.data_dir / "keys" / "signing.pem")
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}


@pytest.mark.parametrize("victim", ["fake_left", "postgres"])
async def test_what_is_killed_comes_back_at_the_same_address(fake_suite: FakeSuite, victim: str) -> None:
    await fake_suite.start()
    before = fake_suite.context
    await add_fact(before.dsn["fake_left"], 7)

    os.kill(before.pids[victim], signal.SIGKILL)
    await eventually(lambda: fake_suite.context.pids[victim] != before.pids[victim], 60)

    after = fake_suite.context
    assert host.is_alive(after.pids[victim])
    assert (after.services, after.dsn) == (before.services, before.dsn)
    assert accepts(after.services["fake_left"])
    assert await facts(after.dsn["fake_left"]) == [7]
    assert f"{victim} (process {before.pids[victim]}) ended with SIGKILL" in fake_suite.output_file.read_text()
    assert (fake_suite.data_dir / "logs" / f"{victim}.log.1").exists()


async def test_sigterm_stops_all_from_right_to_left_and_exits_zero(fake_suite: FakeSuite) -> None:
    supervisor = await fake_suite.start()
    pids = fake_suite.context.pids

    supervisor.send_signal(signal.SIGTERM)

    assert supervisor.wait(60) == 0
    assert not any(host.is_alive(pid) for pid in pids.values())
    assert not fake_suite.ready_file.exists()
    logs = fake_suite.data_dir / "logs"
    left, right = (float((logs / f"{name}.log").read_text().split()[-1]) for name in ("fake_left", "fake_right"))
    assert right < left
    assert "database system is shut down" in (logs / "postgres.log").read_text()


async def test_no_orphan_outlives_a_killed_supervisor_and_the_next_run_takes_up_the_state(
    fake_suite: FakeSuite,
) -> None:
    supervisor = await fake_suite.start()
    first = fake_suite.context
    await add_fact(first.dsn["fake_right"], 1)

    supervisor.kill()
    supervisor.wait()
    # At once, while Postgres may still be shutting down.
    fake_suite.ready_file.unlink()
    await fake_suite.start()

    assert not any(host.is_alive(pid) for pid in first.pids.values())
    assert await facts(fake_suite.context.dsn["fake_right"]) == [1]


async def test_a_second_supervisor_on_the_same_directory_is_refused(fake_suite: FakeSuite) -> None:
    first = await fake_suite.start()

    second = fake_suite.begin()

    assert second.wait(60) == 1
    assert f"a suite already runs on {fake_suite.data_dir} (process {first.pid})" in fake_suite.output_file.read_text()
    assert fake_suite.ready_file.exists(), "the refused one must not take away the file of the one that runs"


async def test_a_service_that_cannot_start_ends_it_all_with_its_own_words(fake_suite: FakeSuite) -> None:
    fake_suite.environment["FAKE_FAILS"] = "fake_right"

    assert fake_suite.begin().wait(120) == 1

    assert "error: fake_right did not start: the stars are wrong" in fake_suite.output_file.read_text()
    assert not fake_suite.ready_file.exists()
    assert host.processes_in(fake_suite.data_dir / "postgres") == []


async def test_ctrl_c_while_starting_leaves_nothing_running(fake_suite: FakeSuite) -> None:
    process = fake_suite.begin()
    postgres_dir = fake_suite.data_dir / "postgres"
    await eventually(lambda: host.processes_in(postgres_dir), 60)

    process.send_signal(signal.SIGINT)

    assert process.wait(60) == 0
    assert host.processes_in(postgres_dir) == []
