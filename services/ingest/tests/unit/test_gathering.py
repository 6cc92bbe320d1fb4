"""What became of a batch of several calls, told to each; and who waits for whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Overloaded, Reason
from eventlog.as_of import AsOf
from eventlog.columns import EventRows
from eventlog.rows import columns_of
from ingest.domain.admission import Refusal
from ingest.domain.reporters import Reporter
from ingest.domain.reports import Conflict, Reported, ReportResult, Verdicts
from ingest.intake.gatherer import TOGETHER_MAX, Call, Gatherer
from ingest.intake.submission import Callers, Origin
from metering.ingest.v1.usage_event_pb2 import UsageEvent
from testkit.clock import FakeClock
from testkit.wait import eventually

AS_OF = AsOf("epoch", {0: 7})
FATES = st.sampled_from(["new", "duplicate", "voided", "conflict", "refused"])


def verdicts(fates: Sequence[str]) -> Verdicts:
    return Verdicts(
        is_new=np.array([fate == "new" for fate in fates]),
        conflicts=[Conflict(n, f"e{n}", "s", "type") for n, fate in enumerate(fates) if fate == "conflict"],
        refusals=[Refusal(n, f"e{n}", "id", Reason.ID_INVALID, "m") for n, f in enumerate(fates) if f == "refused"],
        as_of=AS_OF,
        # What is voided and comes again with another body is a conflict.
        voided=np.array([fate in {"voided", "conflict"} for fate in fates]),
    )


@given(st.lists(st.lists(FATES, min_size=1, max_size=4), min_size=1, max_size=6))
def test_each_call_is_told_what_it_would_be_told_alone(calls: list[list[str]]) -> None:
    together = verdicts([fate for fates in calls for fate in fates]).of_calls([len(fates) for fates in calls])

    first = 0
    for fates, result in zip(calls, together, strict=True):
        again = fates.count("duplicate") + fates.count("voided")
        assert (result.accepted, result.duplicates) == (fates.count("new"), again)
        assert result.duplicates_voided == fates.count("voided")
        for items, fate in ((result.conflicts, "conflict"), (result.refusals, "refused")):
            assert [item.index for item in items] == [n for n, own in enumerate(fates) if own == fate]
            assert [item.id for item in items] == [f"e{first + n}" for n, own in enumerate(fates) if own == fate]
        first += len(fates)


def test_of_new_events_alone_each_call_has_all_its_own() -> None:
    results = Verdicts(None, (), (), AS_OF).of_calls([1, 3, 1])

    assert results == [ReportResult(count, 0, (), (), AS_OF) for count in (1, 3, 1)]


@dataclass
class Intake:
    """Takes calls in as told: it keeps each batch until it is let go, and breaks on events named so."""

    batches: list[list[str]] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    async def take_in(self, _tenant: str, reported: Reported, _callers: Callers) -> Verdicts:
        assert isinstance(reported.events, EventRows)
        names = list(columns_of(reported.events).ids)
        self.batches.append(names)
        await self.free.wait()
        if self.error is not None:
            raise self.error
        if "broken" in names:
            raise ArithmeticError
        # The reply of each call names its own event, as the message of a conflict.
        conflicts = [Conflict(place, name, "s", "type") for place, name in enumerate(names)]
        return Verdicts(np.zeros(len(names), dtype=np.bool_), conflicts, (), AS_OF)


@asynccontextmanager
async def gathering(intake: Intake, clock: FakeClock) -> AsyncIterator[Gatherer]:
    gatherer, stop = Gatherer(clock, intake.take_in), asyncio.Event()
    running = asyncio.ensure_future(gatherer.run(stop))
    try:
        yield gatherer
    finally:
        stop.set()
        await running


def call(name: str, tenant: str = "acme", backfill_id: str = "") -> Call:
    return Call(
        tenant, Reported(EventRows([UsageEvent(id=name)]), backfill_id, 10), Origin(None, Reporter("tester", ""))
    )


def named(result: ReportResult) -> str:
    (conflict,) = result.conflicts
    return conflict.id


async def test_a_lone_caller_never_waits_for_others() -> None:
    # This clock never moves: whoever sleeps on it sleeps for ever.
    intake = Intake()
    intake.free.set()
    async with gathering(intake, FakeClock()) as gatherer:
        for number in range(3):
            assert named(await gatherer.report(call(str(number)))) == str(number)

    assert intake.batches == [["0"], ["1"], ["2"]]


async def test_those_who_come_while_others_are_in_work_go_together_by_tenant_and_backfill() -> None:
    intake = Intake()
    async with gathering(intake, FakeClock()) as gatherer:
        first = asyncio.ensure_future(gatherer.report(call("first")))
        await eventually(lambda: bool(intake.batches), what="the first is in work")
        owners = [("acme", ""), ("globex", ""), ("acme", "b"), ("acme", "")]
        rest = [asyncio.ensure_future(gatherer.report(call(str(n), *owner))) for n, owner in enumerate(owners)]
        await asyncio.sleep(0)
        intake.free.set()
        results = await asyncio.gather(first, *rest)

    assert intake.batches == [["first"], ["0", "3"], ["1"], ["2"]]
    assert [named(result) for result in results] == ["first", "0", "1", "2", "3"]


async def test_a_full_batch_does_not_wait_for_the_one_in_work() -> None:
    intake = Intake()
    async with gathering(intake, FakeClock()) as gatherer:
        first = asyncio.ensure_future(gatherer.report(call("first")))
        await eventually(lambda: bool(intake.batches), what="the first is in work")
        rest = [asyncio.ensure_future(gatherer.report(call(str(number)))) for number in range(TOGETHER_MAX + 5)]
        await eventually(lambda: len(intake.batches) > 1, what="a full batch beside it")
        intake.free.set()
        await asyncio.gather(first, *rest)

    assert max(map(len, intake.batches)) == TOGETHER_MAX
    assert sum(map(len, intake.batches)) == TOGETHER_MAX + 6


async def test_one_that_breaks_takes_no_other_with_it() -> None:
    intake = Intake()
    async with gathering(intake, FakeClock()) as gatherer:
        first = asyncio.ensure_future(gatherer.report(call("first")))
        await eventually(lambda: bool(intake.batches), what="the first is in work")
        names = ["a", "broken", "b"]
        rest = [asyncio.ensure_future(gatherer.report(call(name))) for name in names]
        await asyncio.sleep(0)
        intake.free.set()
        await first
        outcomes = await asyncio.gather(*rest, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [ReportResult, ArithmeticError, ReportResult]


async def test_what_holds_for_all_is_told_to_all_without_trying_again() -> None:
    intake = Intake(error=Overloaded(Reason.OVERLOADED, "later"))
    async with gathering(intake, FakeClock()) as gatherer:
        calls = [asyncio.ensure_future(gatherer.report(call(str(number)))) for number in range(3)]
        await eventually(lambda: bool(intake.batches), what="calls in work")
        intake.free.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert {type(outcome) for outcome in outcomes} == {Overloaded}
    assert sum(map(len, intake.batches)) == 3


async def test_a_caller_who_has_gone_is_left_out() -> None:
    intake = Intake()
    async with gathering(intake, FakeClock()) as gatherer:
        first = asyncio.ensure_future(gatherer.report(call("first")))
        await eventually(lambda: bool(intake.batches), what="the first is in work")
        gone, other = (asyncio.ensure_future(gatherer.report(call(name))) for name in ("gone", "other"))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        intake.free.set()
        await asyncio.gather(first, other)

    assert intake.batches == [["first"], ["other"]]
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_after_a_crowd_a_few_moments_are_waited_for_more_to_come() -> None:
    clock, intake = FakeClock(), Intake()
    intake.free.set()
    async with gathering(intake, clock) as gatherer:
        await asyncio.gather(*(gatherer.report(call(f"crowd-{number}")) for number in range(50)))
        one = asyncio.ensure_future(gatherer.report(call("one")))
        await eventually(lambda: bool(clock.sleepers), what="a moment is waited")
        two = asyncio.ensure_future(gatherer.report(call("two")))
        await asyncio.sleep(0)
        while not two.done():
            clock.advance(0.01)
            await asyncio.sleep(0)
        await one

    assert intake.batches[-1] == ["one", "two"]
