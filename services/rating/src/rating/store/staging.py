"""A part of a catalog is read before it is applied and written after it: a statement a table, not several an entry.

In between, the tables answer from what was read, and keep what is added. So the rules for one entry and for thousands
are the same code, and each sees what those before it added.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from rating.domain.ruling import FrozenPeriod
from rating.domain.versions import Version


@dataclass(frozen=True, slots=True)
class Stage:
    """Entries of one tenant in memory: all versions of each that was read, by table and name, and what was added."""

    tenant: str
    versions: dict[str, dict[str, list[Version[Any]]]] = field(default_factory=dict)
    added: dict[str, list[Version[Any]]] = field(default_factory=dict)
    contracts_of: dict[str, dict[str, Version[Any]]] = field(default_factory=dict)
    """The newest versions of the contracts of each customer that was read, by the names of both."""
    frozen: dict[str, Sequence[FrozenPeriod]] = field(default_factory=dict)
    """The periods that are rated permanently of each contract that there was."""

    def versions_of(self, table: str, tenant: str, name: str) -> list[Version[Any]] | None:
        """Return all versions of an entry, oldest first; None if it was not read."""
        found = self.versions.get(table, {}).get(name) if tenant == self.tenant else None
        return None if found is None else list(found)

    def add(self, table: str, entry: Version[Any]) -> None:
        """Keep a version of an entry until all is written."""
        self.versions.setdefault(table, {}).setdefault(entry.name, []).append(entry)
        self.added.setdefault(table, []).append(entry)
        customer = getattr(entry.content, "customer", None)
        if customer in self.contracts_of:
            self.contracts_of[customer][entry.name] = entry


_STAGES: Final[dict[int, Stage]] = {}
"""By the identity of a connection, which is asked for several times an entry: its own `info` is slow to reach."""


def stage_of(conn: AsyncConnection) -> Stage | None:
    """Return the stage that stands on a connection, if one does."""
    return _STAGES.get(id(conn))


@contextmanager
def on_stage(conn: AsyncConnection, stage: Stage) -> Iterator[None]:
    """Let the tables answer from a stage during the block."""
    _STAGES[id(conn)] = stage
    try:
        yield
    finally:
        del _STAGES[id(conn)]


async def lock_catalog(conn: AsyncConnection, tenant: str) -> None:
    """Let nobody else decide on any entry of the tenant until the transaction ends; waits for those who do."""
    statement = text("SELECT pg_advisory_xact_lock(hashtextextended(:catalog, 0))")
    await conn.execute(statement, {"catalog": f"rating\x1fcatalog\x1f{tenant}"})


async def lock_in_catalog(conn: AsyncConnection, kind: str, tenant: str, name: str) -> None:
    """Lock one entry, beside others who lock entries and never beside one who locks the catalog."""
    if stage_of(conn) is not None:
        return
    statement = text(
        """
        SELECT pg_advisory_xact_lock_shared(hashtextextended(:catalog, 0)),
               pg_advisory_xact_lock(hashtextextended(:entry, 0))
        """
    )
    keys = {"catalog": f"rating\x1fcatalog\x1f{tenant}", "entry": f"rating\x1f{kind}\x1f{tenant}\x1f{name}"}
    await conn.execute(statement, keys)
