"""Until when an answer is complete: what ingest had accepted by then is in it; and where that is not known, no time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from aggregator.store.progress import slowest_as_of
from chassis.postgres import open_engine, transaction
from eventlog.as_of import AsOf
from eventlog.period import Period
from eventlog.wire import period_to_proto
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.common.v1 import feed_service_pb2, values_pb2
from testkit.wait import eventually

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = period_to_proto(Period(START, START + timedelta(days=1)))
# Windows of the flood can't be written until the trigger is gone.
HELD = """
    CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF 'held' COLLATE "C" BETWEEN NEW.first_customer AND NEW.last_customer THEN
            RAISE EXCEPTION 'no space left' USING ERRCODE = '53100';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER held BEFORE INSERT ON window_page FOR EACH ROW EXECUTE FUNCTION held();
"""


@pytest.fixture(autouse=True)
def told(ingest: Any) -> None:
    ingest.tells_until = True


def time_of(message: Any) -> datetime | None:
    """Until when an answer, or its `as_of`, is complete."""
    until: datetime | None = (
        message.complete_until.ToDatetime(tzinfo=UTC) if message.HasField("complete_until") else None
    )
    return until


async def asked(aggregator: Any, tenant: str = "acme", **query: Any) -> pb.QueryUsageResponse:
    request = pb.QueryUsageRequest(**{"meter": "calls", "period": DAY, **query})
    response: pb.QueryUsageResponse = await aggregator.caller(tenant).QueryUsage(request)
    return response


async def heads(aggregator: Any) -> datetime | None:
    return time_of(await aggregator.service().Heads(feed_service_pb2.HeadsRequest()))


async def passes(aggregator: Any, moment: datetime, tenant: str = "acme") -> None:
    """Wait until usage is complete beyond a time."""

    async def passed() -> bool:
        until = time_of((await asked(aggregator, tenant)).as_of)
        return until is not None and until >= moment

    await eventually(passed)


async def asked_again(ingest: Any) -> None:
    """Wait until ingest was asked for its heads twice more, so that one of them was asked after this moment."""
    before = ingest.heads_asked

    async def enough() -> bool:
        return bool(ingest.heads_asked >= before + 3)

    await eventually(enough)


async def test_what_was_accepted_by_then_is_counted_also_when_processes_come_and_go(
    run_aggregator: Any, ingest: Any, new_event: Any
) -> None:
    accepted: list[datetime] = []
    known = 0
    for process in range(3):
        # What came while no process ran.
        ingest.append([new_event(len(accepted), id=f"between-{process}")], lane=process % 2)
        accepted.append(datetime.now(UTC))
        async with run_aggregator() as aggregator:
            await aggregator.apply("calls")
            for number in range(12):
                ingest.append([new_event(number, id=f"{process}-{number}")], lane=number % 2)
                accepted.append(datetime.now(UTC))
                for _ in range(4):
                    answer = await asked(aggregator)
                    counted = sum(row.event_count for row in answer.rows)
                    until = time_of(answer.as_of)
                    if until is not None:
                        known += 1
                        assert counted >= sum(moment <= until for moment in accepted)
            await passes(aggregator, accepted[-1])
            assert sum(row.event_count for row in (await asked(aggregator)).rows) == len(accepted)
    assert known, "or it would prove nothing"


async def test_every_answer_about_usage_tells_it_and_what_is_frozen_does_not(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await aggregator.apply("calls")
    ingest.append([new_event(1)])
    began = datetime.now(UTC)
    caller = aggregator.caller()

    usage = await asked(aggregator, freshness=pb.Freshness(latest=True))
    totals = await caller.QueryTotals(pb.QueryTotalsRequest(customer="customer-1", period=DAY))
    progress = await caller.GetProgress(pb.GetProgressRequest())
    # What a caller says of it is not believed.
    up_to = values_pb2.AsOf()
    up_to.CopyFrom(usage.as_of)
    up_to.complete_until.FromDatetime(datetime(9999, 1, 1, tzinfo=UTC))
    events = pb.ListMeteredEventsRequest(customer="customer-1", meter="calls", period=DAY, up_to=up_to)
    (page,) = [page async for page in caller.ListMeteredEvents(events)]
    snapshot = await aggregator.seal()

    for as_of in (usage.as_of, totals.as_of, progress.as_of, page.as_of):
        until = time_of(as_of)
        assert until is not None
        assert began <= until <= datetime.now(UTC)
    assert not progress.head.HasField("complete_until")
    assert not snapshot.as_of.HasField("complete_until")
    assert (await heads(aggregator) or began) > began


async def test_while_the_fold_is_behind_it_stands_still(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("calls")
    ingest.append([new_event(1)])
    await passes(aggregator, datetime.now(UTC))
    ingest.held_back = 5
    accepted = datetime.now(UTC)

    await asked_again(ingest)
    first = await asked(aggregator), await heads(aggregator)
    await asked_again(ingest)
    second = await asked(aggregator), await heads(aggregator)

    assert time_of(first[0].as_of) == time_of(second[0].as_of) == first[1] == second[1]
    assert first[1] is not None
    assert first[1] < accepted
    ingest.held_back = 0
    await passes(aggregator, accepted)


async def test_that_heads_are_asked_for_again_and_again_makes_no_span(spans: Any, aggregator: Any, ingest: Any) -> None:
    asked_before = ingest.heads_asked

    await heads(aggregator)
    await asked_again(ingest)
    await aggregator.apply("calls")

    assert ingest.heads_asked > asked_before
    assert spans("metering.aggregator.v1.AggregatorService/ApplyMeter")
    assert not spans("metering.common.v1.FeedService/Heads")


async def test_of_a_log_that_does_not_tell_it_nothing_is_told(aggregator: Any, ingest: Any, new_event: Any) -> None:
    ingest.tells_until = False
    await aggregator.apply("calls")
    ingest.append([new_event(1)])

    await asked_again(ingest)

    assert time_of((await asked(aggregator, freshness=pb.Freshness(latest=True))).as_of) is None
    assert await heads(aggregator) is None


async def test_while_a_meter_is_filled_its_answers_tell_none_and_those_of_others_do(
    aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    await aggregator.apply("calls")
    await aggregator.apply("others", "beta")
    ingest.append([new_event(1, customer="held"), new_event(2)])
    accepted = datetime.now(UTC)
    await passes(aggregator, accepted)
    await tables.connection.execute(HELD)
    await aggregator.apply("late")
    caller = aggregator.caller()

    late, calls = await asked(aggregator, meter="late"), await asked(aggregator)
    everything = await caller.QueryTotals(pb.QueryTotalsRequest(customer="held", period=DAY))
    one = await caller.QueryTotals(pb.QueryTotalsRequest(customer="held", period=DAY, meters=["calls"]))
    progress = await caller.GetProgress(pb.GetProgressRequest())
    events = pb.ListMeteredEventsRequest(customer="held", meter="late", period=DAY)
    (page,) = [page async for page in caller.ListMeteredEvents(events)]
    of_others = await asked(aggregator, "beta", meter="others")

    assert not late.filled
    assert not page.filled
    assert [time_of(found.as_of) for found in (late, everything, progress, page)] == [None] * 4
    assert await heads(aggregator) is None, "charges may follow from the meter, so rating must not take them for whole"
    for found in (calls, one, of_others):
        assert (time_of(found.as_of) or START) >= accepted
    await tables.connection.execute("DROP TRIGGER held ON window_page")

    async def filled() -> bool:
        return await heads(aggregator) is not None and (await asked(aggregator, meter="late")).filled

    await eventually(filled)
    assert (time_of((await asked(aggregator, meter="late")).as_of) or START) >= accepted


async def test_who_floods_is_complete_until_earlier_than_others_and_the_feed_is_as_the_slowest(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    await tables.connection.execute(HELD)
    async with run_aggregator(live_tenant_events_max=5) as aggregator:
        for tenant in ("acme", "beta"):
            await aggregator.apply("calls", tenant)
        ingest.append([new_event(0)])
        before = datetime.now(UTC)
        await passes(aggregator, before)
        ingest.append([new_event(number, customer="held") for number in range(30)])
        ingest.append([new_event(0)], tenant="beta")
        after = datetime.now(UTC)

        await passes(aggregator, after, "beta")

        flooded, feed = time_of((await asked(aggregator)).as_of), await heads(aggregator)
        assert flooded is not None
        assert before <= flooded < after
        assert feed == flooded
        await tables.connection.execute("DROP TRIGGER held ON window_page")
        await passes(aggregator, after)


async def test_a_place_in_a_log_as_it_was_before_a_restore_tells_none(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await aggregator.apply("calls")
    ingest.append([new_event(1)])
    await passes(aggregator, datetime.now(UTC))
    former = ingest.epoch
    ingest.renew()
    renewed = datetime.now(UTC)

    while True:
        answer = await asked(aggregator)
        until = time_of(answer.as_of)
        assert answer.as_of.epoch != former or until is None or until < renewed
        if until is not None and until > renewed:
            break
    assert answer.as_of.epoch == ingest.epoch


class Settings:
    pool_size = 2
    statement_timeout_s = 15.0


@pytest_asyncio.fixture(loop_scope="session")
async def engine(database: Any) -> AsyncIterator[Any]:
    engine = open_engine(database.dsn, Settings())
    yield engine
    await engine.dispose()


async def test_the_slowest_place_is_that_of_the_last_backlog_in_each_lane(engine: Any, tables: Any) -> None:
    epoch = "5a1d37cd-98b1-4c0e-8f7a-0e0a1e6a8a35"
    places = [("usage", 0, 90), ("usage", 1, 80), ("usage", 2, 70)]
    places += [("backlog:1", 0, 40), ("backlog:1", 1, 75), ("backlog:2", 0, 50), ("backlog:2", 1, 9)]
    for consumer, lane, position in places:
        await tables.connection.execute(
            "INSERT INTO feed_checkpoint (consumer, lane, epoch, position, chain) VALUES ($1, $2, $3, $4, $5)",
            consumer,
            lane,
            epoch,
            position,
            bytes(32),
        )

    async def slowest() -> AsOf:
        async with transaction(engine) as conn:
            return await slowest_as_of(conn)

    assert await slowest() == AsOf(epoch, {0: 90, 1: 80, 2: 70})
    # The first has counted all that was left out of lane 1; the second has counted nothing of lane 2 at all.
    for backlog, lane, position in [(1, 0, 45), (1, 1, 70), (2, 0, 60), (2, 2, 5)]:
        await tables.connection.execute("INSERT INTO backlog_until VALUES ($1, $2, $3)", backlog, lane, position)
    assert await slowest() == AsOf(epoch, {0: 40, 1: 80, 2: 0})
