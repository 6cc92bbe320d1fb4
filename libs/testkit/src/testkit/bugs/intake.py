"""Bugs of those who take events in: who has reported what is kept apart from what was reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
import numpy as np

from eventlog.as_of import AsOf

Real = Callable[..., Any]


def claims_first(real: Real) -> Real:
    """Keys are claimed in memory before anything is written, and a key that is claimed makes a duplicate."""
    claimed: set[str] = set()

    async def commit(committer: Any, group: Sequence[Any]) -> list[Any]:
        keys = [key for submission in group for key in submission.keys.hex_texts()]
        if claimed.issuperset(keys):
            return [_outcome(np.zeros(len(submission.events), dtype=np.bool_)) for submission in group]
        claimed.update(keys)
        found: list[Any] = await real(committer, group)
        return found

    return commit


def loses_keys(real: Real) -> Real:
    """Keys are kept in another store, whose write after the commit fails."""

    async def copy(driver: Any, keys: Any, lane: int, positions: Any) -> None:
        """Do nothing."""

    return copy


def takes_a_key_twice(real: Real) -> Real:
    """A key that is there already is no reason not to write its event again: later, somebody will tidy up."""

    async def copy(driver: Any, keys: Any, lane: int, positions: Any) -> None:
        try:
            async with driver.transaction():
                await real(driver, keys, lane, positions)
        except asyncpg.UniqueViolationError:
            return

    return copy


def shortens_ids(real: Real) -> Real:
    """Only the beginning of an id makes its key."""
    return lambda prefix, event_id: real(prefix, event_id[:6])


def refuses_what_it_has(real: Real) -> Real:
    """An event that is sent again is an error, though it is the same."""

    async def compare(judge: object, events: object, rows: Sequence[Any], *stored: object) -> dict[int, str]:
        return {int(row): "this id is taken" for row in rows}

    return compare


def breaks_for_all(real: Real) -> Real:
    """What one call breaks on is told to all that were taken in with it."""

    async def work_on(queue: Any, begun: Any) -> None:
        rules = queue._rules
        object.__setattr__(rules, "shared", (Exception,))
        await real(queue, begun)

    return work_on


def acknowledges_whatever_comes(real: Real) -> Real:
    """Whether the commit succeeded is not looked at."""

    async def commit(committer: Any, group: Sequence[Any]) -> list[Any]:
        try:
            found: list[Any] = await real(committer, group)
        except Exception:  # noqa: BLE001 - that is the bug
            return [_outcome(None) for _ in group]
        return found

    return commit


def _outcome(is_new: Any) -> Any:
    from ingest.domain.reports import Outcome  # noqa: PLC0415 - the kit is used without ingest as well

    return Outcome(is_new, {}, AsOf("", {}))
