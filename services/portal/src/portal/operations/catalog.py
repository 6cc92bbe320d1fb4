"""What the seller sells, for the seller's pages."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from portal.domain.catalog import Catalog, CatalogPlan, KnownContract, PlanVersion, contract_on, is_coming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portal.operations.deps import Deps

_PLANS_PER_PAGE: Final = 20
_VERSIONS_MAX: Final = 10
_CONTRACTS_PER_PLAN_MAX: Final = 200
_CONTRACTS_PER_CALL: Final = 1000
_CALLS_MAX: Final = 10
_ASKED_AT_ONCE: Final = 8


async def list_catalog(deps: Deps, after: str) -> Catalog:
    """Return a page of plans with their newest versions and the contracts that are on them."""
    page, units, (contracts, all_contracts) = await asyncio.gather(
        deps.seller.plans(after, _PLANS_PER_PAGE), deps.seller.units(), _contracts(deps)
    )
    turns, now = asyncio.Semaphore(_ASKED_AT_ONCE), deps.clock.now()

    async def older(newest: PlanVersion, version: int) -> PlanVersion:
        async with turns:
            return await deps.seller.plan(newest.name, version)

    async def described(newest: PlanVersion) -> CatalogPlan:
        last = max(0, newest.version - _VERSIONS_MAX)
        found = await asyncio.gather(*(older(newest, version) for version in range(newest.version - 1, last, -1)))
        here = contracts[newest.name]
        return CatalogPlan(
            name=newest.name,
            versions=tuple(
                _with_units(one, units).model_copy(update={"is_coming": is_coming(one, now)})
                for one in (newest, *found)
            ),
            version_count=newest.version,
            contracts=tuple(contract_on(one, now.date()) for one in here[:_CONTRACTS_PER_PLAN_MAX]),
            contract_count=len(here),
        )

    plans = await asyncio.gather(*map(described, page.plans))
    return Catalog(plans=tuple(plans), all_contracts=all_contracts, next=page.next or None)


async def _contracts(deps: Deps) -> tuple[Mapping[str, list[KnownContract]], bool]:
    """Return the contracts on each plan, and whether these are all."""
    found: dict[str, list[KnownContract]] = defaultdict(list)
    after = ""
    for _ in range(_CALLS_MAX):
        page = await deps.seller.contracts("", after, _CONTRACTS_PER_CALL)
        for contract in page.contracts:
            found[contract.plan].append(contract)
        after = page.next
        if not after:
            return found, True
    return found, False


def _with_units(version: PlanVersion, units: Mapping[str, str]) -> PlanVersion:
    items = [item.model_copy(update={"unit": units.get(item.meter, "")}) for item in version.items]
    return version.model_copy(update={"items": tuple(items)})
