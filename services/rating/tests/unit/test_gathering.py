"""What is asked for while a question is under way is in the next one, whole, and an error reaches those it is of."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from rating.operations.gathering import TOGETHER_MAX, Gathering
from testkit.wait import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence


async def test_what_comes_meanwhile_is_asked_for_together() -> None:
    gathering: Gathering[int] = Gathering()
    asked: list[list[int]] = []
    go_on = asyncio.Event()

    async def ask(items: Sequence[int]) -> None:
        asked.append(list(items))
        await go_on.wait()
        if 13 in items:
            raise LookupError

    first = asyncio.create_task(gathering.ask("a", 0, ask))
    await eventually(lambda: len(asked) == 1)
    others = [asyncio.create_task(gathering.ask("a", number, ask)) for number in range(1, TOGETHER_MAX + 3)]
    stranger = asyncio.create_task(gathering.ask("b", 7, ask))
    await eventually(lambda: len(asked) == 2)
    assert asked == [[0], [7]], "no tenant waits for another, and none asks two at once"
    others[0].cancel()
    go_on.set()

    told = await asyncio.gather(first, stranger, *others, return_exceptions=True)

    whole = list(range(1, TOGETHER_MAX + 3))
    assert asked[2:] == [whole[:TOGETHER_MAX], whole[TOGETHER_MAX:]]
    assert [type(one) for one in told[2:]] == [
        asyncio.CancelledError,
        *[LookupError] * (TOGETHER_MAX - 1),
        *[type(None)] * 2,
    ]
    with pytest.raises(LookupError):
        await gathering.ask("a", 13, ask)
    await gathering.ask("a", 1, ask)
    assert asked[-1] == [1]
