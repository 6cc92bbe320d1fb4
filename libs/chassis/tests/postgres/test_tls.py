"""Postgres over TLS, with a real server and an authority of our own: who is believed, and what is refused."""

from __future__ import annotations

import os
import secrets
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from chassis.errors import Unavailable
from chassis.migrations import migrate
from chassis.postgres import open_engine, transaction
from meterline.suite import host
from meterline.suite.certificates import Authority
from meterline.suite.databases import Credentials, ServiceDatabase, ensure_database
from meterline.suite.files import make_private_directory
from meterline.suite.postgres import SETTINGS, PostgresServer
from testkit.certificates import CertificateFiles


@dataclass(frozen=True)
class _Settings:
    pool_size: int = 1
    statement_timeout_s: float = 10.0


@dataclass(frozen=True)
class TlsPostgres:
    """A cluster that speaks TLS, and a database in it."""

    database: ServiceDatabase
    certificates: CertificateFiles

    def dsn(self, authorities: Path | None = None) -> str:
        return f"{self.database.dsn}?sslmode=verify-full&sslrootcert={authorities or self.certificates.authorities}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def postgres() -> AsyncIterator[TlsPostgres]:
    directory = Path(tempfile.mkdtemp(prefix="meterline-tls-"))
    certificates = CertificateFiles(make_private_directory(directory / "tls"))
    files = certificates.write("postgres")
    assert files.certificate is not None
    assert files.key is not None
    settings = {
        **SETTINGS,
        "shared_buffers": "32MB",
        "ssl": "on",
        "ssl_cert_file": str(files.certificate),
        "ssl_key_file": str(files.key),
    }
    server = PostgresServer(
        directory / "postgres",
        make_private_directory(directory / "logs") / "postgres.log",
        secrets.token_urlsafe(24),
        port=host.free_port(),
        settings=settings,
    )
    if server.account is not None:
        for path in (files.certificate, files.key, certificates.directory):
            os.chown(path, server.account.user_id, server.account.group_id)
    try:
        await server.start()
        owner, app = (Credentials(f"testkit_{part}", secrets.token_urlsafe(24)) for part in ("owner", "app"))
        database = ServiceDatabase(server.endpoint, "testkit", owner, app)
        await ensure_database(server.superuser_dsn, database)
        yield TlsPostgres(database, certificates)
    finally:
        await server.stop()
        shutil.rmtree(directory)


async def encrypted(dsn: str) -> bool:
    engine = open_engine(dsn, _Settings())
    try:
        async with transaction(engine) as conn:
            found = await conn.execute(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
            return bool(found.scalar_one())
    finally:
        await engine.dispose()


async def test_a_service_and_its_migrations_reach_postgres_over_tls(postgres: TlsPostgres) -> None:
    owner = f"{postgres.database.owner_dsn}?sslmode=verify-full&sslrootcert={postgres.certificates.authorities}"
    await migrate(owner, "testkit", postgres.database.app.role)

    assert await encrypted(postgres.dsn())


async def test_a_postgres_that_can_not_prove_who_it_is_is_not_believed(postgres: TlsPostgres, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text(Authority.generate().pem)

    with pytest.raises(Unavailable, match="can't be reached"):
        await encrypted(postgres.dsn(other))


async def test_the_authority_is_read_anew_at_each_connection(postgres: TlsPostgres, tmp_path: Path) -> None:
    changing = tmp_path / "ca.pem"
    changing.write_text(Authority.generate().pem)
    engine = open_engine(postgres.dsn(changing), _Settings())
    try:
        with pytest.raises(Unavailable) as caught:
            async with transaction(engine):
                pass
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        changing.write_text(postgres.certificates.authority.pem)
        async with transaction(engine) as conn:
            assert (await conn.execute(text("SELECT 1"))).scalar_one() == 1
    finally:
        await engine.dispose()
