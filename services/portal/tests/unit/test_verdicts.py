"""Whether what is shown is what is billed is told of one moment alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from chassis.errors import Conflict
from portal.domain.exploring import EqualLine
from portal.domain.verdicts import Billed
from portal.operations.moments import of_one_moment

LINE = EqualLine(quantity=Decimal(100), item="Flights", equals=False, href="/invoices/draft")


@pytest.mark.parametrize(
    ("total", "as_of", "verdict", "is_settled"),
    [
        (100, "0/5", True, True),
        (100, "0/6", True, True),  # equal numbers of two moments are equal all the same
        (101, "0/5", False, False),
        (101, "0/6", None, False),  # an event may have been counted in between
    ],
)
def test_a_draft_is_called_different_only_of_the_same_moment(
    total: int, as_of: str, verdict: bool | None, is_settled: bool
) -> None:
    billed = Billed(LINE, frozenset({"0/5"}))
    told = billed.verdict(Decimal(total), as_of)

    assert (told.equals if told else None) is verdict
    assert billed.is_settled(Decimal(total), as_of) is is_settled


def test_a_final_invoice_stands_whatever_is_counted_since() -> None:
    told = Billed(LINE, frozenset()).verdict(Decimal(101), "0/9")

    assert told is not None
    assert told.equals is False
    assert Billed(LINE, frozenset()).is_settled(Decimal(101), "0/9")


class Counter:
    """Answers 1, 2, 3 and so on."""

    def __init__(self) -> None:
        self.asked = 0

    async def ask(self) -> int:
        self.asked += 1
        return self.asked


async def test_it_is_asked_again_until_the_answers_agree() -> None:
    counter = Counter()

    assert await of_one_moment(counter.ask, agrees=lambda answer: answer == 3) == 3
    assert counter.asked == 3


async def test_where_none_agrees_the_last_that_holds_is_good_enough() -> None:
    answer = await of_one_moment(Counter().ask, agrees=lambda _: False, holds=lambda answer: answer in {1, 2})

    assert answer == 2


async def test_where_none_holds_it_is_refused_after_five_times() -> None:
    counter = Counter()

    with pytest.raises(Conflict):
        await of_one_moment(counter.ask, agrees=lambda _: True, holds=lambda _: False)
    assert counter.asked == 5
