"""Client of rating, the left neighbour; speaks domain values, but for what is only handed through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.duration_pb2 import Duration
from metering.rating.v1 import rating_service_pb2 as pb
from metering.rating.v1 import rating_service_pb2_grpc as pb_grpc

from invoicing import wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import timedelta

    import grpc.aio
    from metering.aggregator.v1 import usage_pb2

    from invoicing.domain.invoice import Rated


class Rating:
    """The questions that invoicing asks rating. Errors come back as `chassis.errors.MeterlineError`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = pb_grpc.RatingServiceStub(channel)

    async def rate(
        self, contract: str, billing_period: str, grace: timedelta, *, amends_snapshot_id: str = ""
    ) -> Rated:
        """Seal and rate a period for good; with `amends_snapshot_id`, what changed since that snapshot."""
        request = pb.RateUsageRequest(
            contract=contract,
            billing_period=billing_period,
            grace=Duration(seconds=int(grace.total_seconds())),
            amends_snapshot_id=amends_snapshot_id,
        )
        response: pb.RateUsageResponse = await self._stub.RateUsage(request)
        return wire.rated_from_proto(
            charges=response.charges,
            contract=response.contract,
            customer=response.customer,
            period=response.period,
            billing_period=billing_period,
            as_of=response.as_of,
            snapshot_id=response.snapshot_id,
        )

    async def live_charges(self, *, contract: str = "", customer: str = "", billing_period: str = "") -> Rated:
        """Give the charges of a period as usage is now; by contract, or by customer and the contract in force."""
        request = pb.ListChargesRequest(contract=contract, customer=customer, billing_period=billing_period)
        response: pb.ListChargesResponse = await self._stub.ListCharges(request)
        return wire.rated_from_proto(
            charges=response.charges,
            contract=response.contract,
            customer=response.customer,
            period=response.period,
            billing_period=response.billing_period,
            as_of=response.as_of,
        )

    async def explain(self, charge_id: str) -> pb.ExplainChargeResponse:
        """Give the derivation of a charge; handed through as it is."""
        response: pb.ExplainChargeResponse = await self._stub.ExplainCharge(pb.ExplainChargeRequest(charge_id=charge_id))
        return response

    async def events(
        self, charge_id: str, *, only_amendment: bool, limit: int
    ) -> AsyncIterator[Sequence[usage_pb2.MeteredEvent]]:
        """Stream the events behind a charge, page by page; handed through as they are."""
        request = pb.ListChargeEventsRequest(charge_id=charge_id, only_amendment=only_amendment, limit=limit)
        call = self._stub.ListChargeEvents(request)
        try:
            async for page in call:
                yield page.events
        finally:
            # An abandoned streaming call is never collected by grpcio and would live on at the server.
            call.cancel()
