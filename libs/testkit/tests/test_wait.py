from __future__ import annotations

import pytest

from testkit.wait import eventually, wait_until


async def test_it_returns_the_first_true_value() -> None:
    answers = iter([None, "", "here"])

    assert await eventually(lambda: next(answers)) == "here"


async def test_a_condition_may_be_async_and_may_assert() -> None:
    asked: list[int] = []

    async def third_time() -> bool:
        asked.append(1)
        assert len(asked) >= 3, "too early"
        return True

    assert await eventually(third_time)
    assert len(asked) == 3


async def test_it_gives_up_at_the_limit_and_says_what_it_waited_for() -> None:
    with pytest.raises(AssertionError, match=r"not true within 0\.02 s: the moon turns; last value: False"):
        await eventually(lambda: False, 0.02, what="the moon turns")


async def test_it_repeats_the_last_failure_of_an_asserting_condition() -> None:
    def never() -> bool:
        raise AssertionError("still dark")

    with pytest.raises(AssertionError, match="still dark"):
        await eventually(never, 0.02)


def test_without_a_loop_it_waits_alike() -> None:
    answers = iter([None, "", "here"])

    assert wait_until(lambda: next(answers)) == "here"
    with pytest.raises(AssertionError, match=r"not true within 0\.02 s: the moon turns; last value: False"):
        wait_until(lambda: False, 0.02, what="the moon turns")


def test_what_is_no_assertion_ends_the_wait_at_once() -> None:
    def broken() -> bool:
        raise OSError("the process is gone")

    with pytest.raises(OSError, match="gone"):
        wait_until(broken)
