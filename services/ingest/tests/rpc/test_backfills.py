"""Backfills: the past can be reported while one is open, and not a moment longer."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import MeterlineError, Reason
from chassis.errors.status import from_rpc_error
from metering.common.v1 import values_pb2
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb

EventMaker = Callable[..., event_pb.UsageEvent]
YEAR_2013 = values_pb2.Period(start=Timestamp(seconds=1_356_998_400), end=Timestamp(seconds=1_388_534_400))
IN_2013 = 1_370_000_000 * 1_000_000


async def refused(call: Any) -> MeterlineError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def test_old_events_need_an_open_backfill_that_covers_them(ingest: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    inside, outside = new_event(time_us=IN_2013), new_event(time_us=IN_2013 - 10**15)
    backfill = (await caller.OpenBackfill(pb.OpenBackfillRequest(description="history", period=YEAR_2013))).backfill

    without = await caller.Report(pb.ReportRequest(events=[inside]))
    within = await caller.Report(pb.ReportRequest(events=[inside, outside], backfill_id=backfill.id))

    assert [item.reason for item in without.refusals] == ["TIME_TOO_OLD"]
    assert within.accepted == 1
    assert [(item.index, item.reason) for item in within.refusals] == [(1, "BACKFILL_NOT_OPEN")]


async def test_a_closed_backfill_takes_nothing_and_keeps_its_count(ingest: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    opened = (await caller.OpenBackfill(pb.OpenBackfillRequest(period=YEAR_2013))).backfill
    await caller.Report(pb.ReportRequest(events=[new_event(time_us=IN_2013) for _ in range(3)], backfill_id=opened.id))

    closed = (await caller.CloseBackfill(pb.CloseBackfillRequest(backfill_id=opened.id))).backfill
    again = (await caller.CloseBackfill(pb.CloseBackfillRequest(backfill_id=opened.id))).backfill
    error = await refused(caller.Report(pb.ReportRequest(events=[new_event(time_us=IN_2013)], backfill_id=opened.id)))

    assert (opened.accepted, closed.accepted) == (0, 3)
    assert closed.HasField("closed_at")
    assert again == closed
    assert error.reason is Reason.BACKFILL_NOT_OPEN


async def test_a_backfill_belongs_to_its_tenant(ingest: Any, new_event: EventMaker) -> None:
    backfill = (await ingest.caller().OpenBackfill(pb.OpenBackfillRequest())).backfill
    other = ingest.caller("globex")

    for backfill_id in (backfill.id, str(uuid.uuid4()), "no such thing"):
        report = pb.ReportRequest(events=[new_event()], backfill_id=backfill_id)
        assert (await refused(other.Report(report))).reason is Reason.BACKFILL_NOT_OPEN
        close = pb.CloseBackfillRequest(backfill_id=backfill_id)
        assert (await refused(other.CloseBackfill(close))).reason is Reason.BACKFILL_NOT_FOUND
    assert not (await other.ListBackfills(pb.ListBackfillsRequest())).backfills


async def test_opening_with_the_same_request_id_gives_the_same_backfill(ingest: Any) -> None:
    caller = ingest.caller()
    request = pb.OpenBackfillRequest(request_id="r-1", description="history")

    first, second = await asyncio.gather(caller.OpenBackfill(request), caller.OpenBackfill(request))
    error = await refused(caller.OpenBackfill(pb.OpenBackfillRequest(request_id="r-1", description="other")))

    assert first == second
    assert error.reason is Reason.REQUEST_ID_REUSED
    assert len((await caller.ListBackfills(pb.ListBackfillsRequest())).backfills) == 1


async def test_backfills_are_listed_newest_first_page_by_page(ingest: Any) -> None:
    caller = ingest.caller()
    opened = [(await caller.OpenBackfill(pb.OpenBackfillRequest(description=str(n)))).backfill.id for n in range(7)]

    pages: list[list[str]] = []
    token = ""
    while token or not pages:
        response = await caller.ListBackfills(pb.ListBackfillsRequest(page_size=3, page_token=token))
        pages.append([backfill.id for backfill in response.backfills])
        token = response.next_page_token

    assert [backfill_id for page in pages for backfill_id in page] == opened[::-1]
    assert [len(page) for page in pages] == [3, 3, 1]


async def test_no_batch_slips_in_after_close_has_answered(ingest: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    backfill_id = (await caller.OpenBackfill(pb.OpenBackfillRequest())).backfill.id
    accepted: list[int] = []
    refusals: list[MeterlineError] = []

    async def client() -> None:
        while True:
            events = [new_event(time_us=IN_2013) for _ in range(20)]
            try:
                response = await caller.Report(pb.ReportRequest(events=events, backfill_id=backfill_id))
            except grpc.aio.AioRpcError as error:
                refusals.append(from_rpc_error(error))
                return
            accepted.append(response.accepted)

    clients = [asyncio.ensure_future(client()) for _ in range(6)]
    await caller.Report(pb.ReportRequest(events=[new_event(time_us=IN_2013)], backfill_id=backfill_id))
    closed = (await caller.CloseBackfill(pb.CloseBackfillRequest(backfill_id=backfill_id))).backfill
    await asyncio.gather(*clients)

    assert {refusal.reason for refusal in refusals} == {Reason.BACKFILL_NOT_OPEN}
    assert closed.accepted == sum(accepted) + 1


async def test_nothing_is_accepted_before_the_earliest_time(
    start_ingest: Callable[..., Any], new_event: EventMaker
) -> None:
    caller = (await start_ingest(earliest_time="2013-01-01T00:00:00Z")).caller()
    seconds_as_milliseconds = new_event(time_us=1_370_000_000 * 1000)
    before = values_pb2.Period(start=Timestamp(seconds=1_356_998_399), end=YEAR_2013.end)

    backfill = (await caller.OpenBackfill(pb.OpenBackfillRequest())).backfill
    events = [seconds_as_milliseconds, new_event(time_us=IN_2013)]
    response = await caller.Report(pb.ReportRequest(events=events, backfill_id=backfill.id))
    error = await refused(caller.OpenBackfill(pb.OpenBackfillRequest(period=before)))

    assert response.accepted == 1
    assert [(item.index, item.reason) for item in response.refusals] == [(0, "TIME_TOO_OLD")]
    assert "lies before 2013-01-01T00:00:00Z" in response.refusals[0].message
    assert [(one.field, one.reason) for one in error.violations] == [("period.start", Reason.TIME_TOO_OLD)]
    assert (await caller.OpenBackfill(pb.OpenBackfillRequest(period=YEAR_2013))).backfill.period == YEAR_2013


async def test_judging_a_batch_says_what_would_be_refused_and_keeps_nothing(ingest: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    old, bad, good = new_event(time_us=IN_2013), new_event(customer=""), new_event()
    batch: dict[str, Any] = {"events": [old, bad, good], "validate_only": True}

    plain = await caller.Report(pb.ReportRequest(**batch))
    past = await caller.Report(pb.ReportRequest(**batch, whole_past=True))
    backfills = await caller.ListBackfills(pb.ListBackfillsRequest())
    taken = await caller.Report(pb.ReportRequest(events=[good]))

    assert (plain.accepted, [item.reason for item in plain.refusals]) == (1, ["TIME_TOO_OLD", "TEXT_INVALID"])
    assert (past.accepted, [(item.index, item.field) for item in past.refusals]) == (2, [(1, "customer")])
    assert not plain.HasField("as_of")
    assert list(backfills.backfills) == []
    assert (taken.accepted, taken.duplicates) == (1, 0)


async def reverted(caller: Any, backfill_id: str, **fields: Any) -> list[pb.RevertBackfillResponse]:
    """All answers, page after page."""
    answers: list[pb.RevertBackfillResponse] = []
    while not answers or answers[-1].next_page_token:
        token = answers[-1].next_page_token if answers else ""
        request = pb.RevertBackfillRequest(backfill_id=backfill_id, reason="in cents", page_token=token, **fields)
        answers.append(await caller.RevertBackfill(request))
    return answers


def in_all(answers: list[pb.RevertBackfillResponse]) -> tuple[int, int]:
    return sum(answer.voided for answer in answers), sum(answer.already_voided for answer in answers)


async def test_a_backfill_is_reverted_whole_and_nothing_else(ingest: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    backfill = (await caller.OpenBackfill(pb.OpenBackfillRequest(period=YEAR_2013))).backfill
    batches = [[new_event(time_us=IN_2013) for _ in range(size)] for size in (3000, 2500, 4, 1)]
    (last,) = batches[-1]
    for events in batches:
        await caller.Report(pb.ReportRequest(events=events, backfill_id=backfill.id))
    await caller.Report(pb.ReportRequest(events=[new_event(id="other"), last]))
    await caller.VoidEvents(
        pb.VoidEventsRequest(events=[event_pb.EventIdentity(source="gateway", id=last.id)], reason="alone")
    )

    judged = await reverted(caller, backfill.id, validate_only=True)
    open_still = await caller.Report(
        pb.ReportRequest(events=[new_event(id="replaced", time_us=IN_2013)], backfill_id=backfill.id)
    )
    better = new_event(id="replaced", time_us=IN_2013, properties={"segments": "9"})
    await caller.ReplaceEvent(pb.ReplaceEventRequest(event=better, reason="better"))
    answers = await reverted(caller, backfill.id)
    again = await reverted(caller, backfill.id)

    assert in_all(judged) == (5504, 1)
    assert open_still.accepted == 1
    assert in_all(answers) == (5505, 1)
    assert len(answers) > 1
    assert [answer.backfill.HasField("reverted_at") for answer in answers] == [*[False] * (len(answers) - 1), True]
    assert answers[0].backfill.HasField("closed_at")
    assert in_all(again) == (0, 5506)
    assert again[-1].backfill == answers[-1].backfill
    holding = [
        event.event.id
        async for page in caller.ListEvents(pb.ListEventsRequest())
        for event in page.events
        if not event.taken_back_at
    ]
    assert holding == ["other"]
    other = await refused(
        ingest.caller("globex").RevertBackfill(pb.RevertBackfillRequest(backfill_id=backfill.id, reason="no"))
    )
    assert other.reason is Reason.BACKFILL_NOT_FOUND
