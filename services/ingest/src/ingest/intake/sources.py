"""Numbers of sources, so that keys stay narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chassis.postgres import driver_transaction
from ingest.store import sources as store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncEngine

_SOURCES_MAX: Final = 200_000


class SourceNumbers:
    """Numbers of sources, kept in memory: they never change once they are committed."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._numbers: dict[tuple[str, str], int] = {}

    async def of(self, tenant: str, sources: Sequence[str]) -> list[int]:
        """Return the number of each source, made now where there is none."""
        try:
            return [self._numbers[tenant, source] for source in sources]
        except KeyError:
            missing = sorted({source for source in sources if (tenant, source) not in self._numbers})
        found = await self._find(tenant, missing)
        new = [source for source in missing if source not in found]
        if new:
            # A transaction of its own: numbers must be there before any commit uses them, and outlive one that fails.
            async with driver_transaction(self._engine) as driver:
                await store.add_sources(driver, tenant, new)
            found.update(await self._find(tenant, new))
        known = {**found, **{source: self._numbers[tenant, source] for source in sources if source not in found}}
        if len(self._numbers) + len(found) > _SOURCES_MAX:
            self._numbers.clear()
        self._numbers.update({(tenant, source): number for source, number in found.items()})
        return [known[source] for source in sources]

    async def find(self, tenant: str, source: str) -> int | None:
        """Return the number of a source, None if nothing was ever reported for it."""
        known = self._numbers.get((tenant, source))
        return (await self._find(tenant, [source])).get(source) if known is None else known

    async def _find(self, tenant: str, sources: Sequence[str]) -> dict[str, int]:
        async with driver_transaction(self._engine) as driver:
            return await store.find_sources(driver, tenant, sources)
