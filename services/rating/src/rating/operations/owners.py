"""Whose an object is: what the server asks before a caller who acts for one customer sees it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from chassis.postgres import transaction
from chassis.rpc.binding import OwnedKind
from rating.operations.finding import charge_not_found, contract_not_found
from rating.operations.grants import customer_of_grant, grant_not_found
from rating.operations.reservations import customer_of_reservation, reservation_not_found
from rating.operations.wallets import customer_of_lot, lot_not_found
from rating.store.charges import customer_of_charge
from rating.store.contracts import CONTRACTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rating.operations.deps import Deps


def owners(deps: Deps) -> Mapping[str, OwnedKind]:
    """Return how to find the customer of each kind of object."""
    return {
        "charge": OwnedKind(partial(_customer_of_charge, deps), charge_not_found),
        "contract": OwnedKind(partial(_customer_of_contract, deps), contract_not_found),
        "grant": OwnedKind(partial(customer_of_grant, deps), grant_not_found),
        "lot": OwnedKind(partial(customer_of_lot, deps), lot_not_found),
        "reservation": OwnedKind(partial(customer_of_reservation, deps), reservation_not_found),
    }


async def _customer_of_charge(deps: Deps, tenant: str, charge_id: str) -> str | None:
    async with transaction(deps.engine) as conn:
        return await customer_of_charge(conn, tenant, charge_id)


async def _customer_of_contract(deps: Deps, tenant: str, name: str) -> str | None:
    async with transaction(deps.engine) as conn:
        newest = await CONTRACTS.newest(conn, tenant, name)
    return None if newest is None else newest.content.customer
