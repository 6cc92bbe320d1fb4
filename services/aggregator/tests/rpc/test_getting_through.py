"""The fold always gets through: whatever ingest accepts is counted or parked, however much it touches."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aggregator.domain.aggregations import AGGREGATIONS
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.common.v1 import feed_pb2, values_pb2
from testkit.wait import eventually

SUM = meter_pb2.AGGREGATION_SUM
UNIQUE = meter_pb2.AGGREGATION_COUNT_UNIQUE
MARCH = values_pb2.Period()
MARCH.start.FromDatetime(datetime(2026, 3, 1, tzinfo=UTC))
MARCH.end.FromDatetime(datetime(2026, 4, 1, tzinfo=UTC))
KEYS = [f"key-{number}" for number in range(8)]
SLOW = """
    CREATE FUNCTION delay() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep({seconds});
        RETURN NEW;
    END $$;
    CREATE TRIGGER delay BEFORE INSERT ON window_page FOR EACH ROW EXECUTE FUNCTION delay();
"""
SESSION = meter_pb2.Session(
    key_property="text", phase_property="value", start="0", stop="1e3", heartbeat="x" * 256, timeout_seconds=60
)
BOUNDED = """
    CREATE FUNCTION bounded() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (SELECT count(*) FROM added) > {rows} THEN
            RAISE EXCEPTION 'one statement wrote more than {rows} rows';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER bounded_ranges AFTER INSERT ON unmatched_range REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION bounded();
