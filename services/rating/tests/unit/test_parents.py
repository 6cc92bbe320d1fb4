"""Customers that belong to others: no circle, and no long line."""

from __future__ import annotations

import pytest

from chassis.errors.refused import Refused
from rating.domain.parents import DEPTH_MAX, check_parents


def test_eight_may_stand_above_one_another_and_nine_may_not() -> None:
    above = [str(number) for number in range(DEPTH_MAX - 3)]

    check_parents("c", above, 2)
    for line, below in ((above, 3), ([*above, "one", "more"], 1)):
        with pytest.raises(Refused, match="line of 9 customers") as refused:
            check_parents("c", line, below)
        assert refused.value.field == "parent"


def test_a_customer_is_not_above_itself() -> None:
    with pytest.raises(Refused, match="would belong to itself: a -> b -> c -> a; take another parent"):
        check_parents("a", ["b", "c", "a"], 0)
