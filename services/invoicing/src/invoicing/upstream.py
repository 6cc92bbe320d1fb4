"""Client of rating, the left neighbour; speaks domain values, but for what is only handed through."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf.duration_pb2 import Duration

from chassis.errors import Forbidden, Internal, Reason, Unauthenticated, from_rpc_error
from invoicing import wire
from metering.rating.v1 import rating_service_pb2 as pb
from metering.rating.v1 import rating_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence
    from datetime import timedelta

    from invoicing.domain.invoice import Rated
    from metering.aggregator.v1 import usage_pb2

_SERVICE: Final = "metering.rating.v1.RatingService"
RETRIED_METHODS: Final = tuple(
    f"{_SERVICE}/{method}" for method in ("RateUsage", "ListCharges", "ExplainCharge", "ListChargeEvents")
)
"""Calls that may be repeated while rating is away: they read, or give the same when asked again."""


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
        with _rating_errors():
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
        with _rating_errors():
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
        with _rating_errors():
            response: pb.ExplainChargeResponse = await self._stub.ExplainCharge(
                pb.ExplainChargeRequest(charge_id=charge_id)
            )
        return response

    async def events(
        self, charge_id: str, *, only_amendment: bool, limit: int
    ) -> AsyncGenerator[Sequence[usage_pb2.MeteredEvent], None]:
        """Stream the events behind a charge, page by page; handed through as they are."""
        request = pb.ListChargeEventsRequest(charge_id=charge_id, only_amendment=only_amendment, limit=limit)
        call = self._stub.ListChargeEvents(request)
        try:
            with _rating_errors():
                async for page in call:
                    yield page.events
        finally:
            # An abandoned streaming call is never collected by grpcio and would live on at the server.
            call.cancel()


@contextmanager
def _rating_errors() -> Iterator[None]:
    """Give what rating said as our own error: not ready, not found and invalid are the caller's to read."""
    try:
        yield
    except grpc.aio.AioRpcError as failure:
        error = from_rpc_error(failure)
        if isinstance(error, Unauthenticated | Forbidden):
            # It is this service's token that was refused; to our caller that is a defect, not a hint to log in again.
            raise Internal(
                Reason.INTERNAL, "rating does not accept invoicing's own token; mend its service_token_file"
            ) from failure
        raise error from failure
