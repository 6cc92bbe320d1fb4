"""Answers of several services that must be of one moment to be shown together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from chassis.errors import Conflict, Reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

AnswerType = TypeVar("AnswerType")
_ATTEMPTS_MAX: Final = 5


async def of_one_moment(
    ask: Callable[[], Awaitable[AnswerType]],
    *,
    agrees: Callable[[AnswerType], bool],
    holds: Callable[[AnswerType], bool] = lambda _: True,
) -> AnswerType:
    """Ask again while events are counted between the answers: until all of them agree, at most five times.

    An answer that holds is good enough where none agrees. Raises Conflict where none holds.
    """
    found: list[AnswerType] = []
    for _attempt in range(_ATTEMPTS_MAX):
        answer = await ask()
        if not holds(answer):
            continue
        if agrees(answer):
            return answer
        found.append(answer)
    if not found:
        raise Conflict(Reason.TRANSACTION_CONFLICT, "usage changes faster than it can be added up; ask again")
    return found[-1]
