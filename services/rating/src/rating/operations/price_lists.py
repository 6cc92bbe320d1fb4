"""What a period of a contract is priced by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from chassis.errors import Reason, invalid_field
from chassis.postgres import transaction
from rating.domain.charges import Terms
from rating.domain.contracts import AskedPeriod, Contract
from rating.domain.customers import Customer
from rating.domain.plans import Plan
from rating.domain.products import Product
from rating.domain.ruling import Ruling, ruled_segments, rulings
from rating.domain.versions import Version
from rating.domain.zone_days import local_midnight
from rating.operations.asking import select_period
from rating.operations.deps import Deps
from rating.operations.finding import find_customer, find_terms
from rating.store.products import PRODUCTS


@dataclass(frozen=True, slots=True)
class PriceList:
    """The terms of a period, with contract, customer and the products that its plan names, as they are now.

    `plan` prices the part of it that is asked for, where a plan change cut it.
    """

    terms: Terms
    plan: Version[Plan]
    contract: Version[Contract]
    customer: Version[Customer]
    ruling: Ruling
    products: Sequence[Version[Product]]


async def get_price_list(deps: Deps, tenant: str, asked: AskedPeriod, day: date | None = None) -> PriceList:
    """Return what prices a period: by the terms of its live charges. Raises NotFound, InvalidRequest.

    Of one that a plan change cut: what prices a day of it, or now; after its end its last part, before its start the
    first one.
    """
    async with transaction(deps.engine) as conn:
        versions, period = await select_period(conn, tenant, asked, deps.clock.now())
        terms = await find_terms(conn, tenant, versions, period)
        customer = await find_customer(conn, tenant, terms.customer)
        now = deps.clock.now() if day is None else local_midnight(day, ZoneInfo(terms.time_zone))
        if day is not None and not period.start <= now < period.end:
            raise invalid_field(
                "day", Reason.PERIOD_INVALID, f"must be a day of {period.label}, as the contract has it"
            )
        plan = terms.plan_at(now)
        names = sorted({item.product for item in plan.content.items if item.product})
        products = [found for name in names if (found := await PRODUCTS.newest(conn, tenant, name)) is not None]
    ruled = ruled_segments(rulings(versions), terms.time_zone, period.start, period.end)
    ruling = ([each.ruling for each in ruled if each.start <= now] or [ruled[0].ruling])[-1]
    return PriceList(terms, plan, versions[-1], customer, ruling, products)
