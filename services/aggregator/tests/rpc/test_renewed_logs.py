"""Ingest was restored: what is counted is of the log as it is, and what is frozen stays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aggregator.migrations import FACT_TABLES
from aggregator.operations.anew import follow_anew
from aggregator.store.anew import DERIVED_TABLES
from aggregator.wire.anew import told_of
from chassis.clock import SystemClock
from chassis.errors import Diverged, MeterlineError, NotReady, Reason, Unavailable
from chassis.one_off import one_off_engine
from eventlog.feed.cursor import FeedHeads
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2
from metering.common.v1 import feed_service_pb2, values_pb2
from testkit.wait import eventually

STAYS = {
    "alembic_version",
    "catalog_version",
    "lane_head",
    "request_log",
    "audit_head",
    "feed_follower",
    "feed_lease",
}
LONG = "x" * 3000
START = datetime(2026, 3, 1, tzinfo=UTC)
MARCH = values_pb2.Period()
MARCH.start.FromDatetime(START)
MARCH.end.FromDatetime(datetime(2026, 4, 1, tzinfo=UTC))
# Windows of some customers can't be written until the trigger is gone.
HELD = """
    CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF 'flood' COLLATE "C" BETWEEN NEW.first_customer AND NEW.last_customer
            OR 'customer-2' COLLATE "C" BETWEEN NEW.first_customer AND NEW.last_customer THEN
            RAISE EXCEPTION 'no space left' USING ERRCODE = '53100';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER held BEFORE INSERT ON window_page FOR EACH ROW EXECUTE FUNCTION held();
