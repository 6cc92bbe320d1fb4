"""What a period of a contract is priced by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.postgres import transaction
from rating.domain.charges import Terms
from rating.domain.contracts import AskedPeriod, Contract
from rating.domain.customers import Customer
from rating.domain.products import Product
from rating.domain.ruling import Ruling, ruling_at, rulings
from rating.domain.versions import Version
from rating.operations.asking import select_period
from rating.operations.deps import Deps
from rating.operations.finding import find_customer, find_terms
from rating.store.products import PRODUCTS


@dataclass(frozen=True, slots=True)
class PriceList:
    """The terms of a period, with contract, customer and the products that its plan names, as they are now."""

    terms: Terms
    contract: Version[Contract]
    customer: Version[Customer]
    ruling: Ruling
    products: Sequence[Version[Product]]


async def get_price_list(deps: Deps, tenant: str, asked: AskedPeriod) -> PriceList:
    """Return what prices a period: by the terms of its live charges. Raises NotFound, InvalidRequest."""
    async with transaction(deps.engine) as conn:
        versions, period = await select_period(conn, tenant, asked, deps.clock.now())
        terms = await find_terms(conn, tenant, versions, period)
        customer = await find_customer(conn, tenant, terms.customer)
        names = sorted({item.product for item in terms.plan.content.items if item.product})
        products = [found for name in names if (found := await PRODUCTS.newest(conn, tenant, name)) is not None]
    ruling = ruling_at(rulings(versions), terms.time_zone, period.start)
    return PriceList(terms, versions[-1], customer, ruling, products)
