"""Tenants take turns: who floods waits for itself, and every event still counts exactly once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.errors import MeterlineError, NotReady, Reason
from chassis.errors.status import from_rpc_error
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2
from metering.common.v1 import values_pb2
from testkit.wait import eventually

START = datetime(2026, 3, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
MARCH = values_pb2.Period()
MARCH.start.FromDatetime(START)
MARCH.end.FromDatetime(datetime(2026, 4, 1, tzinfo=UTC))
TENANTS = ("acme", "beta", "gamma")
# Windows of the flood can't be written until the trigger is gone.
HELD = """
    CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.first_customer LIKE 'flood%' THEN
            RAISE EXCEPTION 'no space left' USING ERRCODE = '53100';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER held BEFORE INSERT ON window_page FOR EACH ROW EXECUTE FUNCTION held();
"""


def positions(as_of: values_pb2.AsOf) -> dict[int, int]:
    return {lane.lane: lane.position for lane in as_of.lanes}


def flood(new_event: Any, count: int, first: int = 0) -> list[Any]:
    return [new_event(number, customer=f"flood-{number % 5}") for number in range(first, first + count)]


async def progress_of(aggregator: Any, tenant: str) -> pb.GetProgressResponse:
    response: pb.GetProgressResponse = await aggregator.caller(tenant).GetProgress(pb.GetProgressRequest())
    return response


async def usage_of(aggregator: Any, tenant: str, meter: str) -> pb.QueryUsageResponse:
    request = pb.QueryUsageRequest(meter=meter, period=MARCH, page_size=10_000)
    response: pb.QueryUsageResponse = await aggregator.caller(tenant).QueryUsage(request)
    return response


async def test_while_one_tenant_floods_the_usage_of_another_is_counted(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    await tables.connection.execute(HELD)
    async with run_aggregator(live_tenant_events_max=10) as aggregator:
        for tenant in ("acme", "beta"):
            await aggregator.apply("calls", tenant)
        ingest.append([new_event(0, customer="before")])
        assert await aggregator.quantities("calls") == {"before": "1"}
        ingest.append(flood(new_event, 30), lane=0)
        ingest.append(flood(new_event, 20, first=30), lane=1)
        ingest.append([new_event(0)], tenant="beta", lane=0)

        # It is counted although every event of the flood lies before it in its lane and none of them is counted.
        assert await aggregator.quantities("calls", "beta") == {"customer-1": "1"}
        assert await tables.value("SELECT tenant FROM backlog") == "acme"

        flooded, other = await progress_of(aggregator, "acme"), await progress_of(aggregator, "beta")
        assert positions(flooded.as_of) == {0: 1}
        assert positions(flooded.head) == positions(other.head) == positions(other.as_of) == {0: 32, 1: 20}
        assert [state.consumer for state in other.feeds] == ["usage"]

        async def is_told() -> bool:
            feeds = (await progress_of(aggregator, "acme")).feeds
            return any(state.consumer.startswith("backlog:") and state.lag_entries >= 50 for state in feeds)

        # How far it is behind is told once it has looked at the log again.
        assert await eventually(is_told)
        usage = await usage_of(aggregator, "acme", "calls")
        assert ([row.event_count for row in usage.rows], positions(usage.as_of)) == ([1], {0: 1})
        with pytest.raises(Exception) as caught:  # noqa: PT011 - looked at below
            await aggregator.seal("flood-1")
        error: MeterlineError = from_rpc_error(caught.value)  # type: ignore[arg-type]
        assert (type(error), error.reason) == (NotReady, Reason.USAGE_NOT_READY)
        assert error.metadata["events_behind"] == "51"

        # The meter's past is the one event before the flood: the flood is counted for it as for any other.
        await aggregator.apply("minutes", aggregation=meter_pb2.AGGREGATION_SUM, value_property="minutes")
        assert (await aggregator.seal("customer-1", "beta")).usage[0].event_count == 1
        await tables.connection.execute("DROP TRIGGER held ON window_page")

        expected = {f"flood-{number}": "10" for number in range(5)} | {"before": "1"}
        assert await aggregator.quantities("calls") == expected
        assert await aggregator.quantities("minutes") == expected

        snapshot = await aggregator.seal("flood-1")
        request = pb.ListUsageEventsRequest(snapshot_id=snapshot.id, meter="calls")
        pages = [page async for page in aggregator.service().ListUsageEvents(request)]
        listed = [counted.event.event.id for page in pages for counted in page.events]
        assert sorted(listed) == sorted(f"event-{number}" for number in range(1, 50, 5))

        async def taken_back() -> bool:
            return bool(await tables.value("SELECT NOT EXISTS (SELECT FROM backlog)"))

        await eventually(taken_back)
        assert await tables.value("SELECT count(*)::int FROM backlog_until") == 0
        assert await tables.value("SELECT count(DISTINCT consumer)::int FROM feed_checkpoint") == 1
        ingest.append([new_event(99, customer="after")])
        assert await aggregator.quantities("calls") == expected | {"after": "1"}


async def test_a_tenant_that_is_alone_has_the_live_fold_for_itself(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    async with run_aggregator(live_tenant_events_max=10) as aggregator:
        await aggregator.apply("calls")
        ingest.append(flood(new_event, 50))
        # A tenant without meters delays nobody.
        ingest.append(flood(new_event, 50), tenant="beta")
        assert sum(map(int, (await aggregator.quantities("calls")).values())) == 50
    assert await tables.value("SELECT last_value::int FROM backlog_backlog_id_seq WHERE is_called") is None


class Log:
    """What a test reports, counted by hand."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.written: list[tuple[str, int, int, Any]] = []

    def append(self, ingest: Any, new_event: Any) -> None:
        """Some events of a tenant, now and then very many."""
        tenant = self.chance.choices(TENANTS, (6, 2, 2))[0]
        count = self.chance.choice([1, 2, 3, 25]) if tenant == "acme" else self.chance.choice([1, 1, 2, 12])
        events = [
            new_event(
                len(self.written) + number,
                time=START + timedelta(minutes=self.chance.randrange(120)),
                type=self.chance.choice(["call.ended", "call.ended", "sms", "noise"]),
                customer=self.chance.choice(["a", "b"]),
                properties={"minutes": self.chance.choice(["1", "2", "x"])},
            )
            for number in range(count)
        ]
        segment = ingest.append(events, lane=self.chance.randrange(2), tenant=tenant)
        for position, event in enumerate(events, start=segment.first_position):
            self.written.append((tenant, segment.lane, position, event))

    def calls_up_to(self, tenant: str, reached: dict[int, int]) -> int:
        """How many calls of a tenant lie before a point of the log."""
        return sum(
            of == tenant and position <= reached.get(lane, 0) and event.type == "call.ended"
            for of, lane, position, event in self.written
        )

    def windows(self, meters: set[tuple[str, str]]) -> tuple[Counter[Any], Counter[Any], Counter[str], Counter[str]]:
        """Events by window and sums, parked and unmatched events by tenant, of these (tenant, meter)."""
        types = {"calls": "call.ended", "minutes": "call.ended", "texts": "sms"}
        counts: Counter[Any] = Counter()
        sums: Counter[Any] = Counter()
        parked: Counter[str] = Counter()
        unmatched: Counter[str] = Counter()
        for tenant, _, _, event in self.written:
            asking = [name for of, name in meters if of == tenant and types[name] == event.type]
            unmatched[tenant] += not asking
            start = START + (event.time.ToDatetime(tzinfo=UTC) - START) // QUARTER * QUARTER
            for name in asking:
                value = event.properties["minutes"]
                if name == "minutes" and value == "x":
                    parked[tenant] += 1
                    continue
                counts[tenant, name, event.customer, start] += 1
                if name == "minutes":
                    sums[tenant, name, event.customer, start] += int(value)
        return counts, sums, +parked, +unmatched


