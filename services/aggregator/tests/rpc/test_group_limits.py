"""A meter tells so many groups apart at most; the events of all others count as one group, for it alone."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, reconciliation_pb2
from metering.common.v1 import values_pb2

OTHERS = "(others)"


def march() -> values_pb2.Period:
    found = values_pb2.Period()
    found.start.FromDatetime(datetime(2026, 3, 1, tzinfo=UTC))
    found.end.FromDatetime(datetime(2026, 4, 1, tzinfo=UTC))
    return found


async def counts(aggregator: Any, meter: str = "calls") -> dict[str, int]:
    """Events by group."""
    latest = pb.Freshness(latest=True)
    request = pb.QueryUsageRequest(meter=meter, period=march(), group_by=["region"], freshness=latest)
    response: pb.QueryUsageResponse = await aggregator.caller().QueryUsage(request)
    return {OTHERS if row.is_other_group else row.group[0]: row.event_count for row in response.rows}


async def listed(aggregator: Any, **fields: Any) -> set[str]:
    """Ids of the events behind usage of calls."""
    request = pb.ListMeteredEventsRequest(customer="customer-1", meter="calls", period=march(), **fields)
    pages = aggregator.caller().ListMeteredEvents(request)
    return {event.event.event.id async for page in pages for event in page.events}


async def told_apart(aggregator: Any) -> meter_pb2.GroupCount:
    response: pb.GetMeterResponse = await aggregator.caller().GetMeter(pb.GetMeterRequest(name="calls"))
    return response.meter.groups


async def reconciled(aggregator: Any) -> reconciliation_pb2.Reconciliation:
    """Compare with the log; the result comes last."""
    answers = [one async for one in aggregator.caller().Reconcile(pb.ReconcileRequest())]
    result: reconciliation_pb2.Reconciliation = answers[-1].result
    return result


async def rebuilt(aggregator: Any, names: tuple[str, ...] = ()) -> None:
    await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest(request_id=str(random.random()), meters=names))


@pytest.mark.parametrize("batch", [1, 7, 1000])
async def test_the_first_groups_of_the_log_are_told_apart_whatever_the_batches(
    run_aggregator: Any, ingest: Any, new_event: Any, batch: int
) -> None:
    regions = random.Random(3).choices("abcdefgh", k=80)
    first = list(dict.fromkeys(regions))[:4]
    # One of each kind is taken back, and counts no more where it did.
    taken_back = [regions.index(first[1]), next(place for place, region in enumerate(regions) if region not in first)]
    left = [region for place, region in enumerate(regions) if place not in taken_back]
    expected = Counter(region if region in first else OTHERS for region in left)
    async with run_aggregator(meter_groups_max=4, batch_events_max=batch) as aggregator:
        await aggregator.apply("calls", group_by=["region"])
        await aggregator.apply("all")
        await aggregator.apply("others", "beta", group_by=["region"])
        for number, region in enumerate(regions):
            ingest.append([new_event(number, properties={"region": region})])
        ingest.append([new_event(99)], tenant="beta")
        ingest.void([(0, place + 1) for place in taken_back])

        assert await counts(aggregator) == expected
        assert await aggregator.quantities("all") == await aggregator.quantities("calls") == {"customer-1": "78"}
        assert sum(row[4] for row in await aggregator.rows("others", "beta")) == 1

        await rebuilt(aggregator)
        assert await counts(aggregator) == expected
        assert [meter.balances for meter in (await reconciled(aggregator)).meters] == [True, True]


async def test_a_rebuild_gives_the_same_windows_also_beside_new_events(
    run_aggregator: Any, ingest: Any, new_event: Any
) -> None:
    async with run_aggregator(meter_groups_max=2) as aggregator:
        await aggregator.apply("calls", group_by=["region"])
        for number in range(30):
            ingest.append([new_event(number, properties={"region": "abc"[number % 3]})])
        assert await counts(aggregator) == {"a": 10, "b": 10, OTHERS: 10}

        await rebuilt(aggregator, ("calls",))
        ingest.append([new_event(40, properties={"region": "c"}), new_event(41, properties={"region": "b"})])
        assert await counts(aggregator) == {"a": 10, "b": 11, OTHERS: 11}


async def test_more_groups_are_told_apart_once_the_limit_is_raised_and_the_meter_counted_again(
    run_aggregator: Any, ingest: Any, new_event: Any
) -> None:
    async with run_aggregator(meter_groups_max=2) as aggregator:
        await aggregator.apply("calls", group_by=["region"])
        ingest.append([new_event(number, properties={"region": "abc"[number % 3]}) for number in range(9)])
        assert await counts(aggregator) == {"a": 3, "b": 3, OTHERS: 3}
        full = await told_apart(aggregator)
    async with run_aggregator(meter_groups_max=3) as aggregator:
        ingest.append([new_event(number, properties={"region": "ccd"[number % 10]}) for number in (10, 11, 12)])
        ingest.void([(0, 3)])
        # What is told apart stays, so that nothing is taken back where it never counted.
        assert await counts(aggregator) == {"a": 3, "b": 3, OTHERS: 5}
        await rebuilt(aggregator, ("calls",))
        assert await counts(aggregator) == {"a": 3, "b": 3, "c": 4, OTHERS: 1}
    async with run_aggregator(meter_groups_max=2) as aggregator:
        await rebuilt(aggregator, ("calls",))
        assert await counts(aggregator) == {"a": 3, "b": 3, "c": 4, OTHERS: 1}, "a lower limit takes no group away"
        again = await told_apart(aggregator)
    assert (full.told_apart, full.HasField("full_since")) == (2, True)
    assert (again.told_apart, again.HasField("full_since")) == (3, True)


async def test_what_is_not_told_apart_is_shown_and_never_passed_over(
    run_aggregator: Any, ingest: Any, new_event: Any
) -> None:
    def in_region(*regions: str) -> list[meter_pb2.PropertyFilter]:
        return [meter_pb2.PropertyFilter(property="region", values=regions)]

    async with run_aggregator(meter_groups_max=3) as aggregator:
        await aggregator.apply("calls", group_by=["region", "kind"])
        # Pairs, so that a region is told apart with one kind and not with the other.
        pairs = ["a1", "b1", "c1", "a2", "d1", "d1"]
        ingest.append([new_event(n, properties={"region": pair[0], "kind": pair[1]}) for n, pair in enumerate(pairs)])
        assert await counts(aggregator) == {"a": 1, "b": 1, "c": 1, OTHERS: 3}

        async def answer(**fields: Any) -> pb.QueryUsageResponse:
            request = pb.QueryUsageRequest(meter="calls", period=march(), **fields)
            response: pb.QueryUsageResponse = await aggregator.caller().QueryUsage(request)
            return response

        whole = await answer()
        filtered = await answer(filters=in_region("a", "d"))
        read = await answer(filters=in_region("a", "d"), scan_events_max=100, tell_all_apart=True)
        top = await answer(group_by=["region"], top=2)
        by_kind = pb.MeterGroups(meter="calls", group_by=["kind"])
        totals = await aggregator.service().QueryTotals(
            pb.QueryTotalsRequest(customer="customer-1", period=march(), groups=[by_kind])
        )
        sealed = await aggregator.seal()
        snapshot = await aggregator.caller().GetSnapshot(
            pb.GetSnapshotRequest(snapshot_id=sealed.id, windows_of_meter="calls")
        )
        of_others = await listed(aggregator, only_other_groups=True)
        of_filter = await listed(aggregator, filters=in_region("a", "d"))
        of_log = await listed(aggregator, filters=in_region("a", "d"), tell_all_apart=True)
        named = [pb.GroupValues(values=["a"]), pb.GroupValues(values=["b"])]
        of_rest = await listed(aggregator, group_by=["region"], other_than=named)

    assert [(row.quantity, row.is_other_group) for row in whole.rows] == [("6", False)]
    assert ([row.quantity for row in filtered.rows], filtered.other_left_out) == (["1"], True)
    assert ([row.quantity for row in read.rows], read.other_left_out) == (["4"], False)
    assert [(list(row.group), row.quantity, row.is_other) for row in top.rows] == [
        (["a"], "1", False),
        (["b"], "1", False),
        ([""], "4", True),
    ]
    assert top.other_series == 2
    assert [(dict(one.group), one.quantity, one.is_other_group) for one in snapshot.windows] == [
        ({"region": "a", "kind": "1"}, "1", False),
        ({"region": "b", "kind": "1"}, "1", False),
        ({"region": "c", "kind": "1"}, "1", False),
        ({}, "3", True),
    ]
    (of_calls,) = totals.usage
    assert [(list(cell.group), cell.quantity, cell.is_other_group) for cell in of_calls.cells] == [
        (["1"], "3", False),
        ([""], "3", True),
    ]
    assert of_others == {"event-3", "event-4", "event-5"}
    assert of_filter == {"event-0"}
    assert of_log == {"event-0", "event-3", "event-4", "event-5"}
    assert of_rest == {"event-2", "event-3", "event-4", "event-5"}


@pytest.mark.parametrize("groups_max", [1, 5])
async def test_what_an_earlier_release_parked_is_brought_in_or_taken_back_where_it_is(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any, groups_max: int
) -> None:
    async with run_aggregator(meter_groups_max=1) as first:
        await first.apply("calls", group_by=["region"])
        for number, region in enumerate(["eu", "us", "ap"]):
            ingest.append([new_event(number, properties={"region": region})])
            assert sum((await counts(first)).values()) == number + 1
    await tables.connection.execute(
        """
        WITH newest AS (SELECT page_id FROM window_page ORDER BY page_id DESC LIMIT 2), meter AS (
            DELETE FROM window_page USING newest WHERE window_page.page_id = newest.page_id RETURNING meter_id
        ), room AS (UPDATE meter_group_count SET full_since = NULL)
        INSERT INTO parked_event (meter_id, lane, position, reason, message, event_type, customer, source, event_id,
            event_time)
        SELECT DISTINCT meter_id, 0, p.position, 'GROUPS_TOO_MANY', 'too many', 'call.ended', 'customer-1', 'switch',
            'event-' || p.position - 1, timestamptz '2026-03-01 00:01Z'
        FROM meter CROSS JOIN (VALUES (2), (3)) AS p (position)
        """
    )
    ingest.void([(0, 3)])

    async with run_aggregator(meter_groups_max=groups_max) as later:
        assert await counts(later) == {"eu": 1}
        requeued = await later.caller().RequeueParked(pb.RequeueParkedRequest(meter="calls"))
        brought_in = await counts(later)
        is_balanced = [meter.balances for meter in (await reconciled(later)).meters]
        ingest.void([(0, 2)])
        without = await counts(later)

    assert (requeued.counted, requeued.still_parked) == (1, 0)
    assert brought_in == ({"eu": 1, OTHERS: 1} if groups_max == 1 else {"eu": 1, "us": 1})
    assert is_balanced == [True]
    assert without == {"eu": 1}


async def test_fills_and_the_live_fold_of_two_processes_never_block_one_another(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    chance, meters = random.Random(7), ("calls", "in-all", "zones")
    expected: Counter[str] = Counter()
    async with (
        run_aggregator(batch_events_max=3) as aggregator,
        run_aggregator(batch_events_max=5),
    ):
        for meter in meters:
            await aggregator.apply(meter, group_by=["region"])
        for turn in range(8):
            # Some groups are new to both: the fill that began in the last turn meets them beside the live fold.
            for place in range(12):
                region = f"r{turn}-{chance.randrange(6)}"
                expected[region] += 1
                ingest.append([new_event(turn * 100 + place, properties={"region": region})])
            await rebuilt(aggregator, tuple(chance.sample(meters, 2)))

        for meter in meters:
            assert await counts(aggregator, meter) == expected

    held = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await tables.value(held) == 0
    kept = "SELECT count(*) FROM meter_group JOIN meter_group_count USING (meter_id) WHERE groups <> $1"
    assert await tables.value(kept, len(expected)) == 0
