"""The client of rating, the left neighbor, speaking domain values; explanations are handed through as they are."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from google.protobuf.duration_pb2 import Duration

from chassis.rpc.client import neighbor_errors, reading
from chassis.rpc.pages import Page
from invoicing.domain.accounts import DuePeriod
from invoicing.operations.deps import ItemPrice
from invoicing.wire.invoices import billed_to_proto, rated_from_proto
from invoicing.wire.lines import evidence_from_proto
from metering.common.v1 import feed_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from metering.rating.v1 import rating_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from datetime import date, timedelta

    import grpc

    from invoicing.domain.charges import Rated
    from invoicing.domain.line_checks import Evidence
    from invoicing.domain.lines import BilledPeriod
    from metering.aggregator.v1 import usage_pb2
    from metering.rating.v1 import charge_pb2

CALLED: Final = (pb.DESCRIPTOR.services_by_name["RatingService"],)
"""The services that are called through the channel."""
_PERIODS_AT_ONCE: Final = 24


class RatingClient:
    """Rating over gRPC. Raises MeterlineError, as rating did."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = pb_grpc.RatingServiceStub(channel)

    async def rate(
        self,
        contract: str,
        billing_period: str,
        grace: timedelta,
        *,
        amends_snapshot_id: str = "",
        billed: BilledPeriod | None = None,
    ) -> Rated:
        """Seal and rate a period; with `amends_snapshot_id`, what changed since that snapshot, which was `billed`."""
        request = pb.RateUsageRequest(
            contract=contract,
            billing_period=billing_period,
            grace=Duration(seconds=int(grace.total_seconds())),
            amends_snapshot_id=amends_snapshot_id,
            billed=() if billed is None else map(billed_to_proto, billed.history),
        )
        with neighbor_errors("rating"):
            response: pb.RateUsageResponse = await self._stub.RateUsage(request)
        return rated_from_proto(
            charges=response.charges,
            contract=response.contract,
            customer=response.customer,
            period=response.period,
            billing_period=billing_period,
            as_of=response.as_of,
            snapshot_id=response.snapshot_id,
        )

    async def live_charges(self, *, contract: str = "", customer: str = "", billing_period: str = "") -> Rated:
        """Return the charges of a period as usage is now; by contract, or by customer and the contract in force."""
        rated, _ = await self.told_charges(contract=contract, customer=customer, billing_period=billing_period)
        return rated

    async def live_charges_of_periods(self, customer: str, periods: Sequence[tuple[str, str]]) -> list[Rated]:
        """Return the same of several periods of a customer, each by contract and label, in their order."""
        found: list[Rated] = []
        for first in range(0, len(periods), _PERIODS_AT_ONCE):
            request = pb.ListChargesOfPeriodsRequest(
                customer=customer,
                periods=[
                    pb.AskedPeriod(contract=contract, billing_period=label)
                    for contract, label in periods[first : first + _PERIODS_AT_ONCE]
                ],
            )
            with neighbor_errors("rating"):
                response: pb.ListChargesOfPeriodsResponse = await self._stub.ListChargesOfPeriods(request)
            found += map(_rated, response.periods)
        return found

    async def told_charges(
        self, *, contract: str = "", customer: str = "", billing_period: str = ""
    ) -> tuple[Rated, Mapping[str, charge_pb2.Charge]]:
        """Return the same of one period, and each charge by its item; handed through as it is."""
        request = pb.ListChargesRequest(contract=contract, customer=customer, billing_period=billing_period)
        with neighbor_errors("rating"):
            response: pb.ListChargesResponse = await self._stub.ListCharges(request)
        return _rated(response), {charge.item: charge for charge in response.charges}

    async def price_of(self, contract: str, billing_period: str, item: str, day: date) -> ItemPrice:
        """Return the price of a plan item on a day of a period; handed through as it is."""
        request = pb.GetPriceListRequest(contract=contract, billing_period=billing_period, day=day.isoformat())
        with neighbor_errors("rating"):
            response: pb.GetPriceListResponse = await self._stub.GetPriceList(request)
        plan = response.plan
        found = next((one for one in plan.spec.items if one.name == item), None)
        return ItemPrice((plan.name, plan.version), found)

    async def evidence(self, charge_id: str) -> Evidence:
        """Return what rating proves of a frozen charge. Raises NotFound, and Diverged if it can't be proven."""
        # One window is enough: the snapshot's digest covers them all.
        return evidence_from_proto(await self.explain(charge_id, 1, ""))

    async def due_periods(self, customer: str, from_billing_period: str, within_days: int) -> list[DuePeriod]:
        """Return periods of all contracts of a customer, by their end: from a label on, if they end that soon."""
        request = pb.ListBillingPeriodsRequest(
            customer=customer, from_billing_period=from_billing_period, ends_within_days=within_days
        )
        with neighbor_errors("rating"):
            response: pb.ListBillingPeriodsResponse = await self._stub.ListBillingPeriods(request)
        return [DuePeriod(due.contract, due.billing_period, due.currency) for due in response.periods]

    async def periods_of_month(self, month: str, after: str, limit: int) -> Page[tuple[str, str]]:
        """Return the periods of a page of contracts that belong to a month, each by contract and label."""
        request = pb.ListContractsRequest(of_month=month, page_token=after, page_size=limit)
        with neighbor_errors("rating"):
            response: pb.ListContractsResponse = await self._stub.ListContracts(request)
        found = [(period.contract, period.billing_period) for period in response.periods]
        return Page(found, response.next_page_token)

    async def customer_of_contract(self, contract: str) -> str:
        """Return the customer of a contract. Raises NotFound also if the caller acts for another customer."""
        with neighbor_errors("rating"):
            response: pb.GetContractResponse = await self._stub.GetContract(pb.GetContractRequest(name=contract))
        return response.contract.spec.customer

    async def explain(self, charge_id: str, page_size: int, page_token: str) -> pb.ExplainChargeResponse:
        """Return the derivation of a charge with a page of its windows; handed through as it is."""
        request = pb.ExplainChargeRequest(charge_id=charge_id, page_size=page_size, page_token=page_token)
        with neighbor_errors("rating"):
            response: pb.ExplainChargeResponse = await self._stub.ExplainCharge(request)
        return response

    async def events(
        self, charge_id: str, *, only_amendment: bool, after: usage_pb2.EventPlace | None, limit: int, meter: str = ""
    ) -> AsyncGenerator[Sequence[usage_pb2.MeteredEvent], None]:
        """Yield the events behind a charge, of its own meter or another one that its formula reads, page by page.

        Handed through as they are.
        """
        request = pb.ListChargeEventsRequest(
            charge_id=charge_id, only_amendment=only_amendment, after=after, limit=limit, meter=meter
        )
        with neighbor_errors("rating"):
            async with reading(self._stub.ListChargeEvents(request)) as pages:
                async for page in pages:
                    yield page.events

    async def count_events(self, charge_id: str, *, only_amendment: bool) -> int:
        """Return how many events are behind a charge; one that takes an event back counts as one less."""
        count = 0
        async with aclosing(self.events(charge_id, only_amendment=only_amendment, after=None, limit=0)) as pages:
            async for page in pages:
                count += sum(-1 if one.event.kind == feed_pb2.ENTRY_KIND_VOID else 1 for one in page)
        return count


def _rated(response: pb.ListChargesResponse) -> Rated:
    return rated_from_proto(
        charges=response.charges,
        contract=response.contract,
        customer=response.customer,
        period=response.period,
        billing_period=response.billing_period,
        as_of=response.as_of,
    )
