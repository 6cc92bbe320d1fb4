"""Saved views of a customer."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chassis.errors import Reason
from chassis.errors.refused import Refused, refusals
from chassis.postgres import transaction
from portal.domain.saved_views import VIEWS_PER_CUSTOMER_MAX, SavedView, check_saved_view
from portal.store import saved_views as store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from portal.domain.profiles import Profile
    from portal.operations.deps import Deps


async def save_view(
    deps: Deps, conn: AsyncConnection, tenant: str, customer: str, *, name: str, query: str
) -> SavedView:
    """Save a view under a name, which is free afterwards for no other. Raises InvalidRequest."""
    with refusals():
        check_saved_view(name, query)
        await store.lock_views(conn, tenant, customer)
        others = [view for view in await store.list_views(conn, tenant, customer) if view.name != name]
        if len(others) >= VIEWS_PER_CUSTOMER_MAX:
            text = f"there are {VIEWS_PER_CUSTOMER_MAX} views already; delete one that is no longer used"
            raise Refused("name", Reason.FIELD_INVALID, text)
    view = SavedView(id=str(uuid.uuid4()), name=name, query=query, created_at=deps.clock.now(), is_preset=False)
    await store.put_view(conn, tenant, customer, view)
    return view


async def list_views(deps: Deps, tenant: str, customer: str) -> Sequence[SavedView]:
    """Return the views of a customer by name."""
    async with transaction(deps.engine) as conn:
        return await store.list_views(conn, tenant, customer)


def presets_of(profile: Profile) -> Sequence[SavedView]:
    """Return the views that every customer has by the seller's profile, in its order."""
    since = profile.created_at or datetime.fromtimestamp(0, UTC)
    return [
        SavedView(id=f"preset-{place}", name=preset.name, query=preset.query, created_at=since, is_preset=True)
        for place, preset in enumerate(profile.presets, 1)
    ]


async def delete_view(conn: AsyncConnection, tenant: str, customer: str, view_id: str) -> None:
    """Delete a view, if there is one."""
    await store.delete_view(conn, tenant, customer, view_id)
