from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from testkit.clock import FakeClock
from testkit.wait import eventually


async def test_a_sleeper_wakes_when_the_clock_has_been_advanced_far_enough() -> None:
    clock = FakeClock()
    sleeper = asyncio.create_task(clock.sleep(10))
    await eventually(lambda: clock.sleepers == 1)

    clock.advance(9.5)
    await asyncio.sleep(0)
    assert not sleeper.done()

    clock.advance(0.5)
    await asyncio.wait_for(sleeper, 1)


async def test_a_cancelled_sleeper_does_not_stand_in_the_way_of_others() -> None:
    clock = FakeClock()
    cancelled, other = asyncio.create_task(clock.sleep(1)), asyncio.create_task(clock.sleep(2))
    await eventually(lambda: clock.sleepers == 2)

    cancelled.cancel()
    await eventually(lambda: clock.sleepers == 1)
    clock.advance(5)

    await asyncio.wait_for(other, 1)


def test_wall_and_monotonic_time_move_together() -> None:
    clock = FakeClock(datetime(2026, 3, 1, tzinfo=UTC))

    clock.move_to(datetime(2026, 3, 2, tzinfo=UTC))

    assert clock.monotonic_s() == 86_400
    assert clock.now() - datetime(2026, 3, 1, tzinfo=UTC) == timedelta(days=1)


def test_it_never_runs_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        FakeClock().advance(-1)
