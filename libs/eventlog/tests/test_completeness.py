"""Until when an answer is complete: never later than the truth, for any order of what happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Diverged, Reason, Unavailable
from eventlog.as_of import AsOf
from eventlog.feed.completeness import KEPT_MAX, Completeness, keep_looking
from eventlog.feed.cursor import FeedHeads
from eventlog.wire import as_of_from_answer, as_of_from_proto, as_of_to_proto
from testkit.feed import BriskClock
from testkit.wait import eventually

START = datetime(2026, 3, 1, tzinfo=UTC)
LANES = 2


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def heads(second: float | None, *ends: int, epoch: str = "one") -> FeedHeads:
    return FeedHeads(epoch, dict(enumerate(ends)), complete_until=None if second is None else at(second))


def place(*ends: int, epoch: str = "one") -> AsOf:
    return AsOf(epoch, dict(enumerate(ends)))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("accept"), st.integers(0, LANES - 1)),
        st.tuples(st.just("look"), st.integers(0, 3)),
        st.tuples(st.just("fold"), st.integers(0, LANES - 1)),
        st.tuples(st.just("answer"), st.just(0)),
    ),
    max_size=300,
)


@given(STEPS)
def test_what_was_accepted_by_then_is_in_every_answer(steps: list[tuple[str, int]]) -> None:
    """Events are accepted one by one, looks are answered late and out of turn, and the fold goes on as it likes."""
    completeness, accepted, ends = Completeness(), list[tuple[int, int, int]](), [0] * LANES
    asked, folded = list[FeedHeads](), [0] * LANES
    for second, (step, number) in enumerate(steps):
        if step == "accept":
            ends[number] += 1
            accepted.append((second, number, ends[number]))
        elif step == "look":
            asked.append(heads(second + 0.5, *ends))
            completeness.note(asked.pop(-1 - number % len(asked)))
        elif step == "fold":
            folded[number] += min(3, ends[number] - folded[number])
        told = completeness.of(place(*folded))
        if told.complete_until is not None:
            missing = [one for one in accepted if one[2] > folded[one[1]] and at(one[0]) <= told.complete_until]
            assert not missing


def test_who_is_there_is_told_the_newest_time_and_who_is_behind_an_older_one() -> None:
    completeness = Completeness()
    for second, ends in [(1, (0, 0)), (2, (5, 1)), (3, (9, 1)), (4, (9, 1)), (5, (9, 4))]:
        completeness.note(heads(second, *ends))

    found = [completeness.until(place(*ends)) for ends in [(9, 9), (9, 4), (9, 3), (8, 9), (5, 1), (5, 0)]]

    assert found == [at(5), at(5), at(4), at(2), at(2), at(1)]
    assert len(completeness) == 4, "a log in which nothing happens needs no more room"


def test_before_anything_is_known_nothing_is_complete() -> None:
    completeness = Completeness()
    assert completeness.until(place(7, 7)) is None
    completeness.note(heads(1, 8, 8))
    assert completeness.until(place(7, 7)) is None


def test_what_the_owner_does_not_know_any_more_nobody_knows() -> None:
    completeness = Completeness()
    completeness.note(heads(1, 3, 3))
    completeness.note(heads(None, 3, 3))
    assert completeness.until(place(3, 3)) is None


def test_a_log_with_another_epoch_begins_anew() -> None:
    completeness = Completeness()
    completeness.note(heads(1, 3, 3))
    completeness.note(heads(2, 3, 2, epoch="two"))

    assert completeness.until(place(3, 3)) is None
    assert completeness.until(place(3, 2, epoch="two")) == at(2)


def test_a_log_that_has_lost_its_end_under_the_same_name_begins_anew() -> None:
    completeness = Completeness()
    completeness.note(heads(1, 3, 3))
    completeness.note(heads(2, 3, 1))
    assert [completeness.until(place(3, 1)), completeness.until(place(3, 0))] == [at(2), None]


def test_times_of_a_clock_that_was_ahead_are_given_up_when_entries_come() -> None:
    completeness = Completeness()
    completeness.note(heads(1, 1, 0))
    completeness.note(heads(60, 2, 0))
    completeness.note(heads(3, 3, 0))
    assert [completeness.until(place(2, 0)), completeness.until(place(3, 0))] == [at(1), at(3)]


def test_an_answer_that_comes_late_takes_nothing_away() -> None:
    completeness = Completeness()
    completeness.note(heads(5, 5, 5))
    completeness.note(heads(4, 4, 5))
    assert completeness.until(place(5, 5)) == at(5)


def test_the_past_is_thinned_out_and_its_beginning_kept() -> None:
    completeness, looks = Completeness(), 20_000
    for second in range(1, looks + 1):
        completeness.note(heads(second, second, 0))
        assert len(completeness) <= KEPT_MAX

    assert completeness.until(place(1, 0)) == at(1)
    for behind in [*range(200), 500, 1000, 5000, 10_000, 19_000]:
        until = completeness.until(place(looks - behind, 0))
        assert until is not None
        # At worst it was thinned out when less was kept of it than now.
        assert at(looks - behind) - until <= timedelta(seconds=0 if behind < 64 else behind / 7)


def test_the_time_is_no_part_of_the_place() -> None:
    completeness = Completeness()
    completeness.note(heads(1, 3, 3))
    told = completeness.of(place(3, 3))

    assert told == place(3, 3)
    assert told.document() == place(3, 3).document()
    assert as_of_from_answer(as_of_to_proto(told)).complete_until == at(1)
    assert as_of_from_proto(as_of_to_proto(told)).complete_until is None, "no caller tells what is complete"


async def looked(look: Callable[[], Awaitable[FeedHeads]], done: Callable[[Completeness], bool]) -> Completeness:
    """Look on until something is known; return what is."""
    completeness, stop = Completeness(), asyncio.Event()
    looking = asyncio.create_task(keep_looking(completeness, look, BriskClock(), stop))

    async def is_done() -> bool:
        return done(completeness)

    await eventually(is_done)
    stop.set()
    await asyncio.wait_for(looking, 5)
    return completeness


async def test_a_log_that_is_away_is_asked_again_and_what_is_known_stands_still_until_then() -> None:
    asked = 0

    async def look() -> FeedHeads:
        nonlocal asked
        asked += 1
        if asked in {2, 3}:
            raise Unavailable(Reason.UPSTREAM_UNAVAILABLE, "it is away; wait for it")
        return heads(asked, asked)

    completeness = await looked(look, lambda known: known.until(place(100)) not in {None, at(1)})

    assert completeness.until(place(100)) == at(4)


async def test_a_question_that_is_never_answered_does_not_hold_up_the_end() -> None:
    asked = asyncio.Event()

    async def look() -> FeedHeads:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    await looked(look, lambda _: asked.is_set())


async def test_what_does_not_pass_by_itself_ends_the_loop() -> None:
    async def look() -> FeedHeads:
        raise Diverged(Reason.FEED_DIVERGED, "another log")

    with pytest.raises(Diverged):
        await keep_looking(Completeness(), look, BriskClock(), asyncio.Event())
