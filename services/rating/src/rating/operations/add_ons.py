"""Add-ons of contracts: what they have of their base, and that they end with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import InvalidRequest, Reason, invalid_field
from rating.domain.add_ons import as_add_on, ended_with
from rating.domain.contracts import Contract
from rating.domain.versions import Version
from rating.operations.finding import find_contract
from rating.store.contracts import contracts_of_customers


async def find_add_on(conn: AsyncConnection, tenant: str, wanted: Contract) -> Contract:
    """Return an add-on with what it has of its base as that is now. Raises NotFound for the base, and Refused."""
    base = await find_contract(conn, tenant, wanted.extends)
    return as_add_on(wanted, base[-1].content)


async def add_ons_to_end(
    conn: AsyncConnection, tenant: str, before: Version[Contract], base: Contract
) -> list[tuple[Version[Contract], Contract]]:
    """Return the add-ons whose end is another one once a contract is `base`, each with what it is then."""
    key = (tenant, base.customer)
    if before.content.schedule.end == base.schedule.end:
        return []
    contracts = (await contracts_of_customers(conn, [key])).get(key, [])
    add_ons = [one for one in contracts if one.content.extends == before.name]
    for one in add_ons:
        if base.schedule.end is not None and one.content.schedule.start >= base.schedule.end:
            message = (
                f"add-on {one.name!r} starts on {one.content.schedule.start}, when it would have ended; "
                "end the contract on a later day"
            )
            raise invalid_field("spec.end", Reason.CONTRACT_INVALID, message)
    changed = ((one, ended_with(one.content, before.content, base)) for one in add_ons)
    return [
        (one, replace(ended, effective_from=None, reason=f"ends with {before.name}"))
        for one, ended in changed
        if ended != one.content
    ]


@contextmanager
def ending_with(add_on: str, base: str) -> Iterator[None]:
    """Say of what is refused in the block that it is about an add-on whose base ends."""
    try:
        yield
    except InvalidRequest as error:
        message = f"add-on {add_on!r} would end with {base!r}, and can't: {error.message}"
        raise invalid_field("spec.end", error.reason, message) from error