"""


def incompressible(chance: random.Random, size: int) -> str:
    """A text of so many bytes in which nothing repeats, and which JSON has to escape here and there."""
    alphabet = [chr(code) for code in range(0x21, 0x7F)]
    return "".join(chance.choices(alphabet, k=size))


async def parked(aggregator: Any, meter: str, tenant: str = "acme") -> list[usage_pb2.ParkedEvent]:
    request = pb.ListParkedEventsRequest(meter=meter, page_size=1000)
    response: pb.ListParkedEventsResponse = await aggregator.caller(tenant).ListParkedEvents(request)
    return list(response.events)


async def feed(aggregator: Any, consumer: str) -> feed_pb2.FeedState:
    progress: pb.GetProgressResponse = await aggregator.caller().GetProgress(pb.GetProgressRequest())
    return next(state for state in progress.feeds if state.consumer == consumer)


async def test_the_longest_groups_that_ingest_accepts_are_counted_and_shown_whole(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    chance = random.Random(7)
    groups = [[incompressible(chance, 256) for _ in KEYS] for _ in range(3)]
    customer = incompressible(chance, 128)
    await aggregator.apply("wide", group_by=KEYS)
    await aggregator.apply("texts", aggregation=UNIQUE, value_property="text", group_by=KEYS[1:])
    for number in range(9):
        properties = dict(zip(KEYS, groups[number % 3], strict=True))
        properties["text"] = incompressible(chance, 256)
        ingest.append([new_event(number, customer=customer, properties=properties)])
    ingest.append([new_event(99, customer="another tenant's")], tenant="beta")
    await counted()

    rows = await aggregator.rows("wide", group_by=KEYS)
    assert sorted((row[0], row[2], row[4]) for row in rows) == sorted((customer, tuple(group), 3) for group in groups)
    one = await aggregator.rows("wide", group_by=[KEYS[5]])
    assert sorted((row[2], row[4]) for row in one) == sorted(((group[5],), 3) for group in groups)
    only = [meter_pb2.PropertyFilter(property=KEYS[2], values=[groups[1][2]])]
    assert [row[4] for row in await aggregator.rows("wide", filters=only)] == [3]
    assert await aggregator.quantities("texts") == {customer: "9"}
    assert await parked(aggregator, "wide") == []


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_ingest_accepts_is_counted_or_parked(
    run_aggregator: Any, ingest: Any, new_event: Any, new_meter: Any, seed: int
) -> None:
    chance = random.Random(seed)
    # A byte, several bytes, what JSON and SQL escape, what sorts oddly.
    alphabet = [*map(chr, range(0x20, 0x7F)), *"äß€漢字🦆\u200d\ufffd\U0010fffd", "\\", '"', "'", "\n", "\t", "\x7f"]

    def text_of(bytes_max: int, letters: list[str] = alphabet) -> str:
        size, found = chance.choice([1, bytes_max // 2, bytes_max]), ""
        while len((found + (letter := chance.choice(letters))).encode()) <= size:
            found += letter
        return found or "a"

    names = [letter for letter in alphabet if letter.isprintable()]
    values = ["", "0", "-0.000000000001", "999999999999999999.999999999999", "1e3", "NaN", "x" * 256, "٣"]
    events = []
    for number in range(300):
        properties = {key: text_of(256) for key in KEYS if chance.random() < 0.8}
        properties |= {"value": chance.choice([*values, text_of(256)]), "text": text_of(256)}
        time = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(27 * 365 * 86_400))
        events.append(
            new_event(
                number,
                id=f"{number}-{text_of(100, names)}",
                source=text_of(128, names),
                customer=text_of(128, names),
                time=time,
                properties=properties,
            )
        )
    async with run_aggregator(batch_events_max=chance.choice([7, 1000])) as aggregator:
        aggregations = [aggregation.NAME for aggregation in AGGREGATIONS]
        meters = [name.lower().replace("_", "-") for name in aggregations]
        reads: dict[str, dict[str, Any]] = {
            "COUNT": {},
            "COUNT_UNIQUE": {"value_property": "text"},
            "DURATION": {"session": SESSION},
            "LIVE_COUNT": {"session": SESSION},
        }
        for name, aggregation in zip(meters, aggregations, strict=True):
            fields = {**new_meter(aggregation), **reads.get(aggregation, {"value_property": "value"})}
            await aggregator.apply(name, **fields, group_by=chance.sample(KEYS, chance.randrange(9)))
        for start in range(0, 300, 50):
            ingest.append(events[start : start + 50], lane=chance.randrange(2))
        await eventually(lambda: all_applied(aggregator, ingest), 30)

        everything = values_pb2.Period()
        everything.start.FromDatetime(datetime(1999, 1, 1, tzinfo=UTC))
        everything.end.FromDatetime(datetime(2028, 1, 1, tzinfo=UTC))
        for name in meters:
            rows = await aggregator.rows(name, period=everything, page_size=10_000)
            not_counted = await parked(aggregator, name)
            assert sum(row[4] for row in rows) + len(not_counted) == 300, name
            assert {event.reason for event in not_counted} <= {"VALUE_MISSING", "VALUE_INVALID"}


async def test_pages_go_on_after_a_long_group(aggregator: Any, ingest: Any, new_event: Any, counted: Any) -> None:
    chance = random.Random(11)
    await aggregator.apply("wide", group_by=KEYS)
    groups = {tuple(incompressible(chance, 256) for _ in KEYS) for _ in range(7)}
    ingest.append(
        [
            new_event(number, properties=dict(zip(KEYS, group, strict=True)))
            for number, group in enumerate([*groups, *groups])
        ]
    )
    await counted()

    found: list[tuple[str, ...]] = []
    request = pb.QueryUsageRequest(meter="wide", period=MARCH, group_by=KEYS, page_size=2)
    while True:
        page = await aggregator.caller().QueryUsage(request)
        found += [tuple(row.group) for row in page.rows]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert len(found) == 7
    assert set(found) == groups


async def test_no_statement_grows_with_what_a_batch_touches(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    await tables.connection.execute(BOUNDED.format(rows=40))
    async with run_aggregator(rows_per_statement_max=40) as aggregator:
        for number in range(12):
            await aggregator.apply(f"calls-{number}", group_by=["region"])
        await aggregator.apply("texts", aggregation=UNIQUE, value_property="text")
        # One report: 500 customers, each in windows of its own; and one window with 300 texts.
        events = [new_event(number, customer=f"customer-{number % 500}") for number in range(1000)]
        events += [
            new_event(
                2000 + number, customer="texts", time=events[0].time.ToDatetime(), properties={"text": str(number)}
            )
            for number in range(300)
        ]
        events += [new_event(3000 + number, type=f"noise-{number}") for number in range(100)]
        ingest.append(events)

        assert sum(row[4] for row in await aggregator.rows("calls-11", page_size=10_000)) == 1300
        assert await aggregator.quantities("texts", customers=["texts"]) == {"texts": "300"}
    assert await tables.value("SELECT sum(event_count)::int FROM unmatched_range") == 100


async def test_a_row_that_takes_too_long_is_waited_for_and_counted_once(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    await tables.connection.execute(SLOW.format(seconds=2))
    async with run_aggregator(statement_timeout_s=0.3) as aggregator:
        await aggregator.apply("calls")
        ingest.append([new_event(number) for number in range(3)])

        async def told() -> bool:
            return bool((await feed(aggregator, "usage")).attempts)

        await eventually(told)
        assert (await feed(aggregator, "usage")).last_error_reason == "DEADLINE_EXCEEDED"
        assert (await feed(aggregator, "usage")).lag_entries == 3
        await tables.connection.execute("DROP TRIGGER delay ON window_page")

        assert await aggregator.quantities("calls") == {"customer-1": "3"}
        assert (await feed(aggregator, "usage")).attempts == 0
        assert (await feed(aggregator, "usage")).lag_entries == 0
    assert await parked_rows(tables) == 0


async def parked_rows(tables: Any) -> int:
    count: int = await tables.value("SELECT count(*)::int FROM parked_event")
    return count


OUT_OF_DISK = """
    CREATE FUNCTION out_of_disk() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.first_customer LIKE 'stuck%' THEN
            RAISE EXCEPTION 'no space left' USING ERRCODE = '53100';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER out_of_disk BEFORE INSERT ON window_page FOR EACH ROW EXECUTE FUNCTION out_of_disk();
