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
from invoicing.domain.charges import Rated
from invoicing.domain.composition import ComposedLine, compose
from invoicing.domain.invoices import FrozenInvoice
from invoicing.domain.lines import BilledPeriod
from invoicing.domain.profiles import default_profile
from invoicing.operations.deps import Deps
from invoicing.operations.issuing import issue
from invoicing.telemetry import Instruments
from meterline.suite.databases import ServiceDatabase
from testkit.clock import FakeClock
from testkit.postgres import Cluster, DatabaseMaker

SETTINGS = SimpleNamespace(pool_size=10, statement_timeout_s=15.0)
Bill = Callable[..., Awaitable[FrozenInvoice]]


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
        rating=SimpleNamespace(),
        clock=clock,
        instruments=Instruments(NoOpMeter("test")),
    )


@pytest.fixture
def bill(database: Database, deps: Deps) -> Bill:
    """Freeze an invoice of charges as finalizing does."""

    async def freeze(
        rated: Rated,
        *adjustments: ComposedLine,
        amended: tuple[BilledPeriod, ...] = (),
        tenant: str = "acme",
        prefix: str = "INV",
    ) -> FrozenInvoice:
        async with transaction(database.app) as conn:
            own = BilledPeriod(rated.contract, rated.billing_period, rated.period, rated.snapshot_id, revision=1)
            # Only a series that the default profile has is made by a profile that is known to the check.
            version = 0 if prefix == "INV" else -1
            profile = replace(default_profile(tenant), number_prefix=prefix, version=version)
            composition = compose(rated, adjustments, profile.seller)
            return await issue(deps, conn, tenant, composition, [own, *amended], profile)

    return freeze
