"""What usage costs: charges, cost over time, variance, and what nothing bills."""

from __future__ import annotations

from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from chassis.identity import current_tenant
from chassis.rpc.pages import page_limit, rendered
from eventlog.status import feeds_to_proto
from metering.rating.v1 import rating_service_pb2 as pb
from rating.operations import (
    charges,
    cost,
    live,
    unbilled,
    variance,
    watching,
)
from rating.rpc.base import Methods
from rating.wire import charges as charges_wire
from rating.wire import cost as cost_wire
from rating.wire import unbilled as unbilled_wire
from rating.wire import variance as variance_wire
from rating.wire.live import asked_period, progress_to_proto

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc

    Context = grpc.aio.ServicerContext[Any, Any]


class ChargeMethods(Methods):
    """The methods of this room."""

    async def ListRatedPeriods(
        self, request: pb.ListRatedPeriodsRequest, context: Context
    ) -> pb.ListRatedPeriodsResponse:
        """Return a page of rated periods."""
        tenant, after = current_tenant(), charges_wire.rated_period_after(request.page_token)
        limit = page_limit(request.page_size)
        found = await charges.list_rated_periods(self._deps, tenant, request.customer, after, limit)
        page = rendered(found, partial(charges_wire.rated_period_to_proto, tenant), charges.place_of)
        return pb.ListRatedPeriodsResponse(periods=page.entries, next_page_token=page.next_page_token)

    async def ListCharges(self, request: pb.ListChargesRequest, context: Context) -> pb.ListChargesResponse:
        """Return charges as usage is now."""
        tenant, asked = current_tenant(), asked_period(request)
        return charges_wire.live_to_proto(tenant, await live.live_charges(self._deps, tenant, asked))

    async def ListChargesOfPeriods(
        self, request: pb.ListChargesOfPeriodsRequest, context: Context
    ) -> pb.ListChargesOfPeriodsResponse:
        """Return charges of several periods of a customer as usage is now."""
        tenant, asked = current_tenant(), charges_wire.periods_from_proto(request)
        found = await live.live_charges_of_periods(self._deps, tenant, request.customer, asked)
        return charges_wire.periods_to_proto(tenant, found)

    async def WatchCharges(
        self, request: pb.WatchChargesRequest, context: Context
    ) -> AsyncIterator[pb.WatchChargesResponse]:
        """Stream live charges, again and again."""
        tenant, asked = current_tenant(), asked_period(request)
        async with aclosing(watching.watch_charges(self._deps, tenant, asked, request.answers_max)) as answers:
            async for answer in answers:
                yield charges_wire.watched_to_proto(tenant, answer)

    async def QueryCost(self, request: pb.QueryCostRequest, context: Context) -> pb.QueryCostResponse:
        """Return what a period costs over time and by dimension."""
        asked, question = asked_period(request), cost_wire.question_from_proto(request)
        return cost_wire.cost_to_proto(await cost.query_cost(self._deps, current_tenant(), asked, question))

    async def ExplainVariance(self, request: pb.ExplainVarianceRequest, context: Context) -> pb.ExplainVarianceResponse:
        """Say why a period costs more or less than another."""
        asked, against = asked_period(request), request.against_billing_period
        return variance_wire.variance_to_proto(
            await variance.explain_variance(self._deps, current_tenant(), asked, against)
        )

    async def RateUsage(self, request: pb.RateUsageRequest, context: Context) -> pb.RateUsageResponse:
        """Seal usage and freeze its charges."""
        tenant, grace = current_tenant(), charges_wire.grace_from_proto(request)
        found = await charges.rate_usage(
            self._deps,
            tenant,
            request.contract,
            request.billing_period,
            grace=grace,
            amends_snapshot_id=request.amends_snapshot_id,
            billed=[charges_wire.billed_from_proto(billed) for billed in request.billed],
        )
        return charges_wire.rated_to_proto(tenant, found)

    async def ExplainCharge(self, request: pb.ExplainChargeRequest, context: Context) -> pb.ExplainChargeResponse:
        """Derive a frozen charge again."""
        tenant = current_tenant()
        explained = await charges.explain_charge(
            self._deps, tenant, request.charge_id, request.page_size, request.page_token
        )
        return charges_wire.explained_to_proto(tenant, explained)

    async def ListChargeEvents(
        self, request: pb.ListChargeEventsRequest, context: Context
    ) -> AsyncIterator[pb.ListChargeEventsResponse]:
        """Stream the events behind a charge."""
        pages = charges.list_charge_events(
            self._deps,
            current_tenant(),
            request.charge_id,
            only_amendment=request.only_amendment,
            after=request.after if request.HasField("after") else None,
            limit=request.limit,
            meter=request.meter,
        )
        async with aclosing(pages):
            async for page in pages:
                yield pb.ListChargeEventsResponse(events=page)

    async def ListUnbilledUsage(
        self, request: pb.ListUnbilledUsageRequest, context: Context
    ) -> pb.ListUnbilledUsageResponse:
        """Return a page of the usage that no invoice will have."""
        wanted, after = unbilled_wire.filter_from_proto(request), unbilled_wire.place_in_list(request)
        limit, freshness = page_limit(request.page_size), request.freshness
        page = await unbilled.list_unbilled(self._deps, current_tenant(), wanted, after, limit, freshness)
        return unbilled_wire.page_to_proto(page)

    async def GetProgress(self, request: pb.GetProgressRequest, context: Context) -> pb.GetProgressResponse:
        """Tell how far the live charges are."""
        progress = await live.get_progress(self._deps, current_tenant())
        return progress_to_proto(progress, feeds_to_proto(self._deps.board.states(), self._deps.clock.now()))
