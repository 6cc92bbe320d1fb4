"""Price lists as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.errors.refused import refusals
from eventlog.wire import period_to_proto
from metering.rating.v1 import rating_service_pb2 as pb
from rating.domain.billing_period import parse_day
from rating.wire.contracts import contract_to_proto, ruling_to_proto
from rating.wire.customers import customer_to_proto
from rating.wire.overrides import overrides_to_proto
from rating.wire.plans import plan_to_customers
from rating.wire.products import product_to_proto

if TYPE_CHECKING:
    from datetime import date

    from rating.operations.price_lists import PriceList


def day_from_proto(request: pb.GetPriceListRequest) -> date | None:
    """Return the day that is asked for; None: none is. Raises InvalidRequest."""
    with refusals():
        return parse_day("day", request.day) if request.day else None


def price_list_to_proto(prices: PriceList) -> pb.GetPriceListResponse:
    """Return what prices a period."""
    period = prices.terms.period
    return pb.GetPriceListResponse(
        plan=plan_to_customers(prices.plan),
        contract=contract_to_proto(prices.contract),
        customer=customer_to_proto(prices.customer),
        ruling=ruling_to_proto(prices.ruling),
        period=period_to_proto(period),
        billing_period=period.label,
        products=map(product_to_proto, prices.products),
        overrides=overrides_to_proto(prices.terms.overrides),
    )
