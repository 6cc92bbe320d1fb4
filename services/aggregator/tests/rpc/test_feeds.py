"""Exactly once, whatever breaks; nothing skipped; and what others are told of it."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import zstandard

from aggregator.store.changes import OWNER_COLUMNS
from eventlog.feed.chain import COVERED
from eventlog.feed.cursor import CHAIN_START, Cursor, check_payload, follow
from eventlog.feed.wire import cursor_to_proto, segment_from_proto
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.common.v1 import feed_service_pb2
from testkit.wait import eventually

SUM = meter_pb2.AGGREGATION_SUM


async def look(aggregator: Any, times: int) -> None:
    """Let the fold work for as long as it takes to ask so many times how far it is."""
    for _ in range(times):
        await aggregator.caller().GetProgress(pb.GetProgressRequest())


async def test_one_process_killed_after_another_counts_every_event_once(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    chance = random.Random(3)
    async with run_aggregator() as aggregator:
        await aggregator.apply("minutes", aggregation=SUM, value_property="minutes", group_by=["region"])
    number = 0
    for _ in range(12):
        async with run_aggregator(flush_interval_s=0.01) as aggregator:
            for _ in range(chance.randrange(5, 40)):
                ingest.append([new_event(number), new_event(number, id=f"x{number}", type="noise")], lane=number % 2)
                number += 1
            await look(aggregator, times=chance.randrange(1, 25))
            for task in aggregator.supervisor._tasks:
                task.cancel()

    async with run_aggregator() as aggregator:
        assert await aggregator.quantities("minutes") == {"customer-1": str(number)}

    assert await tables.value("SELECT sum(event_count)::int FROM unmatched_range") == number


async def test_lost_connections_and_cut_streams_lose_and_double_nothing(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    chance = random.Random(5)
    ingest.cut_after = 9
    async with run_aggregator(flush_interval_s=0.01) as aggregator:
        await aggregator.apply("minutes", aggregation=SUM, value_property="minutes")
        await aggregator.apply("unique", aggregation=meter_pb2.AGGREGATION_COUNT_UNIQUE, value_property="minutes")
        for number in range(200):
            ingest.append([new_event(number, properties={"minutes": str(number % 17)})], lane=number % 2)
            await tables.value("SELECT count(*) FROM window_page")
            if chance.random() < 0.06:
                await tables.connection.fetch(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'meterline' AND pid <> pg_backend_pid()"
                )
        ingest.cut_after = None

        async def all_counted() -> bool:
            expected = sum(number % 17 for number in range(200))
            return bool(sum(window.sum for window in await tables.windows()) == expected)

        await eventually(all_counted, 30)

    assert await tables.counted() == 400
    texts = {text for window in await tables.windows() for text, *_ in window.entries}
    assert texts == set(map(str, range(17)))


async def test_two_replicas_count_every_event_once(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any, tmp_path: Any
) -> None:
    async with run_aggregator(flush_interval_s=0.01) as one, run_aggregator(flush_interval_s=0.01) as two:
        await one.apply("minutes", aggregation=SUM, value_property="minutes")
        for number in range(150):
            ingest.append([new_event(number)], lane=number % 2)
            await look(one, times=1)
        assert await two.quantities("minutes") == {"customer-1": "150"}
        # Both replicas see the same new fill, and one of them comes late.
        await two.apply("calls")
        assert await one.quantities("calls") == {"customer-1": "150"}

    assert await tables.counted() == 300
    assert await tables.value("SELECT count(*) FROM feed_checkpoint WHERE consumer <> 'usage'") == 0


async def test_a_fill_that_is_killed_goes_on_where_it_was(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    for number in range(60):
        ingest.append([new_event(number)], lane=number % 2)
    async with run_aggregator() as aggregator:
        await aggregator.apply("minutes", aggregation=SUM, value_property="minutes")
        assert await aggregator.quantities("minutes") == {"customer-1": "60"}
        await aggregator.apply("calls")
    for _ in range(8):
        async with run_aggregator(batch_events_max=3) as aggregator:
            await look(aggregator, times=5)
            for task in aggregator.supervisor._tasks:
                task.cancel()

    async with run_aggregator(batch_events_max=3) as aggregator:
        assert await aggregator.quantities("calls") == {"customer-1": "60"}

    assert await tables.value("SELECT count(*) FROM fill") == 0


async def test_a_segment_that_can_not_be_read_stops_the_fold_and_is_never_skipped(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    async with run_aggregator() as aggregator:
        await aggregator.apply("calls")
        ingest.append([new_event(1)])
        await aggregator.rows("calls")
        ingest.append([new_event(2)], payload=zstandard.ZstdCompressor().compress(b"\xff\xff not columns"))
        ingest.append([new_event(3)])

        def halted() -> bool:
            return "Diverged" in (aggregator.supervisor.problems() or "")

        await eventually(halted)

    assert await tables.counted() == 1
    assert await tables.value("SELECT position FROM feed_checkpoint WHERE lane = 0") == 1


async def test_a_flipped_tenant_stops_a_rebuild_instead_of_counting_for_another(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    async with run_aggregator() as aggregator:
        await aggregator.apply("calls")
        for number in range(3):
            ingest.append([new_event(number)])
        assert await aggregator.quantities("calls") == {"customer-1": "3"}
        # As a superuser might, in the database of ingest.
        segment, events = ingest.lanes[0][1]
        ingest.lanes[0][1] = (replace(segment, tenant="globex"), events)

        await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest(request_id="again"))

        async def fill_is_halted() -> bool:
            progress = await aggregator.caller().GetProgress(pb.GetProgressRequest())
            assert list(progress.filling_meters) == ["calls"]
            return any(feed.last_error_reason == "FEED_DIVERGED" for feed in progress.feeds)

        await eventually(fill_is_halted)

    assert await tables.counted() == await tables.counted("acme")
    assert await tables.value("SELECT coalesce(max(position), 0) FROM feed_checkpoint WHERE consumer <> 'usage'") <= 1


async def test_every_column_of_the_change_feed_is_covered_by_its_chain(aggregator: Any, tables: Any) -> None:
    query = "SELECT array_agg(column_name::text) FROM information_schema.columns WHERE table_name = 'segment'"

    covered = (COVERED.keys() - {"owner_hash"}) | {"payload", "chain", *OWNER_COLUMNS}
    assert set(await tables.value(query)) == covered


async def test_the_change_feed_tells_of_every_customer_and_meter_that_changed(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await aggregator.apply("calls")
    await aggregator.apply("minutes", aggregation=SUM, value_property="minutes")
    ingest.append([new_event(1), new_event(31), new_event(200, customer="b", properties={})])
    ingest.append([new_event(5)], tenant="other")
    await aggregator.rows("calls")

    heads = (await aggregator.service().Heads(feed_service_pb2.HeadsRequest())).heads
    assert len(heads.lanes) == 1
    changes: list[usage_pb2.UsageChange] = []
    cursor = Cursor(0, 0, CHAIN_START, heads.epoch)
    call = aggregator.service().Read(feed_service_pb2.ReadRequest(cursor=cursor_to_proto(cursor)))
    async for response in call:
        segment = segment_from_proto(response.segment)
        check_payload(segment)
        cursor = follow(cursor, segment)
        payload = usage_pb2.UsageChanges.FromString(zstandard.ZstdDecompressor().decompress(segment.payload))
        assert (segment.tenant, segment.count) == ("acme", len(payload.changes))
        changes.extend(payload.changes)
        if cursor.position == heads.lanes[0].position:
            break
    call.cancel()

    spans = {
        (change.customer, change.meter): (
            change.period.start.ToDatetime().strftime("%H:%M"),
            change.period.end.ToDatetime().strftime("%H:%M"),
        )
        for change in changes
    }
    assert spans == {
        ("b", "calls"): ("03:15", "03:30"),
        ("customer-1", "calls"): ("00:00", "00:45"),
        ("customer-1", "minutes"): ("00:00", "00:45"),
    }


async def test_what_can_not_be_counted_is_listed_with_its_reason(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("minutes", aggregation=SUM, value_property="minutes")
    await aggregator.apply("tails", aggregation=meter_pb2.AGGREGATION_COUNT_UNIQUE, value_property="tail")
    bad = ["NaN", "1e400", "\uff11\uff12", "1_000", "", "12.5 ", "+1", "1.0000000000000000001", "1" * 19]
    ingest.append([new_event(number, properties={"minutes": text}) for number, text in enumerate(bad)], lane=1)
    ingest.append([new_event(50, type="noise"), new_event(51, type="noise")])
    await aggregator.rows("minutes")

    async def page(**fields: Any) -> Any:
        return await aggregator.caller().ListParkedEvents(pb.ListParkedEventsRequest(**fields))

    entries, token = [], ""
    while True:
        answer = await page(page_size=4, page_token=token)
        entries.extend(answer.events)
        token = answer.next_page_token
        assert answer.total_count == len(bad) * 2 + 2
        if not token:
            break
    by_meter = {name: [entry for entry in entries if entry.meter == name] for name in ("", "minutes", "tails")}
    assert [entry.reason for entry in by_meter["minutes"]] == ["VALUE_INVALID"] * 4 + ["VALUE_MISSING"] + [
        "VALUE_INVALID"
    ] * 4
    first = by_meter["minutes"][0]
    assert (first.type, first.customer, first.source, first.id) == ("call.ended", "customer-1", "switch", "event-0")
    assert (first.lane, first.position, first.last_position, first.event_count) == (1, 1, 1, 1)
    assert "'NaN' is not a plain decimal" in first.message
    assert {entry.reason for entry in by_meter["tails"]} == {"VALUE_MISSING"}
    (noise,) = by_meter[""]
    assert (noise.reason, noise.type, noise.event_count) == ("NO_METER", "noise", 2)
    assert (noise.lane, noise.position, noise.last_position) == (0, 1, 2)
    assert (await page(meter="tails")).total_count == len(bad)
    assert (await page(reason="VALUE_INVALID")).total_count == len(bad) - 1
    assert (await page(reason="NO_METER")).total_count == 2
    assert (await aggregator.caller("other").ListParkedEvents(pb.ListParkedEventsRequest())).total_count == 0


async def test_spans_lead_from_a_seal_back_to_who_published_the_events(
    spans: Any, aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await aggregator.apply("calls")
    published = [f"00-{number + 1:032x}-{number + 1:016x}-01" for number in range(130)]
    for number, traceparent in enumerate(published):
        ingest.append([new_event(number)], traceparent=traceparent)

    snapshot = await aggregator.seal()

    (seal,) = spans("seal usage")
    assert snapshot.traceparent.split("-")[2] == f"{seal.context.span_id:016x}"
    processed = {span.context.span_id: span for span in spans("process usage")}
    assert all(span.parent is None and span.kind.name == "CONSUMER" for span in processed.values())
    behind = [processed[link.context.span_id] for link in seal.links]
    assert behind
    assert sum(span.attributes["messaging.batch.message_count"] for span in processed.values()) == 130
    for span in processed.values():
        assert len(span.links) <= 100
        assert span.attributes["metering.links.total"] == len(span.links) + span.attributes["metering.links.omitted"]
    reached = {link.context.trace_id for span in behind for link in span.links}
    assert reached <= set(range(1, 131))
    assert reached
