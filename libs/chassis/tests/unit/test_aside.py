"""Work beside the event loop: one piece at a time, owners in turn, whatever becomes of those who wait."""

from __future__ import annotations

import asyncio
import threading

import pytest

from chassis.aside import Aside


class Held:
    """Work that lasts until it is let go; it notes who was worked for."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.may_end = threading.Event()

    def wait(self, name: str) -> str:
        self.may_end.wait(10)
        return self.note(name)

    def note(self, name: str) -> str:
        self.done.append(name)
        return name


async def test_one_who_has_little_waits_for_one_piece_of_those_who_have_much() -> None:
    aside, held = Aside("test"), Held()
    many = [asyncio.create_task(aside.run("many", held.wait, f"many {number}")) for number in range(5)]
    await asyncio.sleep(0)
    one = asyncio.create_task(aside.run("one", held.note, "one"))
    await asyncio.sleep(0)

    held.may_end.set()
    await asyncio.gather(one, *many)

    assert held.done == ["many 0", "many 1", "one", "many 2", "many 3", "many 4"]


async def test_an_error_is_raised_to_its_owner_and_the_next_has_its_turn() -> None:
    aside, held = Aside("test"), Held()

    failing = asyncio.create_task(aside.run("a", int, "no number"))
    next_one = asyncio.create_task(aside.run("b", held.note, "b"))

    with pytest.raises(ValueError, match="no number"):
        await failing
    assert await next_one == "b"


async def test_those_who_go_while_they_wait_or_get_their_turn_take_it_from_nobody() -> None:
    aside, held = Aside("test"), Held()
    first = asyncio.create_task(aside.run("a", held.wait, "first"))
    await asyncio.sleep(0)
    waiting, turned, last = (asyncio.create_task(aside.run("b", held.note, name)) for name in ("x", "y", "last"))
    await asyncio.sleep(0)

    waiting.cancel()
    held.may_end.set()
    # Whoever has just been given the turn has not yet woken up when it goes.
    first.add_done_callback(lambda _first: turned.cancel())

    assert await asyncio.wait_for(last, 5) == "last"
    assert (await first, "x" in held.done) == ("first", False)
    assert await aside.run("c", held.note, "c") == "c"
