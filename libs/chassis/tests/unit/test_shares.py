"""A place for a connection is never lost, however waiting for it ends."""

from __future__ import annotations

import asyncio

import pytest

from chassis.errors import Overloaded
from chassis.identity import Identity, Scope, set_identity
from chassis.shares import PoolShares
from testkit.wait import eventually

CALLER = Identity(tenant="acme", subject="user", scopes=frozenset({Scope.READ}))


async def hold(shares: PoolShares, until: asyncio.Event) -> None:
    set_identity(CALLER)
    async with shares.share():
        await until.wait()


async def test_a_waiter_whose_time_is_over_takes_no_place_with_it() -> None:
    shares, done = PoolShares(calls_max=1, tenant_max=1, wait_s=60), asyncio.Event()
    holder = asyncio.create_task(hold(shares, done))
    waiter = asyncio.create_task(hold(shares, done))
    await eventually(lambda: shares.waiting == 1)

    # In one round of the loop, the holder ends first and finds a waiter that has given up but does not know it yet.
    done.set()
    waiter.cancel()
    await holder
    with pytest.raises(asyncio.CancelledError):
        await waiter

    await asyncio.wait_for(hold(shares, done), timeout=5)


async def test_a_caller_that_waits_too_long_is_told_to_come_again() -> None:
    shares, done = PoolShares(calls_max=1, tenant_max=1, wait_s=0.01), asyncio.Event()
    holder = asyncio.create_task(hold(shares, done))

    # Tasks begin in the order in which they are made: the holder has its place.
    with pytest.raises(Overloaded):
        await asyncio.create_task(hold(shares, done))
    done.set()
    await holder
