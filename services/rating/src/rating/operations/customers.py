"""Customers: the currency stays once there is a contract in it."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import Reason, invalid_field
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from rating.domain.customers import Customer, search_words
from rating.domain.versions import Applied, Version, following, unchanged
from rating.operations.deps import Deps
from rating.operations.finding import find_customer
from rating.operations.parents import check_parent
from rating.store.contracts import contracts_of_customers
from rating.store.customers import CUSTOMERS, page_named_so, page_under
from rating.store.staging import lock_catalog, stage_of
from rating.store.versions import lock_entry


async def apply_customer(
    deps: Deps, conn: AsyncConnection, tenant: str, name: str, wanted: Customer
) -> Applied[Customer]:
    """Make a customer what is `wanted`. Raises InvalidRequest."""
    is_alone = stage_of(conn) is None
    if is_alone and wanted.parent:
        # Two that belong to one another would not see each other.
        await lock_catalog(conn, tenant)
    else:
        await lock_entry(conn, "customer", tenant, name)
    newest = await CUSTOMERS.newest(conn, tenant, name)
    if newest is not None and newest.content == wanted:
        return unchanged(newest)
    if newest is not None and newest.content.currency != wanted.currency:
        await _refuse_currency_change(conn, tenant, newest, wanted.currency)
    applied = following(newest, name, wanted, deps.clock.now())
    await CUSTOMERS.add(conn, tenant, applied.entry)
    if is_alone:
        await check_parent(conn, tenant, name)
    return applied


async def get_customer(deps: Deps, tenant: str, name: str) -> Version[Customer]:
    """Return a customer. Raises NotFound."""
    async with transaction(deps.engine) as conn:
        return await find_customer(conn, tenant, name)


async def list_customers(
    deps: Deps, tenant: str, search: str, after: str, limit: int, under: str = ""
) -> Page[Version[Customer]]:
    """Return a page of customers by name; with a `search`, those whose words begin with its words.

    With `under`, a customer and those below it. Raises NotFound for it, and InvalidRequest for a search without any
    word, and for both.
    """
    if under and search:
        message = "stands beside a search; leave one of them out"
        raise invalid_field("under", Reason.FIELD_INVALID, message)
    with refusals():
        words = search_words(search)
    async with transaction(deps.engine) as conn:
        if under:
            await find_customer(conn, tenant, under)
            found = await page_under(conn, tenant, under, after, limit + 1)
        elif words:
            found = await page_named_so(conn, tenant, words, after, limit + 1)
        else:
            found = await CUSTOMERS.page(conn, tenant, after, limit + 1)
    return page_of(found, limit, lambda customer: (customer.name,))


async def _refuse_currency_change(conn: AsyncConnection, tenant: str, customer: Version[Customer], wanted: str) -> None:
    key = (tenant, customer.name)
    contracts = (await contracts_of_customers(conn, [key])).get(key)
    if contracts:
        message = (
            f"stays {customer.content.currency}: contract {contracts[0].name!r} is in it; to bill in {wanted}, apply"
            " another customer with a contract of its own, and report usage from then on with its name"
        )
        raise invalid_field("spec.currency", Reason.CURRENCY_MISMATCH, message)