"""


async def test_a_fill_that_can_not_go_on_holds_up_no_other(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    ingest.append([new_event(number, customer="stuck", type="stuck.called") for number in range(5)])
    ingest.append([new_event(number, id=f"b{number}") for number in range(5)])
    ingest.append([new_event(number) for number in range(5)], tenant="beta")
    await tables.connection.execute(OUT_OF_DISK)
    async with run_aggregator(fill_turn_s=0.2) as aggregator:
        await eventually(lambda: all_applied(aggregator, ingest))
        await aggregator.apply("held-up", event_types=["stuck.called"])
        await aggregator.apply("calls")
        await aggregator.apply("calls", "beta")

        async def filling() -> tuple[list[str], list[str]]:
            mine = await aggregator.caller().GetProgress(pb.GetProgressRequest())
            theirs = await aggregator.caller("beta").GetProgress(pb.GetProgressRequest())
            return list(mine.filling_meters), list(theirs.filling_meters)

        async def others_are_filled() -> bool:
            return await filling() == (["held-up"], [])

        await eventually(others_are_filled)
        assert await aggregator.quantities("calls") == {"customer-1": "5"}
        assert await aggregator.quantities("calls", "beta") == {"customer-1": "5"}

        async def told() -> bool:
            states = (await aggregator.caller().GetProgress(pb.GetProgressRequest())).feeds
            return any(
                state.consumer.startswith("fill:") and "no disk space left" in state.last_error_message
                for state in states
            )

        await eventually(told)
        await tables.connection.execute("DROP TRIGGER out_of_disk ON window_page")
        assert await aggregator.quantities("held-up") == {"stuck": "5"}
        progress = await aggregator.caller().GetProgress(pb.GetProgressRequest())
        assert [state.consumer for state in progress.feeds] == ["usage"]


async def all_applied(aggregator: Any, ingest: Any) -> bool:
    progress = await aggregator.caller().GetProgress(pb.GetProgressRequest())
    return {lane.lane: lane.position for lane in progress.as_of.lanes} == {k: v for k, v in ingest.heads().items() if v}


SLOW_DELETE = """
    CREATE FUNCTION delay_delete() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(0.005);
        RETURN OLD;
    END $$;
    CREATE TRIGGER delay_delete BEFORE DELETE ON window_page FOR EACH ROW EXECUTE FUNCTION delay_delete();
"""


async def test_a_rebuild_of_more_than_fits_a_statement_goes_through(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    await tables.connection.execute(SLOW_DELETE)
    async with run_aggregator(statement_timeout_s=0.4) as aggregator:
        await aggregator.apply("minutes", aggregation=SUM, value_property="minutes")
        for part in range(3):
            events = [new_event(n, id=f"{part}-{n}", customer=f"customer-{n % 120}") for n in range(120)]
            events += [new_event(n, id=f"{part}-x{n}", customer="bad", properties={"minutes": "x"}) for n in range(20)]
            ingest.append(events)
        before = await aggregator.quantities("minutes")

        await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest(request_id="again"))

        assert await aggregator.quantities("minutes") == before == {f"customer-{n}": "3" for n in range(120)}
        assert len(await parked(aggregator, "minutes")) == 60


async def test_a_month_in_one_report_is_counted_exactly(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    chance = random.Random(3)
    async with run_aggregator(rows_per_statement_max=64) as aggregator:
        await aggregator.apply("minutes", aggregation=SUM, value_property="minutes", group_by=["region"])
        await aggregator.apply("models", aggregation=UNIQUE, value_property="model")
        expected: Counter[str] = Counter()
        seen: set[tuple[str, str]] = set()
        for part in range(4):
            events = []
            for number in range(500):
                customer, minutes, model = f"c-{chance.randrange(40)}", chance.randrange(90), f"m{chance.randrange(30)}"
                expected[customer] += minutes
                seen.add((customer, model))
                time = new_event(0).time.ToDatetime() + timedelta(minutes=chance.randrange(31 * 24 * 60))
                properties = {"minutes": str(minutes), "model": model, "region": chance.choice(["eu", "us", ""])}
                events.append(
                    new_event(number, id=f"{part}-{number}", customer=customer, time=time, properties=properties)
                )
            ingest.append(events, lane=part % 2)

        assert await aggregator.quantities("minutes") == {customer: str(sum_) for customer, sum_ in expected.items()}
        assert await aggregator.quantities("models") == {
            customer: str(count) for customer, count in Counter(customer for customer, _ in seen).items()
        }
