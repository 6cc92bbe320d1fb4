"""Parked events count once their meter is mended: each once, in its own time, also when all is counted again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import NotFound
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2
from metering.common.v1 import feed_pb2
from testkit.wait import eventually

SUM = meter_pb2.AGGREGATION_SUM
LATER = datetime(2026, 4, 1, tzinfo=UTC)


async def parked(aggregator: Any) -> list[tuple[str, str]]:
    page = await aggregator.caller().ListParkedEvents(pb.ListParkedEventsRequest(meter="minutes"))
    return [(event.id, event.reason) for event in page.events]


async def requeue(aggregator: Any, **fields: Any) -> pb.RequeueParkedResponse:
    request = pb.RequeueParkedRequest(meter="minutes", **fields)
    answer: pb.RequeueParkedResponse = await aggregator.caller().RequeueParked(request)
    return answer


async def mend(aggregator: Any, **spec: Any) -> None:
    """Apply a version that reads another property, from April on."""
    later = Timestamp()
    later.FromDatetime(LATER)
    values: dict[str, Any] = {"value_property": "mins", "effective_from": later, **spec}
    await aggregator.apply("minutes", aggregation=SUM, **values)


async def seed(aggregator: Any, ingest: Any, new_event: Any, counted: Any) -> None:
    await aggregator.apply("minutes", aggregation=SUM, value_property="minutes")
    ingest.append([new_event(1), new_event(2, properties={"mins": "5"}), new_event(3, properties={"mins": "x"})])
    ingest.append([new_event(4, properties={"mins": "2"}, customer="customer-2"), new_event(5)], lane=1)
    await counted()


async def test_what_the_newest_version_can_read_counts_in_its_own_time(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await seed(aggregator, ingest, new_event, counted)
    unmended = await requeue(aggregator)
    await mend(aggregator)

    foreseen = await requeue(aggregator, validate_only=True)
    before = await aggregator.quantities("minutes")
    done = await requeue(aggregator)
    again = await requeue(aggregator)

    assert (unmended.counted, unmended.still_parked) == (0, 3)
    assert (foreseen.counted, foreseen.still_parked) == (2, 1)
    assert before == {"customer-1": "2"}
    assert done == foreseen
    assert [(one.reason, one.event_count) for one in done.reasons] == [("VALUE_MISSING", 1)]
    assert (again.counted, again.still_parked) == (0, 1)
    assert await aggregator.quantities("minutes") == {"customer-1": "7", "customer-2": "2"}
    assert await parked(aggregator) == [("event-3", "VALUE_MISSING")]


async def test_counting_everything_again_comes_to_the_same(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any, tables: Any
) -> None:
    await seed(aggregator, ingest, new_event, counted)
    await mend(aggregator)
    await requeue(aggregator)
    rows = await aggregator.rows("minutes")

    await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest(meters=["minutes"]))

    async def is_filled() -> bool:
        return not list((await aggregator.caller().GetProgress(pb.GetProgressRequest())).filling_meters)

    await eventually(is_filled)
    assert await aggregator.rows("minutes") == rows
    assert await parked(aggregator) == [("event-3", "VALUE_MISSING")]


async def test_what_was_requeued_is_subtracted_as_it_was_read_when_it_is_taken_back(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await seed(aggregator, ingest, new_event, counted)
    sealed = await aggregator.seal()
    await mend(aggregator)
    await requeue(aggregator)
    assert await aggregator.quantities("minutes") == {"customer-1": "7", "customer-2": "2"}

    ingest.void([(0, 2), (0, 1)])
    await counted()
    live = await aggregator.quantities("minutes")
    amended = await aggregator.seal(amends_snapshot_id=sealed.id)
    await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest(meters=["minutes"]))
    await counted()

    assert live == {"customer-1": "1", "customer-2": "2"}
    assert await aggregator.quantities("minutes") == live
    # Event 2 counted in neither seal, event 1 in the first one alone.
    request = pb.ListUsageEventsRequest(snapshot_id=amended.id, meter="minutes", only_amendment=True)
    pages = [page async for page in aggregator.caller().ListUsageEvents(request)]
    assert [(one.event.event.id, one.event.kind) for page in pages for one in page.events] == [
        ("event-1", feed_pb2.ENTRY_KIND_VOID)
    ]


async def test_what_is_taken_back_while_it_is_parked_is_not_requeued(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await seed(aggregator, ingest, new_event, counted)
    ingest.void([(0, 2)])
    await counted()
    await mend(aggregator)

    assert (await requeue(aggregator)).counted == 1
    assert await aggregator.quantities("minutes") == {"customer-1": "2", "customer-2": "2"}


async def test_many_who_ask_at_once_count_each_event_once(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await seed(aggregator, ingest, new_event, counted)
    await mend(aggregator)

    answers = await asyncio.gather(*(requeue(aggregator) for _ in range(5)))

    assert sum(answer.counted for answer in answers) == 2
    assert await aggregator.quantities("minutes") == {"customer-1": "7", "customer-2": "2"}


async def test_a_repeated_request_gets_the_first_answer(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await seed(aggregator, ingest, new_event, counted)
    await mend(aggregator)

    first = await requeue(aggregator, request_id="r-1")
    again = await requeue(aggregator, request_id="r-1")

    assert first == again
    assert first.counted == 2


async def test_conditions_and_pages_narrow_it(aggregator: Any, ingest: Any, new_event: Any, counted: Any) -> None:
    await seed(aggregator, ingest, new_event, counted)
    await mend(aggregator)

    other = await requeue(aggregator, customer="customer-3")
    first = await requeue(aggregator, page_size=1)
    rest = await requeue(aggregator, page_size=2, page_token=first.next_page_token)

    assert (other.counted, other.still_parked) == (0, 0)
    assert (first.counted, first.still_parked) == (1, 0)
    assert (rest.counted, rest.still_parked, rest.next_page_token) == (1, 1, "")
    assert isinstance(
        await aggregator.caller().refused("RequeueParked", pb.RequeueParkedRequest(meter="nothing")), NotFound
    )


async def test_an_event_that_the_newest_version_does_not_ask_for_stays_parked(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await seed(aggregator, ingest, new_event, counted)
    await mend(aggregator, filters=[meter_pb2.PropertyFilter(property="region", values=["eu"])])

    assert (await requeue(aggregator)).counted == 0
    assert await aggregator.quantities("minutes") == {"customer-1": "2"}


async def test_a_sealed_period_keeps_its_events_and_its_amendment_lists_the_requeued_ones(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await seed(aggregator, ingest, new_event, counted)
    sealed = await aggregator.seal()
    await mend(aggregator)
    await requeue(aggregator)
    ingest.append([new_event(9)])
    await counted()

    amended = await aggregator.seal(amends_snapshot_id=sealed.id)

    assert [usage.quantity for usage in sealed.usage] == ["2"]
    assert [usage.quantity for usage in amended.usage] == ["8"]
    assert await listed(aggregator, sealed.id) == ["event-1", "event-5"]
    assert sorted(await listed(aggregator, amended.id)) == ["event-1", "event-2", "event-5", "event-9"]
    assert await listed(aggregator, amended.id, only_amendment=True) == ["event-2", "event-9"]


async def listed(aggregator: Any, snapshot_id: str, **fields: Any) -> list[str]:
    request = pb.ListUsageEventsRequest(snapshot_id=snapshot_id, meter="minutes", **fields)
    return [
        event.event.event.id async for page in aggregator.service().ListUsageEvents(request) for event in page.events
    ]
