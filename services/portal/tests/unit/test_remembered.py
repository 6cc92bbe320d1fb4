from __future__ import annotations

import asyncio

import pytest

from portal.operations.remembered import RememberedAnswers
from testkit.clock import FakeClock

UA = ("acme", "UA", "periods")
DL = ("acme", "DL", "periods")


class Neighbor:
    """Answers with a number that grows; the first answer waits until it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.goes_on = asyncio.Event()
        self.fails = False

    async def ask(self) -> int:
        self.asked += 1
        number = self.asked
        await self.goes_on.wait()
        if self.fails:
            raise ConnectionError("away")
        return number


async def test_an_answer_is_kept_for_a_while_and_for_its_own_customer_alone() -> None:
    clock, neighbor = FakeClock(), Neighbor()
    answers = RememberedAnswers(clock, kept_s=3)
    neighbor.goes_on.set()

    assert [await answers.of(UA, neighbor.ask), await answers.of(UA, neighbor.ask)] == [1, 1]
    assert await answers.of(DL, neighbor.ask) == 2
    clock.advance(2.9)
    assert await answers.of(UA, neighbor.ask) == 1
    clock.advance(0.1)
    assert await answers.of(UA, neighbor.ask) == 3


async def test_who_asks_meanwhile_waits_for_the_same_answer_even_if_the_first_goes_away() -> None:
    neighbor = Neighbor()
    answers = RememberedAnswers(FakeClock(), kept_s=3)
    first = asyncio.create_task(answers.of(UA, neighbor.ask))
    second = asyncio.create_task(answers.of(UA, neighbor.ask))
    await asyncio.sleep(0)

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    neighbor.goes_on.set()

    assert await second == 1


async def test_a_failure_is_told_to_all_who_wait_and_not_kept() -> None:
    neighbor = Neighbor()
    neighbor.fails = True
    neighbor.goes_on.set()
    answers = RememberedAnswers(FakeClock(), kept_s=3)

    told = await asyncio.gather(*(answers.of(UA, neighbor.ask) for _ in range(2)), return_exceptions=True)
    assert [type(each) for each in told] == [ConnectionError, ConnectionError]
    neighbor.fails = False

    assert await answers.of(UA, neighbor.ask) == 2


async def test_nothing_is_kept_for_no_time_at_all() -> None:
    neighbor = Neighbor()
    neighbor.goes_on.set()
    answers = RememberedAnswers(FakeClock(), kept_s=0)

    assert [await answers.of(UA, neighbor.ask), await answers.of(UA, neighbor.ask)] == [1, 2]