"""
METERS: dict[str, dict[str, Any]] = {
    "calls": {"group_by": ["region"]},
    "minutes": {"aggregation": meter_pb2.AGGREGATION_SUM, "value_property": "minutes"},
    "callers": {"aggregation": meter_pb2.AGGREGATION_COUNT_UNIQUE, "value_property": "caller"},
    "last": {"aggregation": meter_pb2.AGGREGATION_LATEST, "value_property": "minutes"},
}


class FakeLog:
    def __init__(self, ingest: Any, error: MeterlineError | None = None) -> None:
        self.ingest = ingest
        self.error = error

    async def heads(self) -> FeedHeads:
        if self.error is not None:
            raise self.error
        return FeedHeads(self.ingest.epoch, self.ingest.heads(), tuple(self.ingest.earlier))


async def begin_anew(database: Any, ingest: Any, error: MeterlineError | None = None) -> str:
    """Do what the command does, as the role of the service."""
    async with one_off_engine("aggregator", database.dsn) as engine:
        return told_of(await follow_anew(engine, SystemClock(), FakeLog(ingest, error)))


def of_many_kinds(new_event: Any, first: int, count: int, region: str) -> list[Any]:
    """Events of every fate: counted, with long and with too many groups, parked and of no meter."""
    events = []
    for number in range(first, first + count):
        properties = {"minutes": str(number % 7), "region": f"{region}-{number % 4}", "caller": f"c{number % 5}"}
        if number % 5 == 0:
            properties["region"] = LONG + region
        if number % 6 == 0:
            properties["minutes"] = "many"
        events.append(new_event(number, customer=f"customer-{number % 3}", properties=properties))
        events.append(new_event(number, id=f"noise-{number}", type="noise"))
    return events


async def apply_all(aggregator: Any) -> None:
    for tenant in ("acme", "beta"):
        for name, spec in METERS.items():
            await aggregator.apply(name, tenant, **spec)


async def all_counted(aggregator: Any, ingest: Any, tenant: str = "acme") -> None:
    async def done() -> bool:
        progress = await aggregator.caller(tenant).GetProgress(pb.GetProgressRequest())
        applied = {lane.lane: lane.position for lane in progress.as_of.lanes}
        heads = {lane: position for lane, position in ingest.heads().items() if position}
        return progress.as_of.epoch == ingest.epoch and applied == heads and not progress.filling_meters

    await eventually(done, 30)


async def frozen(tables: Any) -> list[tuple[Any, ...]]:
    rows = await tables.connection.fetch("SELECT to_jsonb(s)::text FROM usage_snapshot AS s ORDER BY snapshot_id")
    return [tuple(row) for row in rows]


async def dump_of_a_twin(run_twin: Any, ingest: Any, options: dict[str, Any]) -> Any:
    """Return what an aggregator makes of the log that never knew another one; its meters are there from the start."""
    async with run_twin(**options) as (twin, tables):
        lanes, ingest.lanes = ingest.lanes, {lane: [] for lane in ingest.lanes}
        await apply_all(twin)
        ingest.lanes = lanes
        ingest.wake()
        for tenant in ("acme", "beta"):
            await all_counted(twin, ingest, tenant)
        return await tables.dump()


async def test_after_beginning_anew_all_that_is_derived_is_as_if_nothing_had_ever_been_lost(
    run_aggregator: Any, run_twin: Any, ingest: Any, new_event: Any, tables: Any, database: Any
) -> None:
    options = {"meter_groups_max": 5, "live_tenant_events_max": 30}
    ingest.append(of_many_kinds(new_event, 0, 12, "kept"))
    kept = ingest.heads()
    # Other groups than those that will take their place, so that the room for groups must be given out again.
    ingest.append(of_many_kinds(new_event, 100, 40, "lost"))
    ingest.append([new_event(200)], tenant="beta", lane=1)
    async with run_aggregator(**options) as aggregator:
        await apply_all(aggregator)
        for tenant in ("acme", "beta"):
            await all_counted(aggregator, ingest, tenant)
        snapshot = await aggregator.seal()
        facts = await frozen(tables)
        ingest.restore(kept)
        await halted(aggregator, "81 positions: was it restored? Run python -m aggregator follow-anew")

        # The service runs all the while: its folds are fenced by their places.
        told = await begin_anew(database, ingest)
        ingest.append(of_many_kinds(new_event, 100, 20, "again"))
        ingest.append(of_many_kinds(new_event, 300, 3, "beta"), tenant="beta", lane=1)
        for tenant in ("acme", "beta"):
            await all_counted(aggregator, ingest, tenant)
        found = await aggregator.service().GetSnapshot(pb.GetSnapshotRequest(snapshot_id=snapshot.id))

    assert found.snapshot == snapshot
    assert await frozen(tables) == facts
    assert "without 81 positions of what was counted" in told
    assert (
        "  tenant acme, customer customer-1, 2026-03-01T00:00:00Z to 2026-04-01T00:00:00Z, revision 1: "
        f"snapshot {snapshot.id}, 81 positions lost"
    ) in told.splitlines()
    assert await tables.dump() == await dump_of_a_twin(run_twin, ingest, options)


async def halted(aggregator: Any, why: str) -> None:
    async def says_why() -> bool:
        progress = await aggregator.caller().GetProgress(pb.GetProgressRequest())
        return any(why in feed.last_error_message for feed in progress.feeds if feed.consumer == "usage")

    await eventually(says_why, 20)


async def test_fills_and_backlogs_that_are_open_when_it_begins_anew_count_nothing_twice(
    run_aggregator: Any, run_twin: Any, ingest: Any, new_event: Any, tables: Any, database: Any
) -> None:
    options = {"live_tenant_events_max": 5}
    await tables.connection.execute(HELD)
    async with run_aggregator(**options) as aggregator:
        await apply_all(aggregator)
        ingest.append([new_event(0)])
        ingest.append([new_event(1)], tenant="beta", lane=1)
        kept = ingest.heads()
        ingest.append(of_many_kinds(new_event, 10, 30, "lost"))

        async def is_left_out() -> bool:
            return bool(await tables.value("SELECT count(*) FROM backlog"))

        await eventually(is_left_out)
        await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest(meters=["calls"], request_id="r"))
        ingest.restore(kept)
        await begin_anew(database, ingest)
        assert await tables.value("SELECT count(*) FROM backlog") + await tables.value("SELECT count(*) FROM fill") == 0
        await tables.connection.execute("DROP TRIGGER held ON window_page")
        ingest.append(of_many_kinds(new_event, 10, 30, "again"))
        for tenant in ("acme", "beta"):
            await all_counted(aggregator, ingest, tenant)

    assert await tables.dump() == await dump_of_a_twin(run_twin, ingest, options)


async def test_what_the_log_still_shares_is_not_counted_again(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    async with run_aggregator() as aggregator:
        await aggregator.apply("calls")
        ingest.append([new_event(number) for number in range(4)])
        former = ingest.as_of()
        assert await aggregator.quantities("calls") == {"customer-1": "4"}
        feed_before = (await aggregator.service().Heads(feed_service_pb2.HeadsRequest())).heads

        ingest.renew()
        ingest.append([new_event(number) for number in range(4, 6)], lane=1)
        await all_counted(aggregator, ingest)

        assert await aggregator.quantities("calls") == {"customer-1": "6"}
        # A place that a producer got before is still one that can be waited for.
        assert await aggregator.quantities("calls", freshness=pb.Freshness(as_of=former)) == {"customer-1": "6"}
        feed_after = (await aggregator.service().Heads(feed_service_pb2.HeadsRequest())).heads
        assert feed_after.epoch == feed_before.epoch
    assert await tables.counted() == 6


async def test_a_place_that_was_lost_is_told_as_lost(run_aggregator: Any, ingest: Any, new_event: Any) -> None:
    async with run_aggregator() as aggregator:
        await aggregator.apply("calls")
        ingest.append([new_event(0)])
        await all_counted(aggregator, ingest)
        lost = values_pb2.AsOf(epoch=ingest.epoch, lanes=[values_pb2.LanePosition(lane=0, position=4)])
        ingest.renew()
        await all_counted(aggregator, ingest)

        request = pb.QueryUsageRequest(meter="calls", period=MARCH, freshness=pb.Freshness(as_of=lost))
        error = await aggregator.caller().refused("QueryUsage", request)

    assert isinstance(error, Diverged)
    assert error.reason is Reason.FEED_DIVERGED
    assert "3 positions of log" in error.message


async def test_a_seal_does_not_wait_for_what_was_lost(run_aggregator: Any, ingest: Any, new_event: Any) -> None:
    async with run_aggregator(seal_wait_s=0.05) as aggregator:
        await aggregator.apply("calls")
        ingest.append([new_event(0)])
        await all_counted(aggregator, ingest)
        ingest.held_back = 3
        request = pb.SealUsageRequest(customer="customer-1", period=MARCH)
        request.not_before.FromDatetime(START)
        waiting = await aggregator.service().refused("SealUsage", request)
        ingest.held_back = 0
        ingest.renew()
        await all_counted(aggregator, ingest)

        snapshot = (await aggregator.service().SealUsage(request)).snapshot

    assert isinstance(waiting, NotReady)
    assert [usage.quantity for usage in snapshot.usage] == ["1"]
    assert snapshot.as_of.epoch == ingest.epoch


async def test_a_seal_waits_on_for_what_is_shared_though_the_log_has_a_new_epoch(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    await tables.connection.execute(HELD)
    async with run_aggregator(seal_wait_s=0.05) as aggregator:
        await aggregator.apply("calls")
        ingest.append([new_event(0)])
        await eventually(lambda: aggregator.quantities("calls", freshness=pb.Freshness()))
        ingest.append([new_event(1, customer="flood")])
        request = pb.SealUsageRequest(customer="customer-1", period=MARCH)
        request.not_before.FromDatetime(START)
        assert isinstance(await aggregator.service().refused("SealUsage", request), NotReady)
        ingest.renew()
        ingest.append([new_event(number, customer="flood") for number in range(2, 4)])
        assert isinstance(await aggregator.service().refused("SealUsage", request), NotReady)
        await tables.connection.execute("DROP TRIGGER held ON window_page")
        await all_counted(aggregator, ingest)

        snapshot = (await aggregator.service().SealUsage(request)).snapshot

    assert [usage.quantity for usage in snapshot.usage] == ["1"]


async def test_rating_learns_by_the_change_feed_that_all_was_counted_anew(
    run_aggregator: Any, ingest: Any, new_event: Any, database: Any
) -> None:
    async with run_aggregator() as aggregator:
        await aggregator.apply("calls")
        ingest.append([new_event(0)])
        await all_counted(aggregator, ingest)
        before = (await aggregator.service().Heads(feed_service_pb2.HeadsRequest())).heads
        told = await begin_anew(database, ingest, Unavailable(Reason.UPSTREAM_UNAVAILABLE, "away"))
        after = (await aggregator.service().Heads(feed_service_pb2.HeadsRequest())).heads

    assert after.epoch != before.epoch
    assert [earlier.epoch for earlier in after.earlier] == [before.epoch]
    assert f"change feed: new epoch {after.epoch}" in told
    assert "Ingest did not answer" in told


async def test_every_table_is_dropped_or_a_fact_or_said_to_stay(tables: Any) -> None:
    rows = await tables.connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")

    assert {row["tablename"] for row in rows} == {*DERIVED_TABLES, *FACT_TABLES, *STAYS}
    assert len(DERIVED_TABLES) + len(FACT_TABLES) + len(STAYS) == len(rows)
