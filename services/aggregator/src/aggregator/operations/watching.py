"""Answers that are sent again when they have become others: watched by the changes that the service itself tells of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from aggregator.domain.changes import ANY_METER
from aggregator.domain.freshness import Freshness
from aggregator.domain.query import UsageQuery
from aggregator.domain.ranking import ROWS_MAX, check_rows
from aggregator.domain.usage import UsageAnswer
from aggregator.operations.deps import Deps
from aggregator.operations.finding import family_of
from aggregator.operations.usage import query_usage
from chassis.postgres import transaction
from chassis.tasks import first_of, wait_or_stop
from eventlog.feed.cursor import Cursor

WATCHED_S: Final = 3600.0
"""Longest time that is watched at once: who asks again shows that the token still holds."""
_LANE: Final = 0
"""The one lane of the change feed."""


@dataclass(frozen=True, slots=True)
class WatchedAnswer:
    """An answer, or how far it is counted by now while it is the one before."""

    answer: UsageAnswer
    is_unchanged: bool = False


async def watch_usage(
    deps: Deps, tenant: str, query: UsageQuery, freshness: Freshness, answers_max: int
) -> AsyncGenerator[WatchedAnswer, None]:
    """Yield the answer to a question, and again whenever it has become another one, until the service stops.

    It ends after `answers_max` answers; 0 = no limit. Raises as `query_usage` does, and TooBig ANSWER_TOO_LARGE.
    """
    watching, end_at_s = deps.watching, deps.clock.monotonic_s() + WATCHED_S
    # The place first: what changes while the first answer is made is not missed.
    cursor = await watching.changes.end(_LANE)
    sent = await _answer(deps, tenant, query, freshness)
    yield WatchedAnswer(sent)
    answers = 1
    changed = asyncio.Event()
    following = asyncio.create_task(_follow(deps, tenant, query, cursor, changed))
    try:
        while answers != answers_max and not await first_of(watching.draining, changed, watching.keepalive_s):
            if following.done():
                # The feed has ended, or what went wrong in it goes to who watches.
                following.result()
                return
            was_told = changed.is_set()
            changed.clear()
            # Also without a change: a meter that was applied or filled anew gives another answer, too.
            answer = await _answer(deps, tenant, query, Freshness())
            if _differs(answer, sent):
                sent, answers = answer, answers + 1
                yield WatchedAnswer(sent)
            elif not was_told:
                yield WatchedAnswer(replace(answer, rows=[]), is_unchanged=True)
            if deps.clock.monotonic_s() > end_at_s:
                return
            if await wait_or_stop(watching.gather_s, watching.draining, deps.clock.sleep):
                return
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _answer(deps: Deps, tenant: str, query: UsageQuery, freshness: Freshness) -> UsageAnswer:
    answer = await query_usage(deps, tenant, replace(query, page_rows=ROWS_MAX), freshness)
    if answer.last is not None:
        check_rows(len(answer.rows) + 1, len(answer.rows))
    return answer


def _differs(answer: UsageAnswer, sent: UsageAnswer) -> bool:
    return (answer.rows, answer.filled, answer.unit, answer.other_series) != (
        sent.rows,
        sent.filled,
        sent.unit,
        sent.other_series,
    )


async def _follow(deps: Deps, tenant: str, query: UsageQuery, cursor: Cursor, changed: asyncio.Event) -> None:
    """Set `changed` for whatever concerns a question, until the feed ends."""
    try:
        async with transaction(deps.engine) as conn:
            family = await family_of(conn, tenant, query.meter)
        read = {version.name for version in family.versions}
        async with aclosing(deps.watching.changes.stream(cursor)) as segments:
            async for segment in segments:
                if segment.tenant == tenant and not changed.is_set():
                    _, touched = deps.changes.unpack(segment.payload)
                    if any(concerns(query, read, customer, meter) for customer, meter in touched):
                        changed.set()
    finally:
        changed.set()


def concerns(query: UsageQuery, read: AbstractSet[str], customer: str, meter: str) -> bool:
    """Whether a change of a customer and a meter may be one of the answer to a question that reads some meters."""
    return meter in {*read, ANY_METER} and (not query.customers or customer in query.customers)
