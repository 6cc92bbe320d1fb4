"""A meter has so many groups at most; events of more are parked for it, and for nobody else."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from metering.aggregator.v1 import aggregator_service_pb2 as pb


async def parked(aggregator: Any, meter: str) -> dict[str, str]:
    """Reasons of what is parked, by id of the event."""
    request = pb.ListParkedEventsRequest(meter=meter, page_size=1000)
    response: pb.ListParkedEventsResponse = await aggregator.caller().ListParkedEvents(request)
    return {event.id: event.reason for event in response.events}


async def counts(aggregator: Any, meter: str = "calls") -> dict[str, int]:
    rows = await aggregator.rows(meter, group_by=["region"], page_size=1000)
    return {row[2][0]: row[4] for row in rows}


async def rebuilt(aggregator: Any, names: tuple[str, ...] = ()) -> None:
    await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest(request_id=str(random.random()), meters=names))


@pytest.mark.parametrize("batch", [1, 7, 1000])
async def test_the_first_groups_of_the_log_count_whatever_the_batches(
    run_aggregator: Any, ingest: Any, new_event: Any, batch: int
) -> None:
    regions = random.Random(3).choices("abcdefgh", k=80)
    first = list(dict.fromkeys(regions))[:4]
    expected = {region: count for region, count in Counter(regions).items() if region in first}
    async with run_aggregator(meter_groups_max=4, batch_events_max=batch) as aggregator:
        await aggregator.apply("calls", group_by=["region"])
        await aggregator.apply("all")
        await aggregator.apply("others", "beta", group_by=["region"])
        for number, region in enumerate(regions):
            ingest.append([new_event(number, properties={"region": region})])
        ingest.append([new_event(99)], tenant="beta")

        assert await counts(aggregator) == expected
        beyond = {f"event-{number}": "GROUPS_TOO_MANY" for number, region in enumerate(regions) if region not in first}
        assert await parked(aggregator, "calls") == beyond
        assert await aggregator.quantities("all") == {"customer-1": "80"}
        assert sum(row[4] for row in await aggregator.rows("others", "beta")) == 1

        await rebuilt(aggregator)
        assert await counts(aggregator) == expected
        assert await parked(aggregator, "calls") == beyond


async def test_a_rebuild_gives_the_same_windows_also_beside_new_events(
    run_aggregator: Any, ingest: Any, new_event: Any
) -> None:
    async with run_aggregator(meter_groups_max=2) as aggregator:
        await aggregator.apply("calls", group_by=["region"])
        for number in range(30):
            ingest.append([new_event(number, properties={"region": "abc"[number % 3]})])
        assert await counts(aggregator) == {"a": 10, "b": 10}

        await rebuilt(aggregator, ("calls",))
        ingest.append([new_event(40, properties={"region": "c"}), new_event(41, properties={"region": "b"})])
        assert await counts(aggregator) == {"a": 10, "b": 11}
        assert len(await parked(aggregator, "calls")) == 11


async def test_what_is_parked_counts_after_the_limit_is_raised_or_the_meter_mended(
    run_aggregator: Any, ingest: Any, new_event: Any
) -> None:
    events = [new_event(number, properties={"region": "abc"[number % 3]}) for number in range(9)]
    async with run_aggregator(meter_groups_max=2) as aggregator:
        await aggregator.apply("calls", group_by=["region"])
        await aggregator.apply("mended", group_by=["region"])
        ingest.append(events)
        assert await counts(aggregator) == {"a": 3, "b": 3}
        assert len(await parked(aggregator, "mended")) == 3
    async with run_aggregator(meter_groups_max=3) as aggregator:
        await rebuilt(aggregator, ("calls",))
        assert await counts(aggregator) == {"a": 3, "b": 3, "c": 3}
        assert await parked(aggregator, "calls") == {}
    async with run_aggregator(meter_groups_max=2) as aggregator:
        await rebuilt(aggregator, ("calls",))
        assert await counts(aggregator) == {"a": 3, "b": 3, "c": 3}, "a lower limit takes no group away"


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
