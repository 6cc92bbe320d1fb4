"""What something would cost: prices in words, quotes, odd prices, simulations and notices."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from chassis.identity import current_tenant
from chassis.rpc.pages import page_limit, rendered
from chassis.rpc.repeat import once
from metering.rating.v1 import notice_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from rating.operations import (
    explained_prices,
    notices,
    price_lint,
    price_lists,
    quotes,
    simulation,
)
from rating.rpc.base import Methods
from rating.wire import explained_prices as explained_prices_wire
from rating.wire import notices as notices_wire
from rating.wire import price_lint as price_lint_wire
from rating.wire import price_lists as price_lists_wire
from rating.wire import quotes as quotes_wire
from rating.wire import simulation as simulation_wire
from rating.wire.live import asked_period

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc
    from sqlalchemy.ext.asyncio import AsyncConnection

    from rating.operations.notices import NoticePage

    Context = grpc.aio.ServicerContext[Any, Any]


class PriceMethods(Methods):
    """The methods of this room."""

    async def GetPriceList(self, request: pb.GetPriceListRequest, context: Context) -> pb.GetPriceListResponse:
        """Return the prices of a period."""
        asked, day = asked_period(request), price_lists_wire.day_from_proto(request)
        prices = await price_lists.get_price_list(self._deps, current_tenant(), asked, day)
        return price_lists_wire.price_list_to_proto(prices)

    async def QuotePrice(self, request: pb.QuotePriceRequest, context: Context) -> pb.QuotePriceResponse:
        """Return what quantities would cost."""
        asked, questions = asked_period(request), quotes_wire.questions_from_proto(request)
        return quotes_wire.quotes_to_proto(await quotes.quote_price(self._deps, current_tenant(), asked, questions))

    async def QuotePlan(self, request: pb.QuotePlanRequest, context: Context) -> pb.QuotePlanResponse:
        """Return what a plan would cost."""
        asked, assumed = quotes_wire.asked_plan_from_proto(request), quotes_wire.assumed_period_from_proto(request)
        usage, discounts = quotes_wire.usage_from_proto(request), quotes_wire.discounts_from_proto(request)
        seats = quotes_wire.assumed_seats_from_proto(request)
        found = await quotes.quote_plan(self._deps, current_tenant(), asked, assumed, usage, discounts, seats)
        return quotes_wire.quoted_plan_to_proto(found)

    async def ExplainPlan(self, request: pb.ExplainPlanRequest, context: Context) -> pb.ExplainPlanResponse:
        """Return the prices of a plan in words."""
        asked = quotes_wire.asked_plan_from_proto(request)
        found = await explained_prices.explain_plan(self._deps, current_tenant(), asked, request.items)
        return explained_prices_wire.explained_plan_to_proto(found)

    async def LintPlans(self, request: pb.LintPlansRequest, context: Context) -> pb.LintPlansResponse:
        """Return what is odd about prices."""
        question = await asyncio.to_thread(price_lint_wire.question_from_proto, request)
        return price_lint_wire.findings_to_proto(await price_lint.lint_plans(self._deps, current_tenant(), question))

    async def SimulatePlans(
        self, request: pb.SimulatePlansRequest, context: Context
    ) -> AsyncIterator[pb.SimulatePlansResponse]:
        """Stream what other prices would have charged."""
        question = await asyncio.to_thread(simulation_wire.question_from_proto, request)
        async with aclosing(simulation.simulate(self._deps, current_tenant(), question)) as parts:
            async for part in parts:
                for message in simulation_wire.parts_to_proto(part, with_items=question.with_items):
                    yield message

    async def SendPriceNotices(
        self, request: notice_pb2.SendPriceNoticesRequest, context: Context
    ) -> notice_pb2.SendPriceNoticesResponse:
        """Tell contracts of a version of their plan."""
        tenant, question = current_tenant(), notices_wire.question_from_proto(request)
        prepared = await notices.prepare_notices(self._deps, tenant, question)
        if request.validate_only:
            return notices_wire.sent_to_proto(prepared)

        async def add(conn: AsyncConnection) -> NoticePage:
            return await notices.add_notices(conn, tenant, prepared)

        response = await once(self._deps.engine, request, add, notices_wire.sent_to_proto)
        self._deps.entitlements.drop_tenant(tenant)
        return response

    async def ListPriceNotices(
        self, request: notice_pb2.ListPriceNoticesRequest, context: Context
    ) -> notice_pb2.ListPriceNoticesResponse:
        """Return a page of notices."""
        after, limit = notices_wire.place_of(request.page_token), page_limit(request.page_size)
        found = await notices.list_notices(self._deps, current_tenant(), request.customer, request.plan, after, limit)
        page = rendered(found, notices_wire.notice_to_proto, lambda notice: notice.place)
        return notice_pb2.ListPriceNoticesResponse(notices=page.entries, next_page_token=page.next_page_token)