async def watch(aggregator: Any, log: Log, tenant: str, checked: Counter[str]) -> None:
    """See that what is counted is just what the answer says is counted."""
    usage = await usage_of(aggregator, tenant, "calls")
    if usage.filled:
        assert sum(row.event_count for row in usage.rows) == log.calls_up_to(tenant, positions(usage.as_of))
        checked[tenant] += 1


@pytest.mark.parametrize("seed", range(6))
async def test_every_event_counts_once_whoever_floods_dies_or_changes_meters(  # noqa: C901 - a story
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any, seed: int
) -> None:
    log, meters, checked = Log(seed), {(tenant, "calls") for tenant in TENANTS}, Counter[str]()
    chance = log.chance
    options = {"live_tenant_events_max": 3, "flush_interval_s": 0.01, "fill_turn_s": 0.1, "fill_poll_s": 0.05}
    async with run_aggregator(**options) as aggregator:
        for tenant in TENANTS:
            await aggregator.apply("calls", tenant)
    for _ in range(3):
        options["batch_events_max"] = chance.choice([4, 30, 1000])
        async with AsyncExitStack() as stack:
            replicas = [await stack.enter_async_context(run_aggregator(**options)) for _ in range(2)]
            for _ in range(30):
                aggregator, step = chance.choice(replicas), chance.random()
                if step < 0.7:
                    log.append(ingest, new_event)
                elif step < 0.78:
                    tenant, name = chance.choice(TENANTS), chance.choice(["minutes", "texts"])
                    spec: dict[str, Any] = {"event_types": ["sms"]}
                    if name == "minutes":
                        spec = {"aggregation": meter_pb2.AGGREGATION_SUM, "value_property": "minutes"}
                    await aggregator.apply(name, tenant, **spec)
                    meters.add((tenant, name))
                elif step < 0.85:
                    await aggregator.caller(chance.choice(TENANTS)).RebuildUsage(pb.RebuildUsageRequest())
                else:
                    await watch(aggregator, log, chance.choice(TENANTS), checked)
                await asyncio.sleep(0)
            # The end of a process at any moment.
            for replica in replicas:
                for task in replica.supervisor._tasks:
                    task.cancel()
                with suppress(asyncio.CancelledError):
                    await asyncio.gather(*replica.supervisor._tasks, return_exceptions=True)

    async with run_aggregator(**options) as aggregator:
        for tenant in TENANTS:
            for name in sorted(name for of, name in meters if of == tenant):
                await aggregator.rows(name, tenant)
            await watch(aggregator, log, tenant, checked)

    counts, sums, parked, unmatched = log.windows(meters)
    stored = {
        (tenant, window.meter, window.customer, window.start): window
        for tenant in {key[0] for key in counts}
        for window in await tables.windows(tenant)
    }
    assert {key: window.event_count for key, window in stored.items()} == dict(counts)
    assert {key: window.sum for key, window in stored.items() if window.meter == "minutes"} == dict(sums)
    assert await tables.counted() == sum(counts.values())
    found = await tables.connection.fetch(
        "SELECT m.tenant, count(*) AS events FROM parked_event JOIN meter AS m USING (meter_id) GROUP BY 1"
    )
    assert {row["tenant"]: row["events"] for row in found} == dict(parked)
    found = await tables.connection.fetch(
        "SELECT tenant, sum(event_count)::int AS events FROM unmatched_range GROUP BY 1"
    )
    assert {row["tenant"]: row["events"] for row in found} == dict(unmatched)
    assert set(checked) == set(TENANTS)
    # The floods were no part of the live fold.
    assert await tables.value("SELECT last_value::int FROM backlog_backlog_id_seq WHERE is_called") > 0
