"""A service as a process: it waits for its schema, serves, watches its database, drains on SIGTERM and exits 0."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import SecretStr

from chassis.errors import Reason, Unavailable
from chassis.errors.status import from_rpc_error
from chassis.settings import ServiceSettings, longest_stop_s
from meterline.suite.databases import ServiceDatabase
from meterline.suite.services import SERVICES
from testkit.postgres import Cluster
from testkit.tokens import SigningKey
from testkit.wait import eventually

ECHO, FEED = "/test.v1.EchoService/Echo", "/test.v1.EchoService/Feed"
SERVING = health_pb2.HealthCheckResponse.SERVING

PROGRAM = """
import asyncio
import grpc
from pydantic_settings import SettingsConfigDict
from chassis.command_line import main
from chassis.errors import Reason, Unavailable
from chassis.identity import Scope
from chassis.rpc.method import Method
from chassis.rpc.server import Served
from chassis.service import Composition
from chassis.settings import MigrateSettings, ServiceSettings
from chassis.loops import Loop


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="ECHO_")


class Migrate(MigrateSettings):
    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="ECHO_")


async def compose(runtime):
    async def echo(request, context):
        await asyncio.sleep(float(request or 0))
        return request

    async def feed(request, context):
        yield b"segment"
        await runtime.draining.wait()
        raise Unavailable(Reason.UNAVAILABLE, "resume elsewhere")

    handlers = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Feed": grpc.unary_stream_rpc_method_handler(feed),
    }
    name = "test.v1.EchoService"
    methods = {f"/{name}/{method}": Method(frozenset({Scope.READ}), is_feed=method == "Feed") for method in handlers}
    served = Served(lambda server: server.add_registered_method_handlers(name, handlers), methods)

    async def work(stop):
        await stop.wait()

    async def stubborn(stop):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.Event().wait()

    is_stubborn = runtime.settings.log_level == "debug"
    return Composition([served], [Loop("work", stubborn if is_stubborn else work)])


