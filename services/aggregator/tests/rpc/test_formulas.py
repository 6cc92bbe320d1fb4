"""A meter that is computed from others, wherever a meter can be asked for: counted, sealed, corrected and proven."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.errors import Reason
from eventlog.period import Period
from eventlog.wire import period_to_proto
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from testkit.wait import eventually

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
SUM = meter_pb2.AGGREGATION_SUM
FORMULA = meter_pb2.AGGREGATION_FORMULA
MONTH = period_to_proto(Period(MARCH, datetime(2026, 4, 1, tzinfo=UTC)))
DAY = timedelta(days=1)
LATEST = pb.Freshness(latest=True)


def formula(expression: str, **meters: str) -> meter_pb2.Formula:
    components = [meter_pb2.FormulaComponent(name=name, meter=meter) for name, meter in meters.items()]
    return meter_pb2.Formula(components=components, expression=expression)


async def apply_traffic(aggregator: Any) -> None:
    """Bytes in and out by region, the one as metered and the other in started blocks of ten, and what is computed."""
    await aggregator.apply(
        "bytes-in", event_types=["in"], aggregation=SUM, value_property="bytes", group_by=["region", "line"]
    )
    await aggregator.apply(
        "bytes-out", event_types=["out"], aggregation=SUM, value_property="bytes", group_by=["region"]
    )
    await aggregator.apply(
        "traffic",
        event_types=[],
        aggregation=FORMULA,
        formula=formula("round(inbound + outbound * 0.5, 0.1)", outbound="bytes-out", inbound="bytes-in"),
        group_by=["region"],
        unit="B",
    )


def moved(
    new_event: Any, number: int, kind: str, size: str, day: int, region: str, customer: str = "customer-1"
) -> Any:
    time = MARCH + day * DAY + timedelta(hours=1)
    properties = {"bytes": size, "region": region}
    return new_event(0, id=str(number), type=kind, time=time, customer=customer, properties=properties)


@pytest.fixture
async def traffic(aggregator: Any, ingest: Any, new_event: Any) -> Any:
    await apply_traffic(aggregator)
    ingest.append(
        [
            moved(new_event, 1, "in", "10", 0, "eu"),
            moved(new_event, 2, "out", "3", 0, "eu"),
            moved(new_event, 3, "out", "3.1", 1, "us"),
            moved(new_event, 4, "in", "7", 4, "eu"),
            moved(new_event, 5, "in", "100", 4, "eu", "customer-2"),
            moved(new_event, 6, "out", "1", 5, "eu", "customer-3"),
        ]
    )
    return aggregator


async def test_a_group_that_a_meter_of_the_formula_does_not_tell_apart_is_told_apart_by_none(
    run_aggregator: Any, ingest: Any, new_event: Any
) -> None:
    async with run_aggregator(meter_groups_max=2) as aggregator:
        await apply_traffic(aggregator)
        # The one meter has no room for "ap", the other none for "eu"; "us" is told apart by both.
        parts = [("in", "us"), ("in", "eu"), ("in", "ap"), ("out", "us"), ("out", "ap"), ("out", "eu"), ("out", "na")]
        ingest.append([moved(new_event, n, kind, str(10**n), 0, region) for n, (kind, region) in enumerate(parts)])
        request = pb.QueryUsageRequest(meter="traffic", period=MONTH, group_by=["region"], freshness=LATEST)
        answer = await aggregator.caller().QueryUsage(request)
        request.filters.add(property="region", values=["us"])
        refused = await aggregator.caller().refused("QueryUsage", request)
        whole = await aggregator.quantities("traffic")

    assert [(list(row.group), row.quantity, row.event_count, row.is_other_group) for row in answer.rows] == [
        (["us"], str(1 + 500), 2, False),
        ([""], str(10 + 100 + 5000 + 50000 + 500000), 5, True),
    ]
    assert whole == {"customer-1": "555611"}
    assert refused.reason is Reason.GROUP_UNKNOWN


async def test_it_is_computed_from_the_quantities_of_just_what_is_asked_for(traffic: Any) -> None:
    whole = await traffic.rows("traffic", customers=["customer-1"])
    days = await traffic.rows("traffic", customers=["customer-1"], window_size=usage_pb2.WINDOW_SIZE_DAY)
    so_far = await traffic.rows(
        "traffic", customers=["customer-1"], window_size=usage_pb2.WINDOW_SIZE_DAY, running=True
    )
    groups = await traffic.rows("traffic", customers=["customer-1"], group_by=["region"])
    in_us = meter_pb2.PropertyFilter(property="region", values=["us"])
    us = await traffic.rows("traffic", customers=["customer-1"], filters=[in_us])
    together = await traffic.rows("traffic", across_customers=True)

    # The month is the formula of the month's bytes; its days are rounded by themselves, and need not add up to it.
    assert [row[3:] for row in whole] == [("20.1", 4)]
    assert [row[3:] for row in days] == [("11.5", 2), ("1.6", 1), ("7", 1)]
    assert [row[3] for row in so_far] == ["11.5", "13.1", "20.1"]
    assert [row[2:] for row in groups] == [(("eu",), "18.5", 3), (("us",), "1.6", 1)]
    assert [row[3:] for row in us] == [("1.6", 1)]
    assert [(row[0], row[3]) for row in together] == [("", "120.6")]


async def test_the_largest_with_their_rest_summaries_heat_maps_and_current_usage_have_it_too(
    traffic: Any, ingest: Any, new_event: Any
) -> None:
    user = traffic.caller()
    top = await user.QueryUsage(pb.QueryUsageRequest(meter="traffic", period=MONTH, freshness=LATEST, top=1))
    summary = await user.SummarizeUsage(
        pb.SummarizeUsageRequest(
            query=pb.QueryUsageRequest(
                meter="traffic", period=MONTH, customers=["customer-1"], window_size=usage_pb2.WINDOW_SIZE_DAY
            )
        )
    )
    heat = await user.QueryHeatMap(pb.QueryHeatMapRequest(meter="traffic", period=MONTH, customers=["customer-1"]))
    current = pb.CurrentUsageRequest(customer="customer-1", meter="traffic", period=MONTH)
    before = await user.CurrentUsage(current)
    ingest.append([moved(new_event, 7, "out", "2", 9, "eu")])

    assert [(row.customer, row.quantity, row.is_other) for row in top.rows] == [
        ("customer-2", "100", False),
        ("", "20.6", True),
    ]
    (figures,) = summary.summaries
    assert (figures.quantity, figures.largest_quantity, figures.event_count) == ("20.1", "11.5", 4)
    assert {cell.quantity for cell in heat.cells} == {"0", "11.5", "1.6", "7"}
    assert before.quantity == "20.1"

    async def is_counted() -> bool:
        return bool((await user.CurrentUsage(current)).quantity == "21.1")

    await eventually(is_counted, what="the total in memory to follow a meter that it is computed from")


async def listed(aggregator: Any, snapshot: Any, **fields: Any) -> list[tuple[str, str, str]]:
    request = pb.ListUsageEventsRequest(snapshot_id=snapshot.id, meter="traffic", **fields)
    pages = [page async for page in aggregator.caller().ListUsageEvents(request)]
    return [(one.meter, one.event.event.id, one.value) for page in pages for one in page.events]


async def test_it_is_sealed_proven_and_amended_with_the_meters_that_it_reads(
    traffic: Any, ingest: Any, new_event: Any
) -> None:
    first = await traffic.seal()
    ingest.append([moved(new_event, 7, "out", "4", 20, "us")])
    second = await traffic.seal(amends_snapshot_id=first.id)
    behind = await listed(traffic, first)
    page = await listed(traffic, first, limit=3)
    place = usage_pb2.EventPlace(lane=0, position=4, meter="bytes-in")
    after = await listed(traffic, first, after=place)
    late = await listed(traffic, second, only_amendment=True)
    now = [
        (one.meter, one.event.event.id)
        async for page in traffic.caller().ListMeteredEvents(
            pb.ListMeteredEventsRequest(customer="customer-1", meter="traffic", period=MONTH)
        )
        for one in page.events
    ]

    sealed = [{one.meter: (one.quantity, one.event_count) for one in seal.usage}["traffic"] for seal in (first, second)]
    assert sealed == [("20.1", 4), ("22.1", 5)]
    # By the names of the formula: what comes in first.
    assert behind == [
        ("bytes-in", "1", "10"),
        ("bytes-in", "4", "7"),
        ("bytes-out", "2", "3"),
        ("bytes-out", "3", "3.1"),
    ]
    assert page == behind[:3]
    assert after == behind[2:]
    assert late == [("bytes-out", "7", "4")]
    assert now == [(meter, event) for meter, event, _ in [*behind, *late]]
    refused = await traffic.caller().refused("GetMeter", pb.GetMeterRequest(name="none"))
    assert refused.reason is Reason.METER_NOT_FOUND


async def test_sessions_and_sums_are_read_together_though_one_looks_back_further(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    session = meter_pb2.Session(
        key_property="call", phase_property="phase", start="on", stop="off", timeout_seconds=90000
    )
    await aggregator.apply("minutes", event_types=["call"], aggregation=meter_pb2.AGGREGATION_DURATION, session=session)
    await aggregator.apply("texts", event_types=["text"])
    await aggregator.apply(
        "load",
        event_types=[],
        aggregation=FORMULA,
        formula=formula("seconds + 60 * texts", seconds="minutes", texts="texts"),
    )
    ingest.append(
        [
            new_event(0, id="on", type="call", time=MARCH - DAY, properties={"call": "a", "phase": "on"}),
            new_event(
                0, id="off", type="call", time=MARCH + timedelta(seconds=5), properties={"call": "a", "phase": "off"}
            ),
            new_event(0, id="text", type="text", time=MARCH + DAY),
        ]
    )

    assert await aggregator.quantities("load") == {"customer-1": "65"}
    totals = await aggregator.service().QueryTotals(
        pb.QueryTotalsRequest(customer="customer-1", period=MONTH, freshness=LATEST)
    )
    assert {one.meter: one.quantity for one in totals.usage} == {"minutes": "5", "texts": "1", "load": "65"}
    sealed = await aggregator.seal()
    assert {one.meter: one.quantity for one in sealed.usage} == {"minutes": "5", "texts": "1", "load": "65"}
    heat = pb.QueryHeatMapRequest(meter="load", period=MONTH, customers=["customer-1"])
    assert (await aggregator.caller().refused("QueryHeatMap", heat)).reason is Reason.WINDOW_INVALID


async def test_what_it_may_not_be_is_refused_with_what_to_do(aggregator: Any) -> None:
    await apply_traffic(aggregator)
    user = aggregator.caller()

    async def told(**fields: Any) -> str:
        spec = {"event_types": [], "aggregation": FORMULA, "formula": formula("a", a="bytes-in"), **fields}
        request = pb.ApplyMeterRequest(name=fields.pop("name", "new"), spec=meter_pb2.MeterSpec(**spec))
        return str(await user.refused("ApplyMeter", request))

    assert "there is no meter 'nothing'" in await told(formula=formula("a", a="nothing"))
    assert "is computed by a formula itself" in await told(formula=formula("a", a="traffic"))
    assert "does not group by 'line'" in await told(formula=formula("a", a="bytes-out"), group_by=["line"])
    assert "beside formula it has groupBy, unit and description only" in await told(value_property="bytes")
    assert "beside formula it has" in await told(event_types=["in"])
    by_line = [meter_pb2.PropertyFilter(property="line", values=["1"])]
    asked = pb.QueryUsageRequest(meter="traffic", period=MONTH, filters=by_line, scan_events_max=1000)
    assert "traffic (version 1) is not grouped by 'line'" in str(await user.refused("QueryUsage", asked))
    assert not (await user.GetMeter(pb.GetMeterRequest(name="traffic"))).meter.HasField("groups")
    assert "needs the formula" in await told(formula=None)
    assert "goes with FORMULA" in await told(aggregation=SUM, value_property="bytes", event_types=["in"])
    changed = formula("round(outbound, 1)", outbound="bytes-out")
    request = pb.ApplyMeterRequest(
        name="traffic", spec=meter_pb2.MeterSpec(aggregation=FORMULA, formula=changed, group_by=["region"])
    )
    assert "can't change" in str(await user.refused("ApplyMeter", request))
    without_region = pb.ApplyMeterRequest(
        name="bytes-in", spec=meter_pb2.MeterSpec(event_types=["in"], aggregation=SUM, value_property="bytes")
    )
    told_of_reader = str(await user.refused("ApplyMeter", without_region))
    assert "meter 'traffic' is computed from it: bytes-in does not group by 'region'" in told_of_reader
    rebuild = pb.RebuildUsageRequest(request_id="1", meters=["traffic"])
    assert "rebuild those that it reads" in str(await user.refused("RebuildUsage", rebuild))
    assert "must name at least one event type" in str(
        await user.refused(
            "ApplyMeter",
            pb.ApplyMeterRequest(name="n", spec=meter_pb2.MeterSpec(aggregation=meter_pb2.AGGREGATION_COUNT)),
        )
    )
    # What is to be applied before it is known when it is only tried.
    draft = pb.MeterDraft(
        name="more", spec=meter_pb2.MeterSpec(event_types=["x"], aggregation=meter_pb2.AGGREGATION_COUNT)
    )
    tried = pb.ApplyMeterRequest(
        name="new",
        spec=meter_pb2.MeterSpec(aggregation=FORMULA, formula=formula("a", a="more")),
        validate_only=True,
        applied_before=[draft],
    )
    assert (await user.ApplyMeter(tried)).outcome
    described = {
        one.name: list(one.computed_from) for one in (await user.DescribeMeters(pb.DescribeMetersRequest())).meters
    }
    assert described == {"bytes-in": [], "bytes-out": [], "traffic": ["bytes-in", "bytes-out"]}
