"""The database of a command that does one thing and exits: one connection, whose statements may take long."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from chassis.migrations import MigrationError, schema_is_current
from chassis.postgres import open_engine, transaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncEngine

    from chassis.database_address import DatabaseAddress

STATEMENT_TIMEOUT_S: Final = 86_400.0
"""Nobody waits for it but the operator, who can end it."""


@dataclass(frozen=True)
class _OneConnection:
    pool_size: int = 1
    statement_timeout_s: float = STATEMENT_TIMEOUT_S


@asynccontextmanager
async def one_off_engine(service: str, address: DatabaseAddress | str) -> AsyncIterator[AsyncEngine]:
    """Yield an engine for the database of `service`.

    Raises MigrationError if its schema is older than this code, and Unavailable if it can't be reached.
    """
    engine = open_engine(address, _OneConnection(), application_name=f"{service}-command")
    try:
        # Unlike a bare connection, it tells a database that does not answer as such.
        async with transaction(engine) as conn:
            await conn.execute(text("SELECT 1"))
        if not await schema_is_current(engine, f"{service}.migrations"):
            raise MigrationError(f"the schema is older than this release: run python -m {service} migrate first")
        yield engine
    finally:
        await engine.dispose()
