"""Whose an object is: what the server asks before a caller who acts for one customer sees it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from chassis.errors import NotFound, Reason
from chassis.postgres import transaction
from chassis.rpc.binding import OwnedKind
from invoicing.operations.invoices import invoice_not_found
from invoicing.operations.lines import line_not_found
from invoicing.store.invoices import customer_of_invoice
from invoicing.store.lines import customer_of_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from invoicing.operations.deps import Deps


def owners(deps: Deps) -> Mapping[str, OwnedKind]:
    """Return how to find the customer of each kind of object."""
    return {
        "contract": OwnedKind(partial(_customer_of_contract, deps), _contract_not_found),
        "invoice": OwnedKind(partial(_customer_of_invoice, deps), invoice_not_found),
        "line": OwnedKind(partial(_customer_of_line, deps), line_not_found),
    }


async def _customer_of_contract(deps: Deps, _tenant: str, name: str) -> str | None:
    """Ask rating, which owns contracts; it tells of none that is not of the caller's customer."""
    try:
        return await deps.rating.customer_of_contract(name)
    except NotFound:
        return None


async def _customer_of_invoice(deps: Deps, tenant: str, number: str) -> str | None:
    async with transaction(deps.engine) as conn:
        return await customer_of_invoice(conn, tenant, number)


async def _customer_of_line(deps: Deps, tenant: str, line_id: str) -> str | None:
    async with transaction(deps.engine) as conn:
        return await customer_of_line(conn, tenant, line_id)


def _contract_not_found(name: str) -> NotFound:
    return NotFound(
        Reason.CONTRACT_NOT_FOUND, f"there is no contract {name!r}; list the contracts to see which there are"
    )