main("testkit", Settings, Migrate, compose)
"""


@dataclass
class Process:
    """The program under test, its environment and what it has said."""

    directory: Path
    environment: dict[str, str]
    key: SigningKey
    running: asyncio.subprocess.Process | None = None

    async def begin(self, *arguments: str, **changed: str) -> asyncio.subprocess.Process:
        with (self.directory / "log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                str(self.directory / "echo_service.py"),
                *arguments,
                env={**self.environment, **changed},
                stdout=log,
                stderr=log,
            )

    async def run(self, *arguments: str, **changed: str) -> int:
        process = await self.begin(*arguments, **changed)
        return await asyncio.wait_for(process.wait(), 30)

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    @property
    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]

    def said(self, event: str) -> dict[str, Any]:
        return next((entry for entry in self.logged if entry["event"] == event), {})

    def call(self, channel: Any, seconds: str = "0") -> Any:
        token = self.key.mint("acme", ["read"])
        return channel.unary_unary(ECHO)(seconds.encode(), metadata=(("authorization", f"Bearer {token}"),), timeout=10)

    async def health(self, address: str, service: str) -> int | None:
        async with grpc.aio.insecure_channel(address) as channel:
            try:
                request = health_pb2.HealthCheckRequest(service=service)
                stub: Any = health_pb2_grpc.HealthStub(channel)
                return int((await stub.Check(request, timeout=2)).status)
            except grpc.aio.AioRpcError:
                return None


Prepare = Callable[[ServiceDatabase], Process]


@pytest_asyncio.fixture(loop_scope="session")
async def prepare(tmp_path: Path, signing_key: SigningKey) -> AsyncIterator[Prepare]:
    """A function that prepares the program for a database; what still runs at the end is killed."""
    prepared: list[Process] = []

    def make(database: ServiceDatabase) -> Process:
        (tmp_path / "echo_service.py").write_text(PROGRAM)
        environment = {
            "PATH": os.environ["PATH"],
            "ECHO_DSN": database.dsn,
            "ECHO_JWKS_FILE": str(signing_key.write_jwks(tmp_path / "jwks.json")),
            "ECHO_READY_FILE": str(tmp_path / "ready.json"),
            "ECHO_MIGRATE_DSN": database.owner_dsn,
            "ECHO_APP_ROLE": database.app.role,
        }
        prepared.append(Process(tmp_path, environment, signing_key))
        return prepared[-1]

    yield make
    for process in prepared:
        if process.running is not None and process.running.returncode is None:
            process.running.kill()
            await process.running.wait()


async def serving(process: Process, **changed: str) -> dict[str, Any]:
    process.running = await process.begin("serve", **changed)
    ready_file = process.directory / "ready.json"
    await eventually(ready_file.exists, limit_s=20)
    ready: dict[str, Any] = json.loads(ready_file.read_text())
    assert ready["pid"] == process.running.pid
    return ready


async def test_a_service_waits_for_its_schema_and_then_serves(postgres_cluster: Cluster, prepare: Prepare) -> None:
    database = await postgres_cluster.empty_database("testkit")
    process = prepare(database)
    process.running = await process.begin("serve")
    listening = await eventually(lambda: process.said("listening"), limit_s=20)

    async with grpc.aio.insecure_channel(listening["listen"]) as channel:
        await eventually(lambda: process.said("not ready"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await process.call(channel)
        refused = from_rpc_error(caught.value)
        before = await process.health(listening["health"], "readiness")
        alive = await process.health(listening["health"], "liveness")

        assert await process.run("migrate") == 0
        await eventually((process.directory / "ready.json").exists)
        answer = await process.call(channel)

    async def is_ready() -> bool:
        return await process.health(listening["health"], "readiness") == SERVING

    assert isinstance(refused, Unavailable)
    assert refused.reason is Reason.SERVICE_NOT_READY
    assert (before == SERVING, alive == SERVING) == (False, True)
    assert answer == b"0"
    await eventually(is_ready)
    process.running.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.running.wait(), 10) == 0
    assert database.app.password not in process.log
    await postgres_cluster.drop(database)


async def test_on_sigterm_feeds_end_calls_in_flight_finish_and_the_process_exits_0(
    fresh_database: Any, prepare: Prepare
) -> None:
    process = prepare(await fresh_database("testkit"))
    ready = await serving(process)
    assert process.running is not None
    token = process.key.mint("acme", ["read"])

    async with grpc.aio.insecure_channel(ready["listen"]) as channel:
        stub: Any = channel
        feed = stub.unary_stream(FEED)(b"", metadata=(("authorization", f"Bearer {token}"),))
        assert await feed.read() == b"segment"
        in_flight = asyncio.ensure_future(process.call(channel, "1.0"))
        await process.call(channel)
        process.running.send_signal(signal.SIGTERM)

        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await feed.read()
        assert await in_flight == b"1.0"

    assert await asyncio.wait_for(process.running.wait(), 10) == 0
    assert from_rpc_error(ended.value).reason is Reason.UNAVAILABLE
    assert [entry["event"] for entry in process.logged][-2:] == ["draining", "stopped"]


async def test_however_much_is_in_its_way_a_stop_takes_no_longer_than_its_budget(
    fresh_database: Any, prepare: Prepare
) -> None:
    process = prepare(await fresh_database("testkit"))
    settings = ServiceSettings(dsn=SecretStr("postgresql://x"), jwks_file=Path("x"), drain_s=2.0)
    loop = asyncio.get_running_loop()

    # A call that never ends, a loop that minds no cancelling, and a collector that takes a connection and says nothing.
    collector = socket.create_server(("127.0.0.1", 0))
    endpoint = f"127.0.0.1:{collector.getsockname()[1]}"
    ready = await serving(process, ECHO_DRAIN_S="2", ECHO_LOG_LEVEL="debug", ECHO_OTLP_ENDPOINT=endpoint)
    assert process.running is not None
    async with grpc.aio.insecure_channel(ready["listen"]) as channel:
        await process.call(channel)
        endless = asyncio.ensure_future(process.call(channel, "3600"))
        await eventually(lambda: process.said("ready"))
        began_s = loop.time()
        process.running.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(process.running.wait(), 60)
        took_s = loop.time() - began_s
        await asyncio.gather(endless, return_exceptions=True)
    collector.close()

    assert code == 0
    # Ending the interpreter itself is not a part of it.
    assert took_s < longest_stop_s(settings) + 1.0


def can_be_first() -> bool:
    """Whether this machine lets a test make a process that is the first of its own namespace, as in a container."""
    command = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "true"]
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not can_be_first(), reason="needs namespaces of process ids: unshare --user --pid")
@pytest.mark.parametrize("service", [service.name for service in SERVICES])
async def test_the_first_process_of_a_container_ends_at_sigterm_while_it_is_still_importing(service: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"),
        *(sys.executable, "-X", "importtime", "-P", "-m", service, "serve"),
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    try:
        assert process.stderr is not None
        # From here on it has a handler; the other imports take seconds.
        while b"chassis.stop_at_once" not in await asyncio.wait_for(process.stderr.readline(), 20):
            pass
        (child,) = await eventually(lambda: children(process.pid))
        began_s = asyncio.get_running_loop().time()
        os.kill(child, signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 5)

        assert process.returncode == 128 + signal.SIGTERM
        assert asyncio.get_running_loop().time() - began_s < 1.0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(
    ("changed", "arguments", "code", "said"),
    [
        ({"ECHO_DRAIN": "1"}, ["serve"], 2, "testkit: unknown setting ECHO_DRAIN; did you mean ECHO_DRAIN_S?"),
        ({"ECHO_JWKS_FILE": "/none"}, ["serve"], 2, "testkit: can't read the JWKS file /none"),
        ({"ECHO_READY_FILE": "/none/ready"}, ["serve"], 2, "can't write the ready file /none/ready: No such file"),
        (
            {"ECHO_LISTEN": "0.0.0.0:0"},
            ["serve"],
            2,
            "ECHO_LISTEN=0.0.0.0:0 would serve plain text beyond this machine",
        ),
        ({"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}, ["serve"], 2, "protobuf parses with 'python'"),
        ({"ECHO_TLS_CERT_FILE": "/none"}, ["serve"], 2, "testkit: a TLS certificate and its private key come together"),
        ({"ECHO_MIGRATE_DSN": "postgresql://a@db.example/b"}, ["migrate"], 2, "ECHO_MIGRATE_DSN leaves this machine"),
        ({"ECHO_LISTEN": "127.0.0.1:1:1"}, ["serve"], 1, "127.0.0.1:1:1"),
        ({"ECHO_APP_ROLE": "nobody_at_all"}, ["migrate"], 1, "testkit: role nobody_at_all does not exist"),
        ({}, ["sing"], 2, "usage: python -m testkit serve|migrate"),
    ],
)
async def test_what_can_never_run_exits_at_once_and_says_why(
    postgres_cluster: Cluster, prepare: Prepare, changed: dict[str, str], arguments: list[str], code: int, said: str
) -> None:
    database = await postgres_cluster.empty_database("testkit")
    process = prepare(database)

    assert await process.run(*arguments, **changed) == code

    assert said in process.log
    await postgres_cluster.drop(database)
