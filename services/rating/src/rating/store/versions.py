"""Tables of versions: one statement for each question, whatever kind of entry the table holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from rating.domain.versions import Version
from rating.store.staging import lock_in_catalog, stage_of

Content = TypeVar("Content")
_HEAD: Final = ("tenant", "name", "version", "created_at")


@dataclass(frozen=True, slots=True)
class VersionTable(Generic[Content]):
    """A table whose rows are versions of named entries: `_HEAD` and the `columns` of a kind.

    `to_columns` gives the values of the columns for a content, `from_row` reads them back. A column of `json_columns`
    takes and gives JSON as text.
    """

    name: str
    columns: tuple[str, ...]
    to_columns: Callable[[Content], Mapping[str, Any]]
    from_row: Callable[[RowMapping], Content]
    json_columns: frozenset[str] = frozenset()

    @property
    def all_columns(self) -> str:
        """The columns that `version_of` reads, for a SELECT."""
        own = (f"{name}::text AS {name}" if name in self.json_columns else name for name in self.columns)
        return ", ".join((*_HEAD, *own))

    @property
    def _of_one_entry(self) -> str:
        return f"SELECT {self.all_columns} FROM {self.name} WHERE tenant = :tenant AND name = :name"  # noqa: S608 - names of our own

    def version_of(self, row: RowMapping) -> Version[Content]:
        """Return the version that a row of `all_columns` holds."""
        return Version(row["name"], row["version"], row["created_at"], self.from_row(row))

    async def newest(self, conn: AsyncConnection, tenant: str, name: str) -> Version[Content] | None:
        """Return the newest version of an entry."""
        staged = self._staged(conn, tenant, name)
        if staged is not None:
            return staged[-1] if staged else None
        query = f"{self._of_one_entry} ORDER BY version DESC LIMIT 1"
        found = await self.select(conn, query, {"tenant": tenant, "name": name})
        return found[0] if found else None

    async def versions(self, conn: AsyncConnection, tenant: str, name: str) -> list[Version[Content]]:
        """Return all versions of an entry, oldest first."""
        staged = self._staged(conn, tenant, name)
        if staged is not None:
            return staged
        query = f"{self._of_one_entry} ORDER BY version"
        return await self.select(conn, query, {"tenant": tenant, "name": name})

    async def versions_of(
        self, conn: AsyncConnection, tenant: str, names: Iterable[str]
    ) -> dict[str, list[Version[Content]]]:
        """Return all versions of some entries by their names, oldest first; a name without one has an empty list."""
        found = {name: self._staged(conn, tenant, name) for name in sorted(set(names))}
        wanted = [name for name, staged in found.items() if staged is None]
        # LATERAL with an order is looked up by the index, name by name; a plain join is not where statistics are
        # missing, as in a table that was just filled: it reads the whole table for each part of a catalog.
        query = f"""
            SELECT found.* FROM unnest(CAST(:names AS text[])) AS wanted (named) CROSS JOIN LATERAL (
                SELECT {self.all_columns} FROM {self.name} WHERE tenant = :tenant AND name = named ORDER BY version
            ) AS found
        """  # noqa: S608 - names of our own
        read: dict[str, list[Version[Content]]] = {name: [] for name in wanted}
        if wanted:
            for version in await self.select(conn, query, {"tenant": tenant, "names": wanted}):
                read[version.name].append(version)
        return {name: read[name] if staged is None else staged for name, staged in found.items()}

    async def names_in(self, conn: AsyncConnection, tenant: str, names: Iterable[str]) -> set[str]:
        """Return which of these names there are entries of."""
        query = text(
            f"SELECT DISTINCT name FROM {self.name} WHERE tenant = :tenant AND name = ANY(CAST(:names AS text[]))"  # noqa: S608 - a name of our own
        )
        return set((await conn.execute(query, {"tenant": tenant, "names": sorted(names)})).scalars())

    async def page(
        self, conn: AsyncConnection, tenant: str, after: str, limit: int, **equal: str
    ) -> list[Version[Content]]:
        """Return the newest versions of the entries whose names follow `after`, by name.

        `equal` are values of columns that are the same in all versions of an entry; an empty one is not looked at.
        """
        given = {column: value for column, value in equal.items() if value}
        conditions = " AND ".join(["tenant = :tenant", "name > :after", *(f"{column} = :{column}" for column in given)])
        query = f"""
            SELECT DISTINCT ON (name) {self.all_columns} FROM {self.name}
            WHERE {conditions}
            ORDER BY name, version DESC LIMIT :limit
        """  # noqa: S608 - names of our own
        return await self.select(conn, query, {"tenant": tenant, "after": after, "limit": limit, **given})

    async def select(self, conn: AsyncConnection, query: str, parameters: Mapping[str, Any]) -> list[Version[Content]]:
        """Return the versions that a query of `all_columns` finds."""
        return [self.version_of(row) for row in (await conn.execute(text(query), parameters)).mappings()]

    async def add(self, conn: AsyncConnection, tenant: str, entry: Version[Content]) -> None:
        """Add a version of an entry."""
        stage = stage_of(conn)
        if stage is not None:
            stage.add(self.name, entry)
            return
        await self.add_all(conn, tenant, [entry])

    async def add_all(self, conn: AsyncConnection, tenant: str, entries: Sequence[Version[Content]]) -> None:
        """Add versions of entries, in one exchange with the database."""
        columns = (*_HEAD, *self.columns)
        values = (f"CAST(:{name} AS jsonb)" if name in self.json_columns else f":{name}" for name in columns)
        statement = f"INSERT INTO {self.name} ({', '.join(columns)}) VALUES ({', '.join(values)})"  # noqa: S608 - names of our own
        rows = [
            {"tenant": tenant, "name": entry.name, "version": entry.version, "created_at": entry.created_at}
            | dict(self.to_columns(entry.content))
            for entry in entries
        ]
        if rows:
            await conn.execute(text(statement), rows)

    def _staged(self, conn: AsyncConnection, tenant: str, name: str) -> list[Version[Content]] | None:
        stage = stage_of(conn)
        return None if stage is None else stage.versions_of(self.name, tenant, name)


async def lock_entry(conn: AsyncConnection, kind: str, tenant: str, name: str) -> None:
    """Let one transaction at a time decide on an entry's next version; held until the transaction ends.

    Who locks several takes plans and contracts before customers, so that no two wait for one another.
    """
    await lock_in_catalog(conn, kind, tenant, name)
