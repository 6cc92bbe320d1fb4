"""Certificates change while calls go on: not one of them fails, and what does not fit is never used."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.sdk.metrics.export import NumberDataPoint

from chassis.tls.files import TlsFiles, TlsSource
from meterline.suite.certificates import Authority
from testkit.certificates import CertificateFiles, shown_certificate
from testkit.wait import eventually

from .conftest import SERVICE, Recorded, Running, Starter, tls_settings

ECHO, FEED = f"/{SERVICE}/Echo", f"/{SERVICE}/Feed"
CALLS_MIN = 1000
CALLERS = 8
LIMIT_S = 30.0


@dataclass
class Load:
    """Callers that call without a pause on one channel; which certificates of theirs the server saw."""

    channel: grpc.aio.Channel
    calls: int = 0
    failures: list[str] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)
    latest: bytes = b""

    async def call_until(self, stop: asyncio.Event) -> None:
        echo: Any = self.channel.unary_unary(ECHO)
        while not stop.is_set():
            self.calls += 1
            try:
                self.latest = await echo(b"", timeout=20)
                self.seen.add(self.latest)
            except grpc.aio.AioRpcError as error:
                self.failures.append(f"{error.code()} {error.details()}")


async def tell_certificate(request: bytes, context: Any) -> bytes:
    del request
    certificate: bytes = next(iter(context.auth_context()["x509_pem_cert"]))
    return certificate


async def serve(start: Starter, certificates: CertificateFiles, **handlers: Any) -> Running:
    echo = {"Echo": grpc.unary_unary_rpc_method_handler(tell_certificate), **handlers}
    # So that connections, which keep the certificates they began with, are made anew all the time.
    return await start(echo, connection_age_s=0.5, **tls_settings(certificates.write("server")))


@contextlib.asynccontextmanager
async def load(running: Running, files: TlsFiles) -> AsyncIterator[Load]:
    """Call while the block runs, and for at least CALLS_MIN calls."""
    calling = Load(running.channel(tls=TlsSource(files)))
    stop = asyncio.Event()
    tasks = [asyncio.create_task(calling.call_until(stop)) for _ in range(CALLERS)]
    try:
        yield calling
        await eventually(lambda: calling.calls >= CALLS_MIN, LIMIT_S)
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def shows(running: Running, files: TlsFiles, wanted: str) -> bool:
    try:
        return await asyncio.to_thread(shown_certificate, running.address, files) == wanted
    except OSError:
        return False


def pem(files: TlsFiles) -> str:
    assert files.certificate is not None
    return files.certificate.read_text()


async def test_a_new_certificate_of_the_server_fails_no_call(start: Starter, certificates: CertificateFiles) -> None:
    running, user = await serve(start, certificates), certificates.write("user")

    async with load(running, user) as calling:
        await eventually(lambda: calling.calls > 50, LIMIT_S)
        renewed = pem(certificates.write("server"))
        await eventually(lambda: shows(running, user, renewed), LIMIT_S)

    assert (calling.failures, calling.calls >= CALLS_MIN) == ([], True)


async def test_a_new_certificate_of_the_caller_fails_no_call(start: Starter, certificates: CertificateFiles) -> None:
    running, user = await serve(start, certificates), certificates.write("user")

    async with load(running, user) as calling:
        await eventually(lambda: calling.calls > 50, LIMIT_S)
        renewed = pem(certificates.write("user")).strip()
        await eventually(lambda: calling.latest.decode().strip() == renewed, LIMIT_S)

    assert (calling.failures, len(calling.seen)) == ([], 2)


async def test_a_new_authority_that_overlaps_with_the_old_one_fails_no_call(
    start: Starter, certificates: CertificateFiles
) -> None:
    running, user = await serve(start, certificates), certificates.write("user")
    new = Authority.generate()
    early, late = certificates.write("early", authority=new), certificates.write("late")

    async with load(running, user) as calling:
        certificates.believe(new, certificates.authority)
        first = pem(certificates.files("server"))
        await eventually(lambda: shows(running, early, first), LIMIT_S)
        renewed = pem(certificates.write("server", authority=new))
        mine = pem(certificates.write("user", authority=new)).strip()
        await eventually(lambda: shows(running, user, renewed), LIMIT_S)
        await eventually(lambda: calling.latest.decode().strip() == mine, LIMIT_S)
        certificates.believe(new)

        async def is_forgotten() -> bool:
            return not await shows(running, late, renewed)

        await eventually(is_forgotten, LIMIT_S)

    assert calling.failures == []


async def test_half_written_files_are_not_used_and_the_old_ones_go_on(
    start: Starter, certificates: CertificateFiles, recorded: Recorded
) -> None:
    running, user = await serve(start, certificates), certificates.write("user")
    server = certificates.files("server")
    first = pem(server)
    assert server.certificate is not None
    assert user.certificate is not None

    async with load(running, user) as calling:
        mine = pem(user)
        certificate, key = certificates.authority.issue(["127.0.0.1"])
        server.certificate.write_text(certificate[:300])
        user.certificate.write_text("")
        await eventually(lambda: reloads(recorded, "refused") == 1, LIMIT_S)
        server.certificate.write_text(certificate)
        await eventually(lambda: reloads(recorded, "refused") == 2, LIMIT_S)
        user.certificate.write_text(mine)
        assert await shows(running, user, first)
        assert server.key is not None
        server.key.write_text(key)
        await eventually(lambda: shows(running, user, certificate), LIMIT_S)

    assert (calling.failures, reloads(recorded, "reloaded")) == ([], 1)


async def test_a_stream_that_is_under_way_ends_on_the_connection_it_began_on(
    start: Starter, certificates: CertificateFiles
) -> None:
    go_on = asyncio.Event()

    async def feed(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"first"
        await go_on.wait()
        yield b"last"

    files = certificates.write("server")
    echo: Any = grpc.unary_unary_rpc_method_handler(tell_certificate)
    running = await start({"Echo": echo, "Feed": grpc.unary_stream_rpc_method_handler(feed)}, **tls_settings(files))
    user = certificates.write("user")
    channel: Any = running.channel(tls=TlsSource(user, every_s=0))
    stream = channel.unary_stream(FEED)(b"")
    assert await stream.read() == b"first"
    renewed = pem(certificates.write("user"))

    seen = await channel.unary_unary(ECHO)(b"")
    go_on.set()

    assert seen.decode().strip() == renewed.strip()
    assert await stream.read() == b"last"


async def test_how_long_certificates_last_is_measured_from_the_start(
    start: Starter, certificates: CertificateFiles, recorded: Recorded
) -> None:
    await serve(start, certificates)

    seconds = {point.attributes["tls.file"]: point.value for point in points(recorded, "tls.certificate.seconds")}  # type: ignore[index]
    left = {point.attributes["tls.file"]: point.value for point in points(recorded, "tls.certificate.left")}  # type: ignore[index]

    assert 86_000 < seconds["certificate"] < 86_400
    assert 364 * 86_400 < seconds["authority"] < 366 * 86_400
    assert all(0.9 < share <= 1 for share in left.values())
    assert (reloads(recorded, "reloaded"), reloads(recorded, "refused")) == (0, 0)


def points(recorded: Recorded, name: str) -> list[NumberDataPoint]:
    data = recorded.reader.get_metrics_data()
    return [
        point
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
        if isinstance(point, NumberDataPoint)
    ]


def reloads(recorded: Recorded, outcome: str) -> float:
    return next(
        point.value
        for point in points(recorded, "tls.reload")
        if (point.attributes or {}).get("metering.outcome") == outcome
    )
