"""What was looked up a moment ago: a page asks many questions at once, and each needs its session and its periods."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

    from chassis.clock import Clock
    from portal.domain.sessions import Session

AnswerType = TypeVar("AnswerType")
_ENTRIES_MAX: Final = 10_000


class RememberedSessions:
    """Sessions by the hash of their secret, each for a few seconds."""

    def __init__(self, kept_s: float) -> None:
        """Remember each session for `kept_s` seconds."""
        self._kept_s = kept_s
        self._entries: dict[bytes, tuple[Session, float]] = {}

    def find(self, digest: bytes, now_s: float) -> Session | None:
        """Return the session, unless it was looked up too long ago."""
        session, until_s = self._entries.get(digest, (None, 0.0))
        return session if now_s < until_s else None

    def keep(self, digest: bytes, session: Session, now_s: float) -> None:
        """Remember a session that was just looked up."""
        if len(self._entries) >= _ENTRIES_MAX:
            # Dicts keep insertion order, so this removes the oldest entry.
            del self._entries[next(iter(self._entries))]
        self._entries.pop(digest, None)
        self._entries[digest] = (session, now_s + self._kept_s)

    def forget(self, tenant: str, session_id: str) -> None:
        """Forget a session that was revoked."""
        for digest, (session, _) in list(self._entries.items()):
            if (session.tenant, session.id) == (tenant, session_id):
                del self._entries[digest]


class RememberedAnswers:
    """Answers of other services to questions whose answers seldom change, each for a few seconds.

    Every question of a page begins with the customer's billing periods, and compares itself with a period that is over:
    twenty pages that are drawn anew would ask rating for these again and again. Who asks for the same while it is being
    asked for waits for that answer. A key begins with tenant and customer, so nobody gets what is another's.
    """

    def __init__(self, clock: Clock, kept_s: float) -> None:
        """Remember each answer for `kept_s` seconds."""
        self._clock = clock
        self._kept_s = kept_s
        self._entries: dict[Hashable, tuple[asyncio.Task[Any], float]] = {}

    async def of(
        self, key: tuple[str, str, Hashable], ask: Callable[[], Coroutine[Any, Any, AnswerType]]
    ) -> AnswerType:
        """Return the answer that is remembered under this key, or ask for it. Raises what `ask` raises."""
        task, until_s = self._entries.get(key, (None, 0.0))
        if task is None or self._clock.monotonic_s() >= until_s:
            task = self._begin(key, ask)
        # Who goes away must not take the answer from others who wait for it.
        return cast("AnswerType", await asyncio.shield(task))

    def _begin(self, key: Hashable, ask: Callable[[], Coroutine[Any, Any, AnswerType]]) -> asyncio.Task[AnswerType]:
        if len(self._entries) >= _ENTRIES_MAX:
            del self._entries[next(iter(self._entries))]
        self._entries.pop(key, None)
        task = asyncio.create_task(ask())
        entry = (task, self._clock.monotonic_s() + self._kept_s)
        self._entries[key] = entry
        task.add_done_callback(lambda done: self._forget_failed(key, done))
        return task

    def _forget_failed(self, key: Hashable, done: asyncio.Task[Any]) -> None:
        """Forget an answer that did not come: the next one asks again."""
        has_failed = done.cancelled() or done.exception() is not None
        if has_failed and self._entries.get(key, (None, 0.0))[0] is done:
            del self._entries[key]
