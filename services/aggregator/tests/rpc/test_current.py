"""Current usage from memory: what QueryUsage says, at most a stated time later, whoever counts."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from chassis.errors import InvalidRequest, NotFound
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, schema_pb2
from metering.common.v1 import values_pb2
from testkit.wait import eventually

START = datetime(2026, 3, 1, tzinfo=UTC)
METERS: dict[str, dict[str, Any]] = {
    "calls": {"aggregation": meter_pb2.AGGREGATION_COUNT},
    "minutes": {"aggregation": meter_pb2.AGGREGATION_SUM, "value_property": "minutes", "group_by": ["region"]},
    "regions": {"aggregation": meter_pb2.AGGREGATION_COUNT_UNIQUE, "value_property": "region"},
    "last": {"aggregation": meter_pb2.AGGREGATION_LATEST, "value_property": "minutes"},
    "level": {"aggregation": meter_pb2.AGGREGATION_WEIGHTED_SUM, "value_property": "minutes", "carry_over": True},
    "most": {"aggregation": meter_pb2.AGGREGATION_MAX, "value_property": "minutes"},
}
CUSTOMERS = ("customer-1", "customer-2")


def between(start: datetime, end: datetime) -> values_pb2.Period:
    period = values_pb2.Period()
    period.start.FromDatetime(start)
    period.end.FromDatetime(end)
    return period


PERIODS = (between(START, datetime(2026, 4, 1, tzinfo=UTC)), between(START, START + timedelta(minutes=15)))


async def current(aggregator: Any, meter: str = "calls", **fields: Any) -> pb.CurrentUsageResponse:
    values = {"customer": "customer-1", "period": PERIODS[0], **fields}
    found: pb.CurrentUsageResponse = await aggregator.caller().CurrentUsage(
        pb.CurrentUsageRequest(meter=meter, **values)
    )
    return found


async def asked(aggregator: Any) -> dict[tuple[str, str, int], tuple[str, int]]:
    """All totals, from memory, in one answer."""
    names = list(product(METERS, CUSTOMERS, range(len(PERIODS))))
    questions = [question(meter, customer, PERIODS[number]) for meter, customer, number in names]
    answer = await aggregator.caller().QueryCurrentUsage(pb.QueryCurrentUsageRequest(questions=questions))
    return {name: (one.quantity, one.event_count) for name, one in zip(names, answer.answers, strict=True)}


def question(meter: str, customer: str, period: values_pb2.Period) -> pb.CurrentUsageQuestion:
    return pb.CurrentUsageQuestion(customer=customer, meter=meter, period=period)


async def true(aggregator: Any) -> dict[tuple[str, str, int], tuple[str, int]]:
    """All totals, from windows."""
    found: dict[tuple[str, str, int], tuple[str, int]] = {}
    for meter in METERS:
        for number, period in enumerate(PERIODS):
            rows = {row[0]: (row[3], row[4]) for row in await aggregator.rows(meter, period=period)}
            found |= {(meter, customer, number): rows.get(customer, ("0", 0)) for customer in CUSTOMERS}
    return found


async def test_it_is_what_usage_is_after_every_step_on_every_replica(
    run_aggregator: Any, ingest: Any, new_event: Any
) -> None:
    chance = random.Random(7)
    number = 0

    def some() -> None:
        nonlocal number
        batch = []
        for _ in range(chance.randint(1, 4)):
            number += 1
            properties = {"minutes": chance.choice(["1", "2.5", "7", "x"]), "region": chance.choice(["eu", "us"])}
            batch.append(
                new_event(
                    number,
                    time=START + timedelta(minutes=chance.randint(0, 40)),
                    customer=chance.choice(CUSTOMERS),
                    properties=properties,
                )
            )
        ingest.append(batch, lane=chance.randint(0, 1))

    async with run_aggregator() as one, run_aggregator() as other:
        for name, spec in METERS.items():
            await one.apply(name, **spec)
        some()
        await asked(one)
        await asked(other)
        for step in range(30):
            await change(one, step)
            if step % 5 == 4:
                taken = {(0, 1 + step), (1, 1 + step // 2)} - set(_taken(ingest))
                ingest.void(
                    [place for place in taken if place[1] <= ingest.heads()[place[0]] and _plain(ingest, place)]
                )
            some()
            expected = await true(one)
            for process in (one, other):

                async def is_current(process: Any = process, expected: Any = expected) -> bool:
                    return bool(await asked(process) == expected)

                await eventually(is_current, 5)


async def change(aggregator: Any, step: int) -> None:
    """Do at some steps what changes usage that was counted."""
    if step == 12:
        await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest(meters=["minutes", "last"]))
    if step in {6, 18}:
        await hold(aggregator, least="2" if step == 6 else "0")
    if step == 20:
        await true(aggregator)
        await aggregator.caller().RequeueParked(pb.RequeueParkedRequest(type="call.ended", page_size=1000))


async def hold(aggregator: Any, least: str) -> None:
    """Hold calls of fewer minutes."""
    rule = schema_pb2.PropertyRule(name="minutes", type=schema_pb2.PROPERTY_TYPE_DECIMAL, min=least)
    spec = schema_pb2.EventSchemaSpec(properties=[rule])
    await aggregator.caller().ApplyEventSchema(pb.ApplyEventSchemaRequest(name="call.ended", spec=spec))


def _taken(ingest: Any) -> list[tuple[int, int]]:
    return [(lane, taken) for (lane, _), taken in ingest.takes_back.items()]


def _plain(ingest: Any, place: tuple[int, int]) -> bool:
    return place not in ingest.takes_back


async def test_answers_come_from_memory_with_their_staleness(
    aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    await aggregator.apply("calls")
    ingest.append([new_event(1)])
    await aggregator.rows("calls")
    await current(aggregator)
    async with tables.connection.transaction():
        # Whoever reads windows now waits.
        await tables.connection.execute("LOCK TABLE window_page IN ACCESS EXCLUSIVE MODE")
        answers = [await current(aggregator) for _ in range(200)]

    assert {(answer.quantity, answer.event_count, answer.filled) for answer in answers} == {("1", 1, True)}
    assert all(0 < answer.staleness_ms <= 2000 for answer in answers)
    assert answers[-1].as_of.lanes[0].position == 1


async def test_what_counts_follows_within_its_staleness(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("calls")
    await current(aggregator)
    for number in range(1, 21):
        ingest.append([new_event(number)])
        await aggregator.rows("calls")

        async def has_all(number: int = number) -> bool:
            answer = await current(aggregator)
            # Whatever it says, it says it of that part of the log.
            assert answer.event_count == sum(lane.position for lane in answer.as_of.lanes)
            return bool(answer.event_count == number)

        await eventually(has_all, 2)


async def test_what_is_asked_wrongly_is_refused(aggregator: Any) -> None:
    await aggregator.apply("calls")
    request = pb.CurrentUsageRequest(customer="c", meter="none", period=PERIODS[0])
    off_grid = between(START, START + timedelta(minutes=7))

    assert isinstance(await aggregator.caller().refused("CurrentUsage", request), NotFound)
    wrong = pb.CurrentUsageRequest(customer="c", meter="calls", period=off_grid)
    assert isinstance(await aggregator.caller().refused("CurrentUsage", wrong), InvalidRequest)

    # What is wrong with one question refuses all of them.
    good = question("calls", "c", PERIODS[0])
    for questions, error in (
        ([good, question("none", "c", PERIODS[0])], NotFound),
        ([good, question("calls", "c", off_grid)], InvalidRequest),
        ([good] * 1001, InvalidRequest),
        ([], InvalidRequest),
    ):
        many = pb.QueryCurrentUsageRequest(questions=questions)
        assert isinstance(await aggregator.caller().refused("QueryCurrentUsage", many), error)


async def test_many_are_answered_from_memory_in_their_order(
    aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    await aggregator.apply("calls")
    ingest.append([new_event(number, customer=f"customer-{number}") for number in range(1, 31)])
    await aggregator.rows("calls")
    asked_for = [question("calls", f"customer-{number}", PERIODS[0]) for number in (*range(40, 0, -1), 1, 40)]
    request = pb.QueryCurrentUsageRequest(questions=asked_for)
    await aggregator.caller().QueryCurrentUsage(request)
    async with tables.connection.transaction():
        # Whoever reads windows now waits.
        await tables.connection.execute("LOCK TABLE window_page IN ACCESS EXCLUSIVE MODE")
        answer = await aggregator.caller().QueryCurrentUsage(request)

    assert [one.quantity for one in answer.answers] == ["0"] * 10 + ["1"] * 30 + ["1", "0"]
    assert all(0 < one.staleness_ms <= 2000 for one in answer.answers)
