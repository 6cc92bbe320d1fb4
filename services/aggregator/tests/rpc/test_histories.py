"""Random histories of events, versions and rebuilds: in the end every event counts as the last meters say."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2

START = datetime(2026, 3, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def at(moment: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(moment)
    return message


class History:
    """What a test did, so that it can be counted by hand."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.events: list[Any] = []

    def append(self, ingest: Any, new_event: Any) -> None:
        """Some events of two hours, in any order of time."""
        batch = []
        for _ in range(self.chance.randint(1, 6)):
            number = len(self.events)
            properties = {
                "minutes": self.chance.choice(["1", "2.5", "-3", "x"]),
                "seconds": self.chance.choice(["60", "", "0.5"]),
                "region": self.chance.choice(["eu", "us"]),
            }
            event = new_event(
                number,
                time=START + timedelta(minutes=self.chance.randrange(120)),
                type=self.chance.choice(["call.ended", "call.ended", "sms"]),
                customer=self.chance.choice(["a", "b"]),
                properties=properties,
            )
            self.events.append(event)
            batch.append(event)
        ingest.append(batch, lane=self.chance.randrange(2))

    async def apply(self, aggregator: Any) -> None:
        """A version of one of two meters, effective from anywhere in the two hours or from the first event."""
        regions = self.chance.choice([[], ["eu"], ["us"]])
        await aggregator.apply(
            self.chance.choice(["one", "two"]),
            aggregation=meter_pb2.AGGREGATION_SUM,
            event_types=self.chance.choice([["call.ended"], ["sms"], ["call.ended", "sms"]]),
            value_property=self.chance.choice(["minutes", "seconds"]),
            group_by=["region"],
            filters=[meter_pb2.PropertyFilter(property="region", values=regions)] if regions else [],
            effective_from=at(START + self.chance.randrange(8) * QUARTER),
        )


def count_by_hand(events: list[Any], meters: list[list[Any]]) -> tuple[Counter[Any], dict[Any, Fraction], int, int]:
    """Events and sums by window, parked and unmatched events; `meters` are lists of versions, newest first."""
    counts: Counter[Any] = Counter()
    sums: dict[Any, Fraction] = {}
    parked = unmatched = 0
    for event in events:
        asked = False
        for versions in meters:
            ruling = [v for v in versions if v.spec.effective_from.ToNanoseconds() <= event.time.ToNanoseconds()][:1]
            for version in ruling:
                filters = {item.property: list(item.values) for item in version.spec.filters}
                if event.type not in version.spec.event_types or event.properties["region"] not in filters.get(
                    "region", ["eu", "us"]
                ):
                    continue
                asked = True
                text = event.properties[version.spec.value_property]
                if text in {"", "x"}:
                    parked += 1
                    continue
                start = START + (event.time.ToDatetime(tzinfo=UTC) - START) // QUARTER * QUARTER
                key = (version.name, version.version, event.customer, start, event.properties["region"])
                counts[key] += 1
                sums[key] = sums.get(key, Fraction(0)) + Fraction(text)
        unmatched += not asked
    return counts, sums, parked, unmatched


@pytest.mark.parametrize("seed", range(5))
async def test_every_event_counts_as_the_last_meters_say(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any, seed: int
) -> None:
    history = History(seed)
    chance = history.chance
    async with run_aggregator(batch_events_max=chance.choice([4, 1000]), flush_interval_s=0.01) as aggregator:
        for _ in range(60):
            step = chance.random()
            if step < 0.8:
                history.append(ingest, new_event)
            elif step < 0.95:
                await history.apply(aggregator)
            else:
                await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest())
        await aggregator.apply("latest")
        await aggregator.rows("latest")
        listed = await aggregator.caller().ListMeters(pb.ListMetersRequest())
        names = [meter.name for meter in listed.meters if meter.name != "latest"]
        meters = [list((await aggregator.caller().GetMeter(pb.GetMeterRequest(name=name))).versions) for name in names]
        # The last meter asks for calls of any kind.
        for name in names:
            await aggregator.rows(name)

    stored = {
        (one.meter, one.version, one.customer, one.start, next(iter(json.loads(one.group)), None)): one
        for one in await tables.windows()
        if one.meter != "latest"
    }
    counts, sums, parked, _ = count_by_hand(history.events, meters)
    assert {key: window.event_count for key, window in stored.items()} == dict(counts)
    assert {key: Fraction(window.sum) for key, window in stored.items()} == sums
    assert await tables.value("SELECT count(*) FROM parked_event") == parked
    calls = [event for event in history.events if event.type == "call.ended"]
    others = [event for event in history.events if event.type != "call.ended"]
    unmatched = count_by_hand(others, meters)[3]
    assert await tables.value("SELECT coalesce(sum(event_count), 0)::int FROM unmatched_range") == unmatched
    latest = [window for window in await tables.windows() if window.meter == "latest"]
    assert sum(window.event_count for window in latest) == len(calls)
