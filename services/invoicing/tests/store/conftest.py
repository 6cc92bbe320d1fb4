"""Invoices on real Postgres: as the app role writes them, as the owner and a superuser may try to change them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
import pytest_asyncio
from opentelemetry.metrics import NoOpMeter
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.postgres import open_engine, transaction
from invoicing import operations, store
from invoicing.domain.composition import compose
from invoicing.domain.invoice import BilledPeriod, BillingProfile, DraftLine, IssuedInvoice, Rated
from invoicing.operations import Deps
from invoicing.telemetry import Instruments
from meterline.suite.databases import ServiceDatabase
from testkit.clock import FakeClock
from testkit.postgres import Cluster, DatabaseMaker

SETTINGS = SimpleNamespace(pool_size=10, statement_timeout_s=15.0)
Bill = Callable[..., Awaitable[IssuedInvoice]]


@dataclass(frozen=True)
class Database:
    """A fresh database of invoicing, as each role sees it."""

    described: ServiceDatabase
    app: AsyncEngine
    owner: AsyncEngine
    superuser: AsyncEngine


@pytest_asyncio.fixture(loop_scope="session")
async def database(fresh_database: DatabaseMaker, postgres_cluster: Cluster) -> AsyncIterator[Database]:
    described = await fresh_database("invoicing")
    superuser_dsn = postgres_cluster.superuser_dsn.rpartition("/")[0] + f"/{described.name}"
    made = Database(
        described,
        app=open_engine(described.dsn, SETTINGS),
        owner=open_engine(described.owner_dsn, SETTINGS),
        superuser=open_engine(superuser_dsn, SETTINGS),
    )
    yield made
    for engine in (made.app, made.owner, made.superuser):
        await engine.dispose()


@pytest.fixture
def deps(database: Database, clock: FakeClock) -> Deps:
    """What operations on the database alone need: nobody is asked here."""
    return Deps(
        engine=database.app,
        rating=SimpleNamespace(),  # type: ignore[arg-type]
        clock=clock,
        instruments=Instruments(NoOpMeter("test")),
    )


@pytest.fixture
def bill(database: Database, clock: FakeClock, profile: BillingProfile) -> Bill:
    """Freeze an invoice of charges as finalisation does."""

    async def freeze(
        rated: Rated,
        *adjustments: DraftLine,
        amended: tuple[BilledPeriod, ...] = (),
        tenant: str = "acme",
        prefix: str = "INV",
    ) -> IssuedInvoice:
        async with transaction(database.app) as conn:
            draft = compose(rated, adjustments, "Seller")
            own = BilledPeriod(rated.billing_period, rated.period, rated.snapshot_id, revision=1)
            await store.claim_snapshots(conn, tenant, rated.contract, [own, *amended], rated.billing_period)
            issued = await operations._issue(conn, draft, replace(profile, number_prefix=prefix), tenant, clock)
            await store.add_lines(conn, tenant, issued)
        return issued

    return freeze
