"""The client of the aggregator, the left neighbor, speaking domain types but for what is only handed through."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from chassis.rpc.client import neighbor_errors, reading
from eventlog.feed.wire import GrpcFeedSource
from eventlog.wire import period_to_proto, timestamp
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import aggregator_service_pb2_grpc as pb_grpc
from metering.common.v1 import feed_service_pb2
from rating.domain.cells import cells_of
from rating.wire.cost import check_rows, usage_from_pages, usage_queries_by_bounds, usage_query
from rating.wire.unbilled import (
    extents_from_proto,
    spans_to_proto,
    unbilled_from_proto,
    unmatched_from_proto,
    unmatched_to_proto,
)
from rating.wire.usage import (
    bounds_to_proto,
    cells_from_windows,
    currents_from_proto,
    currents_to_proto,
    groups_to_proto,
    known_meters,
    meters_described,
    usage_from_snapshot,
    usage_from_totals,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from datetime import datetime

    import grpc

    from eventlog.period import Period
    from metering.aggregator.v1 import usage_pb2
    from rating.domain.billing_period import BillingPeriod
    from rating.domain.cell_questions import CellQuestion, Questions
    from rating.domain.cells import Cells
    from rating.domain.charges import AskedQuantity, AskedTotals, CurrentQuantity, Usage
    from rating.domain.cost import AskedUsage, UsageByWindow
    from rating.domain.meters import KnownMeter
    from rating.domain.unbilled import SuspectSpan, UnbilledUsage, UsageExtents

CALLED: Final = (
    pb.DESCRIPTOR.services_by_name["AggregatorService"],
    feed_service_pb2.DESCRIPTOR.services_by_name["FeedService"],
)
"""The services that are called through the channel."""

_PAGE_ROWS: Final = 1000


class AggregatorClient:
    """The aggregator over gRPC. Raises MeterlineError, as the aggregator did."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = pb_grpc.AggregatorServiceStub(channel)
        self.feed = GrpcFeedSource(channel)

    async def totals(
        self, customer: str, period: Period | BillingPeriod, questions: Questions = MappingProxyType({})
    ) -> Usage:
        """Return the usage of all meters of a customer and period as it is now; of some also by their groups.

        Raises NotFound METER_NOT_FOUND and InvalidRequest GROUP_UNKNOWN for groups that there are not.
        """
        groups = groups_to_proto(questions)
        request = pb.QueryTotalsRequest(customer=customer, period=period_to_proto(period), groups=groups)
        with neighbor_errors("the aggregator"):
            return usage_from_totals(await self._stub.QueryTotals(request), questions)

    async def many_totals(self, asked: Sequence[AskedTotals]) -> list[Usage]:
        """Return the same for many customers and periods, in order and all of one moment; any error is that of all."""
        questions = [
            pb.TotalsQuestion(
                customer=one.customer, period=period_to_proto(one.period), groups=groups_to_proto(one.questions)
            )
            for one in asked
        ]
        with neighbor_errors("the aggregator"):
            response = await self._stub.QueryManyTotals(pb.QueryManyTotalsRequest(questions=questions))
        return [usage_from_totals(answer, one.questions) for one, answer in zip(asked, response.answers, strict=True)]

    async def currents(self, asked: Sequence[AskedQuantity]) -> list[CurrentQuantity]:
        """Return whole quantities from the aggregator's memory, in order. Raises NotFound METER_NOT_FOUND for any."""
        with neighbor_errors("the aggregator"):
            return currents_from_proto(await self._stub.QueryCurrentUsage(currents_to_proto(asked)))

    async def usage_by_window(
        self,
        asked: AskedUsage,
        meter: str,
        *,
        group_by: Sequence[str] = (),
        running: bool = False,
        bounds: Sequence[datetime] = (),
    ) -> UsageByWindow:
        """Return usage of one meter by windows and groups; with `running`, each from the start of the time asked for.

        `bounds` cut the time where windows of a size don't. Raises Conflict if the log is restored meanwhile, and
        TooBig.
        """
        requests = [usage_query(asked, meter, group_by, running=running)]
        if bounds:
            requests = usage_queries_by_bounds(asked, meter, group_by, bounds)
        pages: list[pb.QueryUsageResponse] = []
        with neighbor_errors("the aggregator"):
            for request in requests:
                is_first = True
                while is_first or request.page_token:
                    pages.append(await self._stub.QueryUsage(request))
                    check_rows(pages)
                    request.page_token = pages[-1].next_page_token
                    is_first = False
        return usage_from_pages(pages)

    async def meters(self) -> dict[str, KnownMeter]:
        """Return the meters that there are, by name."""
        request = pb.ListMetersRequest(page_size=_PAGE_ROWS)
        found: dict[str, KnownMeter] = {}
        with neighbor_errors("the aggregator"):
            while True:
                page = await self._stub.ListMeters(request)
                found |= known_meters(page.meters)
                if not page.next_page_token:
                    return found
                request.page_token = page.next_page_token

    async def described_meters(self, customer: str) -> dict[str, KnownMeter]:
        """Return the meters that there are, by name, as a caller that acts for a customer may know them."""
        with neighbor_errors("the aggregator"):
            described = await self._stub.DescribeMeters(pb.DescribeMetersRequest(customer=customer))
        return meters_described(described.meters)

    async def seal(
        self,
        customer: str,
        period: BillingPeriod,
        *,
        not_before: datetime,
        time_zone: str,
        amends_snapshot_id: str,
        questions: Questions,
    ) -> Usage:
        """Freeze the usage of a customer and period; the same when asked again.

        Days are cut where `questions` need it.
        """
        request = pb.SealUsageRequest(
            customer=customer,
            period=period_to_proto(period),
            not_before=timestamp(not_before),
            time_zone=time_zone,
            amends_snapshot_id=amends_snapshot_id,
            bounds=bounds_to_proto(questions),
        )
        with neighbor_errors("the aggregator"):
            response = await self._stub.SealUsage(request)
        return usage_from_snapshot(response.snapshot)

    async def snapshot(
        self, snapshot_id: str, meter: str, page_size: int, page_token: str
    ) -> tuple[Usage, pb.GetSnapshotResponse]:
        """Return the usage of a snapshot, and the snapshot with a page of the windows of a meter, as it is."""
        request = pb.GetSnapshotRequest(
            snapshot_id=snapshot_id, windows_of_meter=meter, page_size=page_size, page_token=page_token
        )
        with neighbor_errors("the aggregator"):
            response = await self._stub.GetSnapshot(request)
        return usage_from_snapshot(response.snapshot), response

    async def frozen_cells(self, snapshot_id: str, meter: str, question: CellQuestion) -> Cells:
        """Return what a snapshot holds of a meter whose days add up, by values of properties.

        Raises Conflict if its days are not cut where the question needs it.
        """
        request = pb.GetSnapshotRequest(snapshot_id=snapshot_id, windows_of_meter=meter)
        parts: list[Cells] = []
        with neighbor_errors("the aggregator"):
            while not parts or request.page_token:
                page = await self._stub.GetSnapshot(request)
                parts.append(cells_from_windows(page.windows, question))
                request.page_token = page.next_page_token
        return cells_of(question.by, (cell for part in parts for cell in part.cells))

    async def extents(
        self,
        customers: Sequence[str],
        meter: str,
        *,
        from_customer: str,
        customers_max: int,
        freshness: pb.Freshness | None = None,
    ) -> UsageExtents:
        """Return whose usage there is, and when, customer by customer; `freshness` as the caller asked for it."""
        request = pb.ListUsageExtentsRequest(
            customers=customers,
            meter=meter,
            from_customer=from_customer,
            customers_max=customers_max,
            freshness=freshness,
        )
        with neighbor_errors("the aggregator"):
            return extents_from_proto(await self._stub.ListUsageExtents(request))

    async def unbilled_in(self, spans: Sequence[SuspectSpan]) -> Sequence[UnbilledUsage]:
        """Return what is in spans: usage for the reason of its stretch, and parked events."""
        with neighbor_errors("the aggregator"):
            return unbilled_from_proto(spans, await self._stub.QuerySpans(spans_to_proto(spans)))

    async def unmatched(self, period: Period | None) -> Sequence[UnbilledUsage]:
        """Return the events that no meter asks for, by type."""
        with neighbor_errors("the aggregator"):
            return unmatched_from_proto(await self._stub.ListParkedEvents(unmatched_to_proto(period)))

    async def events(
        self, snapshot_id: str, meter: str, *, only_amendment: bool, after: usage_pb2.EventPlace | None, limit: int
    ) -> AsyncGenerator[Sequence[usage_pb2.MeteredEvent], None]:
        """Yield the events that a snapshot counts for a meter, page by page; handed through as they are."""
        request = pb.ListUsageEventsRequest(
            snapshot_id=snapshot_id, meter=meter, only_amendment=only_amendment, after=after, limit=limit
        )
        with neighbor_errors("the aggregator"):
            async with reading(self._stub.ListUsageEvents(request)) as pages:
                async for page in pages:
                    yield page.events
