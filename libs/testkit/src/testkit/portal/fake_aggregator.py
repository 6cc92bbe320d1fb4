"""The aggregator as the portal sees it, over a small world of flights."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.aggregator.v1 import aggregator_service_pb2_grpc as aggregator_grpc
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.common.v1 import feed_pb2
from metering.ingest.v1 import usage_event_pb2
from testkit.portal.world import (
    NEW_YORK,
    UNTOLD,
    Context,
    Flight,
    World,
    period_message,
)

REPLACED = 3
"""Place of the event that holds in the place of another one."""
DECLARED = {"origin", "secret"}
"""Properties by which the meter groups."""


class FakeAggregator(aggregator_grpc.AggregatorServiceServicer):
    """Counts flights."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def DescribeMeters(
        self, request: aggregator_pb.DescribeMetersRequest, context: Context
    ) -> aggregator_pb.DescribeMetersResponse:
        """Answer DescribeMeters."""
        if self.world.is_operator(context):
            self.world.note_operator("DescribeMeters", context)
        else:
            await self.world.caller("DescribeMeters", context)
        flights = meter_pb2.MeterDescription(
            name="flights", unit="flight", aggregation=meter_pb2.AGGREGATION_COUNT, group_by=["origin", "secret"]
        )
        hidden = meter_pb2.MeterDescription(name="internal", aggregation=meter_pb2.AGGREGATION_COUNT)
        return aggregator_pb.DescribeMetersResponse(meters=[flights, hidden])

    async def QueryUsage(
        self, request: aggregator_pb.QueryUsageRequest, context: Context
    ) -> aggregator_pb.QueryUsageResponse:
        """Answer QueryUsage."""
        customer = await self.world.caller("QueryUsage", context, named=f"C-{request.customers[0]}")
        start, end = (message.ToDatetime(UTC) for message in (request.period.start, request.period.end))
        wanted = {one.property: set(one.values) for one in request.filters}
        undeclared = {*wanted, *request.group_by} - DECLARED
        # As the aggregator, it reads events only if it may.
        assert not undeclared or request.scan_events_max
        rows: dict[tuple[datetime, str], list[Flight]] = {}
        for flight in self.world.used(customer, start, end):
            group = self.world.group_of(flight)
            if group in wanted.get("origin", {group}):
                window = max(start, window_of(flight.at, request.window_size, start))
                rows.setdefault((window, group if request.group_by else ""), []).append(flight)
        return aggregator_pb.QueryUsageResponse(
            rows=[
                usage_row(customer, key, found, grouped=bool(request.group_by)) for key, found in sorted(rows.items())
            ],
            unit="flight",
            as_of=self.world.as_of(),
            filled=True,
            source=aggregator_pb.UsageSource(events_read=len(self.world.flights[customer]) if undeclared else 0),
        )

    async def SummarizeUsage(
        self, request: aggregator_pb.SummarizeUsageRequest, context: Context
    ) -> aggregator_pb.SummarizeUsageResponse:
        """Answer SummarizeUsage: the figures of the days on which somebody flew."""
        query = request.query
        customer = await self.world.caller("SummarizeUsage", context, named=f"C-{query.customers[0]}")
        start, end = (message.ToDatetime(UTC) for message in (query.period.start, query.period.end))
        days: dict[datetime, Decimal] = {}
        for flight in self.world.used(customer, start, end):
            day = max(start, window_of(flight.at, query.window_size, start))
            days[day] = days.get(day, Decimal(0)) + flight.quantity
        largest = max(sorted(days), key=lambda day: days[day])
        ascending = sorted(days.values())
        summary = aggregator_pb.UsageSummary(
            customer=customer,
            quantity=str(sum(ascending, Decimal(0))),
            largest_window=period_message(largest, largest + timedelta(days=1)),
            largest_quantity=str(days[largest]),
            percentile_95=str(ascending[-(-95 * len(ascending) // 100) - 1]),
            window_count=len(days),
        )
        return aggregator_pb.SummarizeUsageResponse(summaries=[summary], unit="flight", as_of=self.world.as_of())

    async def QueryHeatMap(
        self, request: aggregator_pb.QueryHeatMapRequest, context: Context
    ) -> aggregator_pb.QueryHeatMapResponse:
        """Answer QueryHeatMap."""
        customer = await self.world.caller("QueryHeatMap", context, named=f"C-{request.customers[0]}")
        start, end = (message.ToDatetime(UTC) for message in (request.period.start, request.period.end))
        found: dict[tuple[int, int], Decimal] = {}
        for flight in self.world.used(customer, start, end):
            local = flight.at.astimezone(NEW_YORK)
            found[local.isoweekday(), local.hour] = (
                found.get((local.isoweekday(), local.hour), Decimal(0)) + flight.quantity
            )
        cells = [
            aggregator_pb.HeatMapCell(
                hour=aggregator_pb.HourOfWeek(weekday=weekday, hour=hour),
                quantity=str(quantity),
                event_count=int(quantity),
                minutes=240,
            )
            for (weekday, hour), quantity in sorted(found.items())
        ]
        return aggregator_pb.QueryHeatMapResponse(cells=cells, unit="flight", as_of=self.world.as_of())

    async def QueryTotals(
        self, request: aggregator_pb.QueryTotalsRequest, context: Context
    ) -> aggregator_pb.QueryTotalsResponse:
        """Answer QueryTotals."""
        customer = await self.world.caller("QueryTotals", context, named=f"C-{request.customer}")
        start, end = (message.ToDatetime(UTC) for message in (request.period.start, request.period.end))
        count = len(self.world.used(customer, start, end))
        usage = [usage_pb2.MeterUsage(meter="flights", event_count=count, quantity=str(count))]
        return aggregator_pb.QueryTotalsResponse(usage=usage, as_of=self.world.as_of())

    async def ListMeteredEvents(
        self, request: aggregator_pb.ListMeteredEventsRequest, context: Context
    ) -> AsyncIterator[aggregator_pb.ListMeteredEventsResponse]:
        """Answer ListMeteredEvents."""
        customer = await self.world.caller("ListMeteredEvents", context, named=f"C-{request.customer}")
        start, end = (message.ToDatetime(UTC) for message in (request.period.start, request.period.end))
        found = metered(
            self.world, customer, start, end, request.after.position, request.limit, values_of(request.filters)
        )
        if request.HasField("hour_of_week"):
            assert request.time_zone == NEW_YORK.key
            found = [event for event in found if is_in_hour(event, request.hour_of_week)]
        yield aggregator_pb.ListMeteredEventsResponse(events=found)


def is_in_hour(event: usage_pb2.MeteredEvent, hour: aggregator_pb.HourOfWeek) -> bool:
    """Whether an event lies in an hour of the week of New York."""
    local = event.event.event.time.ToDatetime(UTC).astimezone(NEW_YORK)
    return (local.isoweekday(), local.hour) == (hour.weekday, hour.hour)


def values_of(filters: Iterable[meter_pb2.PropertyFilter]) -> set[str]:
    """The origins that are asked for; none = all."""
    return {value for one in filters if one.property == "origin" for value in one.values}


def window_of(at: datetime, size: int, start: datetime) -> datetime:
    """When the window of an instant begins."""
    local = at.astimezone(NEW_YORK)
    match size:
        case usage_pb2.WINDOW_SIZE_HOUR:
            return at.replace(minute=0, second=0, microsecond=0)
        case usage_pb2.WINDOW_SIZE_DAY:
            return datetime(local.year, local.month, local.day, tzinfo=NEW_YORK).astimezone(UTC)
        case usage_pb2.WINDOW_SIZE_MONTH:
            return datetime(local.year, local.month, 1, tzinfo=NEW_YORK).astimezone(UTC)
        case usage_pb2.WINDOW_SIZE_WEEK:
            monday = local.date() - timedelta(days=local.weekday())
            return datetime(monday.year, monday.month, monday.day, tzinfo=NEW_YORK).astimezone(UTC)
        case _:
            return start


def usage_row(
    customer: str, key: tuple[datetime, str], found: Sequence[Flight], *, grouped: bool
) -> usage_pb2.UsageRow:
    """Return the message of usage row."""
    return usage_pb2.UsageRow(
        customer=customer,
        window=period_message(key[0], key[0] + timedelta(hours=1)),
        group=[key[1].removeprefix(UNTOLD)] if grouped else [],
        is_other_group=key[1] == UNTOLD,
        quantity=str(sum(flight.quantity for flight in found)),
        billable_quantity=str(2 * sum(flight.quantity for flight in found)),
        event_count=len(found),
    )


def metered(
    world: World,
    customer: str,
    start: datetime,
    end: datetime,
    after: int,
    limit: int,
    origins: Collection[str] = (),
) -> list[usage_pb2.MeteredEvent]:
    """Events in log order, after a place."""
    made = []
    for position, flight in enumerate(world.flights[customer], 1):
        if position > after and start <= flight.at < end and (not origins or flight.origin in origins):
            event = usage_event_pb2.UsageEvent(
                id=f"{customer}-{position}",
                source="ops",
                properties={"origin": flight.origin, "secret": "x", "gate": "A1"},
                traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            )
            event.time.FromDatetime(flight.at)
            stored = usage_event_pb2.StoredEvent(event=event, lane=0, position=position)
            if position == REPLACED:
                stored.kind, stored.reason = feed_pb2.ENTRY_KIND_REPLACEMENT, "counted twice, ticket 4711"
            made.append(usage_pb2.MeteredEvent(event=stored, value=str(flight.quantity)))
    return made[: limit or None]
