"""Bugs of those who count: events that are nowhere, a batch that falls with one of them, time that is taken wrongly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import numpy as np

Real = Callable[..., Any]

_RETENTION: Final = timedelta(days=30)
_INVALID: Final = 2
_ALWAYS_US: Final = -(2**62)


def forgets_by_the_time_of_events(real: Real) -> Real:
    """What happened more than a month before it was accepted is kept no longer."""

    def reads(selection: object, segment: Any, meters: object) -> bool:
        return bool(real(selection, segment, meters)) and segment.max_time > segment.accepted_at - _RETENTION

    return reads


def falls_with_one(real: Real) -> Real:
    """One value that can't be read makes its whole batch unreadable."""

    def read(*arguments: object) -> Any:
        column = real(*arguments)
        if not (column.states == _INVALID).any():
            return column
        return replace(column, states=np.full_like(column.states, _INVALID))

    return read


def blames_the_batch(real: Real) -> Real:
    """What is told of an event is what is wrong with its batch."""
    return lambda text: f"a value of the batch is wrong, maybe {text!r}"


def takes_nan_for_a_number(real: Real) -> Real:
    """NaN is read as a number that adds nothing."""
    return lambda text: (0, 0) if text == "NaN" else real(text)


def notes_nothing(real: Real) -> Real:
    """What does not count is written nowhere."""

    async def note(*arguments: object) -> None:
        """Do nothing."""

    return note


def counts_what_came_before(real: Real) -> Real:
    """A meter counts all events, whenever it comes into effect."""
    return lambda _: _ALWAYS_US


def knows_no_grace(real: Real) -> Real:
    """How long late usage is waited for is configured elsewhere."""

    def order(message: Any) -> Any:
        found = real(message)
        return replace(found, not_before=found.period.end)

    return order


def remembers_too_long(real: Real) -> Real:
    """An answer is given from memory although pages were added since."""

    def answer(remembered: Any, key: Any, pages: Any, plan: Any, count: Any) -> Any:
        held = remembered._held.get(key)
        if held is not None and plan in held.answers:
            return held.answers[plan]
        return real(remembered, key, pages, plan, count)

    return answer
