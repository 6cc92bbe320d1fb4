"""Who waits for whom in the queue of ingest: everybody gets a turn, and little does not wait for much."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Overloaded, Reason
from ingest.intake.queue import Bound, Round, Rules, WorkQueue

Item = tuple[str, int]
RULES: Rules[Item] = Rules(
    enough=100,
    shared=(),
    round_max=Bound(400),
    waiting_max=Bound(2000),
    owner=lambda item: item[0],
    rounds_max=2,
    long_from=100,
)


async def work(items: Sequence[Item]) -> Sequence[Item]:
    return items


def queue(rules: Rules[Item] = RULES) -> WorkQueue[Item, Item]:
    return WorkQueue(work, rules)


def put(waiting: WorkQueue[Item, Item], owner: str, *sizes: int) -> None:
    for size in sizes:
        waiting.put((owner, size), size)


def items(begun: Round[Item, Item]) -> list[Item]:
    return [waiter.item for waiter in begun.taken]


async def test_one_tenant_alone_has_it_all_in_order() -> None:
    waiting = queue()
    put(waiting, "bulk", 100, 50, 200, 100)

    assert items(waiting.take()) == [("bulk", 100), ("bulk", 50), ("bulk", 200)]


async def test_who_has_little_goes_before_who_has_much() -> None:
    waiting = queue()
    put(waiting, "bulk", 100, 100)
    put(waiting, "small", 1, 1)

    assert items(waiting.take()) == [("small", 1), ("small", 1)]
    # The other does not wait for that round, and is next even if little keeps coming.
    put(waiting, "small", 1)
    assert items(waiting.take()) == [("bulk", 100), ("bulk", 100)]


async def test_who_comes_during_the_long_round_of_another_goes_beside_it() -> None:
    waiting, stop = queue(), asyncio.Event()
    put(waiting, "bulk", *[100] * 10)
    long_ones = [waiting.take(), waiting.take()]
    put(waiting, "bulk", 1)
    put(waiting, "small", 1)

    assert await asyncio.wait_for(waiting.due(stop), 1)
    beside = waiting.take()
    put(waiting, "other", 1)
    no_more = asyncio.ensure_future(waiting.due(stop))
    await asyncio.sleep(0)

    assert [len(one.taken) for one in long_ones] == [4, 4]
    assert items(beside) == [("small", 1)]
    assert not no_more.done()
    await waiting.work_on(beside)
    assert await asyncio.wait_for(no_more, 1)
    assert items(waiting.take()) == [("other", 1)]


async def test_rounds_are_smaller_and_fewer_while_several_send() -> None:
    shared = replace(RULES, round_max_shared=Bound(100))
    waiting = queue(shared)
    put(waiting, "bulk", 100, 100, 100)
    put(waiting, "small", 1)
    assert items(waiting.take()) == [("small", 1)]

    long_one = waiting.take()

    assert items(long_one) == [("bulk", 100)]
    assert not waiting._is_due()
    await waiting.work_on(long_one)
    assert waiting._is_due()


async def test_a_short_round_is_waited_for_so_that_many_share_the_next() -> None:
    waiting, stop = queue(), asyncio.Event()
    put(waiting, "first", 1)
    short = waiting.take()
    put(waiting, "second", 1)
    put(waiting, "third", 1)
    due = asyncio.ensure_future(waiting.due(stop))
    await asyncio.sleep(0)

    assert not due.done()
    await waiting.work_on(short)
    assert await asyncio.wait_for(due, 1)
    assert items(waiting.take()) == [("second", 1), ("third", 1)]


async def test_nobody_may_fill_the_whole_queue() -> None:
    waiting = queue()
    put(waiting, "bulk", *[100] * 10)

    with pytest.raises(Overloaded, match="of yours") as refused:
        put(waiting, "bulk", 1)

    assert refused.value.reason is Reason.OVERLOADED
    assert refused.value.retry_after_s
    put(waiting, "other", 1000)
    with pytest.raises(Overloaded, match="2000 events wait"):
        put(waiting, "third", 1)


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(100, 250)), min_size=1, max_size=40))
def test_tenants_with_much_share_evenly_whatever_they_send(sent: list[Item]) -> None:
    async def run() -> None:
        waiting = queue(Rules(enough=100, shared=(), round_max=Bound(1000), owner=lambda item: item[0]))
        put_by_owner: dict[str, list[Item]] = {}
        for owner, size in sent:
            put(waiting, owner, size)
            put_by_owner.setdefault(owner, []).append((owner, size))
        rounds = []
        while len(waiting):
            began = {one.item[0] for line in waiting._lines.values() for one in line.waiters}
            begun = waiting.take()
            rounds.append(items(begun))
            shares = {owner: sum(size for name, size in items(begun) if name == owner) for owner in began}
            left = {one.item[0] for line in waiting._lines.values() for one in line.waiters}
            # Of those who still have something waiting, none is more than one item behind another.
            for owner in left:
                assert max(shares.values()) - shares[owner] <= 250
            await waiting.work_on(begun)
        for owner, own in put_by_owner.items():
            assert [item for one in rounds for item in one if item[0] == owner] == own

    asyncio.run(run())
