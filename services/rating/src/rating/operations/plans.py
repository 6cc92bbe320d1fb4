"""Plans: a later version rules the periods that start once it is effective."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import NotFound, Reason
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from rating.domain.at_once import check_at_once
from rating.domain.catalogs import CatalogEntry
from rating.domain.plans import NamedPlan, Plan, PlanChange, PlanDraft, check_next_plan, same_content
from rating.domain.products import Product
from rating.domain.versions import Applied, Version, following, unchanged
from rating.operations.deps import Deps
from rating.operations.finding import find_plan, find_plan_versions, plan_effective_at
from rating.operations.side_by_side import check_plan_side_by_side
from rating.store import charges as charge_store
from rating.store.plans import PLANS
from rating.store.products import PRODUCTS
from rating.store.staging import lock_catalog, stage_of
from rating.store.versions import lock_entry

_PAGE: Final = 500


async def apply_plan(deps: Deps, conn: AsyncConnection, tenant: str, name: str, draft: PlanDraft) -> Applied[Plan]:
    """Make a plan what `draft` says. Raises NotFound for a product that does not exist, and InvalidRequest."""
    products = await meters_of_products(conn, tenant, draft.products)
    with refusals("spec"):
        wanted = draft.resolved(products)
    if stage_of(conn) is None:
        # No contract may begin beside another one while this decides whether they may still have the plan.
        await lock_catalog(conn, tenant)
    await lock_entry(conn, "plan", tenant, name)
    versions = await PLANS.versions(conn, tenant, name)
    newest = versions[-1] if versions else None
    if newest is not None and same_content(newest.content, wanted):
        return unchanged(newest)
    now = deps.clock.now()
    meters = await deps.aggregator.meters() if wanted.effect.at_once else {}
    with refusals("spec"):
        settled = check_next_plan(newest, wanted, now)
        check_at_once(versions, settled, meters)
    applied = following(newest, name, settled, now)
    await PLANS.add(conn, tenant, applied.entry)
    if stage_of(conn) is None:
        await check_plan_side_by_side(conn, tenant, name)
    return applied


async def find_asked_plan(
    conn: AsyncConnection, tenant: str, asked: NamedPlan | PlanDraft, instant: datetime | None = None
) -> tuple[str, int, Plan]:
    """Return name, version and content of a plan: by default the version effective at `instant`, or the newest.

    One that is only written down has no name and the version 0. Raises NotFound and InvalidRequest.
    """
    if isinstance(asked, PlanDraft):
        meters = await meters_of_products(conn, tenant, asked.products)
        with refusals("draft"):
            return "", 0, asked.resolved(meters)
    if asked.version or instant is None:
        found = await find_plan(conn, tenant, asked.name, asked.version)
    else:
        found = plan_effective_at(await find_plan_versions(conn, tenant, asked.name), instant)
    return found.name, found.version, found.content


async def tell_plan_changes(
    deps: Deps, conn: AsyncConnection, tenant: str, applied: Sequence[Applied[Plan]]
) -> list[PlanChange]:
    """Return what new versions of plans change."""
    now = deps.clock.now()
    # What is rated permanently has begun: a version that rules later is not looked for.
    past = {
        each.entry.name: since
        for each in applied
        if (since := each.entry.content.effective_from) is not None and since < now
    }
    frozen = await charge_store.count_frozen_since(conn, tenant, past) if past else {}
    return [PlanChange(each.entry, frozen.get(each.entry.name, 0)) for each in applied]


async def get_plan(deps: Deps, tenant: str, name: str, version: int) -> Version[Plan]:
    """Return a version of a plan, the newest for 0. Raises NotFound."""
    async with transaction(deps.engine) as conn:
        return await find_plan(conn, tenant, name, version)


async def list_plans(deps: Deps, tenant: str, after: str, limit: int) -> Page[Version[Plan]]:
    """Return a page of plans by name."""
    async with transaction(deps.engine) as conn:
        found = await PLANS.page(conn, tenant, after, limit + 1)
    return page_of(found, limit, lambda plan: (plan.name,))


async def meters_of_products(conn: AsyncConnection, tenant: str, names: Iterable[str]) -> dict[str, str]:
    """Return the meters of products by their names. Raises NotFound."""
    meters: dict[str, str] = {}
    for name in sorted(names):
        product = await PRODUCTS.newest(conn, tenant, name)
        if product is None:
            raise NotFound(Reason.PRODUCT_NOT_FOUND, f"there is no product {name!r}; apply it before the plan")
        meters[name] = product.content.meter
    return meters


async def all_plans(conn: AsyncConnection, tenant: str) -> dict[str, Plan]:
    """Return the newest versions of all plans by their names."""
    found: dict[str, Plan] = {}
    while page := await PLANS.page(conn, tenant, max(found, default=""), _PAGE):
        found |= {plan.name: plan.content for plan in page}
    return found


async def drafted_plans(conn: AsyncConnection, tenant: str, entries: Sequence[CatalogEntry]) -> dict[str, Plan]:
    """Return the plans of a catalog that is only written down, with the products of it or of those applied.

    Raises NotFound for a product that there is not, and InvalidRequest.
    """
    products = {entry.name: entry.content.meter for entry in entries if isinstance(entry.content, Product)}
    drafts: dict[str, Plan] = {}
    for entry in entries:
        if isinstance(entry.content, PlanDraft):
            stored = await meters_of_products(conn, tenant, entry.content.products - products.keys())
            with refusals(f"entries[{entry.place}].plan.spec"):
                drafts[entry.name] = entry.content.resolved(stored | products)
    return drafts
