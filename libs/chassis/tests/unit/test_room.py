"""Room for requests: bounded for all and for each, waited for in turn, and free again whatever becomes of a call."""

from __future__ import annotations

import asyncio

import pytest

from chassis.errors import Overloaded
from chassis.rpc.room import Room, RoomLimits

LIMITS = RoomLimits(bytes_max=30, tenant_bytes_max=20, request_bytes_max=10)


async def test_one_tenant_takes_no_more_than_its_share_and_another_finds_room() -> None:
    room = Room(LIMITS)
    assert [await room.take("a", 1), await room.take("a", 1)] == [10, 10]

    third = asyncio.create_task(room.take("a", 10))
    await asyncio.sleep(0)

    assert await room.take("b", 1) == 10
    assert not third.done()
    room.give_back("b", 10)
    room.give_back("a", 3)
    await asyncio.sleep(0)
    assert not third.done()
    room.give_back("a", 7)
    assert await third == 10


async def test_whoever_finds_no_room_in_time_is_refused_and_takes_none() -> None:
    room = Room(LIMITS)
    for _ in range(2):
        await room.take("a", 1)

    with pytest.raises(Overloaded):
        await room.take("a", 0.01)

    room.give_back("a", 10)
    assert await room.take("a", 1) == 10


async def test_one_who_goes_while_it_waits_or_as_it_gets_room_leaves_it_to_the_next() -> None:
    room = Room(LIMITS)
    for _ in range(2):
        await room.take("a", 1)
    waiting, served, last = (asyncio.create_task(room.take("a", 10)) for _ in range(3))
    await asyncio.sleep(0)

    waiting.cancel()
    room.give_back("a", 10)
    served.cancel()

    assert await asyncio.wait_for(last, 5) == 10
    assert served.cancelled()


async def test_a_message_larger_than_a_tenants_room_still_fits() -> None:
    room = Room(RoomLimits(bytes_max=30, tenant_bytes_max=5, request_bytes_max=10))

    assert await room.take("a", 1) == 5
