"""The customers that a customer belongs to, and those that belong to it."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import Reason, invalid_field
from chassis.errors.refused import refusals
from rating.domain.parents import DEPTH_MAX, check_parents
from rating.store.customers import CUSTOMERS, steps_below


async def check_parent(conn: AsyncConnection, tenant: str, name: str) -> None:
    """Refuse a customer, as it was just applied, whose parent is not there or would make a line too long or a circle.

    Raises InvalidRequest.
    """
    newest = await CUSTOMERS.newest(conn, tenant, name)
    above: list[str] = []
    parent = "" if newest is None else newest.content.parent
    while parent and len(above) <= DEPTH_MAX and name not in above:
        found = await CUSTOMERS.newest(conn, tenant, parent)
        if found is None:
            message = f"there is no customer {parent!r}; apply it first, or in the same file"
            raise invalid_field("spec.parent", Reason.CUSTOMER_NOT_FOUND, message)
        above.append(parent)
        parent = found.content.parent
    if above:
        with refusals("spec"):
            check_parents(name, above, 0 if name in above else await steps_below(conn, tenant, name))
