"""A customer with those that belong to it: whose they are, and what their contracts cost in a month, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metering.rating.v1 import rating_service_pb2 as pb
from meterline.cli.calls import PAGE_ROWS, call_services, pages
from meterline.cli.options import Output
from meterline.cli.output import print_document, print_table
from meterline.errors import InputError
from money import ZERO, Exact, format_exact, parse_exact, total

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from metering.rating.v1 import catalog_pb2
    from meterline.client import AsyncClient


@dataclass(frozen=True, slots=True)
class _Cost:
    """What a period of a contract costs, exactly; of a customer without a period in the month there is no contract."""

    customer: catalog_pb2.Customer
    contract: str
    billing_period: str
    amount: Exact


async def family_of(client: AsyncClient, customer: str) -> list[catalog_pb2.Customer]:
    """Return a customer and those below it, by key."""
    found: list[catalog_pb2.Customer] = []
    async for page in pages(client.rating.ListCustomers, pb.ListCustomersRequest(under=customer, page_size=PAGE_ROWS)):
        found.extend(page.customers)
    return found


async def with_children(client: AsyncClient, customers: Sequence[str]) -> list[str]:
    """Return the keys of customers and of those below them, each once."""
    found = [one.name for customer in customers for one in await family_of(client, customer)]
    return list(dict.fromkeys(found))


def charges_of_family(customer: str, contract: str, month: str, context: Path | None, output: Output) -> None:
    """Show what the contracts of a customer and of those below it cost in a month, and what they come to."""
    if not customer or contract or not month:
        message = "--with-children adds up the contracts of customers: write --customer and --period, and no --contract"
        raise InputError(message)

    async def ask(client: AsyncClient) -> list[_Cost]:
        return [cost for one in await family_of(client, customer) for cost in await _costs_of(client, one, month)]

    costs = call_services(ask, context)
    totals = {
        code: total(cost.amount for cost in costs if cost.customer.spec.currency == code)
        for code in sorted({cost.customer.spec.currency for cost in costs})
    }
    if output is not Output.TABLE:
        print_document(_document(costs, totals), output)
        return
    rows = [
        (
            one.customer.name,
            one.customer.spec.parent or "-",
            one.contract or "-",
            one.billing_period or "-",
            *_money(one),
        )
        for one in costs
    ]
    rows += [("all", "", "", "", format_exact(amount), code) for code, amount in totals.items()]
    print_table(("customer", "parent", "contract", "period", ">exact amount", "currency"), rows)


async def _costs_of(client: AsyncClient, customer: catalog_pb2.Customer, month: str) -> list[_Cost]:
    """Return what each period of a customer's contracts that belongs to a month costs."""
    request = pb.ListContractsRequest(customer=customer.name, of_month=month, page_size=PAGE_ROWS)
    named = [
        (one.contract, one.billing_period)
        async for page in pages(client.rating.ListContracts, request)
        for one in page.periods
    ]
    if not named:
        return [_Cost(customer, "", "", ZERO)]
    found = []
    for contract, billing_period in named:
        asked = pb.ListChargesRequest(contract=contract, billing_period=billing_period)
        charges = (await client.rating.ListCharges(asked)).charges
        amount = total(parse_exact(charge.exact_amount) for charge in charges)
        found.append(_Cost(customer, contract, billing_period, amount))
    return found


def _money(cost: _Cost) -> tuple[str, str]:
    return format_exact(cost.amount), cost.customer.spec.currency


def _document(costs: Sequence[_Cost], totals: dict[str, Exact]) -> dict[str, Any]:
    return {
        "contracts": [
            {
                "customer": one.customer.name,
                "parent": one.customer.spec.parent,
                "contract": one.contract,
                "billingPeriod": one.billing_period,
                "exactAmount": format_exact(one.amount),
                "currency": one.customer.spec.currency,
            }
            for one in costs
        ],
        "totals": [{"exactAmount": format_exact(amount), "currency": code} for code, amount in totals.items()],
    }
