"""Shares of a database pool: no tenant's calls may hold all of its connections, and background work has its own."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from chassis.deadline import current_deadline_s
from chassis.errors import Overloaded, Reason
from chassis.identity import ANY_TENANT, find_identity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable

_ANSWER_RESERVE: Final = 0.2
"""Share of the time left that is kept for telling a caller, who waited for a connection in vain, when to call again."""

_holds: ContextVar[bool] = ContextVar("meterline_holds_connection", default=False)


class PoolShares:
    """Counts the connections that calls hold, by the tenant they serve. Whoever finds none free waits for its turn."""

    def __init__(self, calls_max: int, tenant_max: int, wait_s: float) -> None:
        """Let calls hold `calls_max` connections, those of one tenant `tenant_max`, and wait at most `wait_s`."""
        self.calls_max = calls_max
        self._tenant_max = tenant_max
        self._wait_s = wait_s
        self._held: Counter[Hashable] = Counter()
        self._total = 0
        self._waiting: deque[tuple[Hashable, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """How many calls wait for a connection."""
        return len(self._waiting)

    @asynccontextmanager
    async def share(self) -> AsyncIterator[None]:
        """Hold a connection's place inside the block; work outside calls needs none. Raises Overloaded."""
        holder = _holder()
        # A call that opens a second transaction inside the first must not wait for itself.
        if holder is None or _holds.get():
            yield
            return
        if self._may_hold(holder):
            self._grant(holder)
        else:
            await self._wait(holder)
        token = _holds.set(True)
        try:
            yield
        finally:
            _holds.reset(token)
            self._give_back(holder)

    def _may_hold(self, holder: Hashable) -> bool:
        return self._total < self.calls_max and self._held[holder] < self._tenant_max

    def _grant(self, holder: Hashable) -> None:
        self._held[holder] += 1
        self._total += 1

    async def _wait(self, holder: Hashable) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = (holder, turn)
        self._waiting.append(waiting)
        remaining_s = current_deadline_s()
        limit_s = self._wait_s if remaining_s is None else min(self._wait_s, remaining_s * (1 - _ANSWER_RESERVE))
        try:
            async with asyncio.timeout(limit_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # The turn came just as the wait ended.
                self._give_back(holder)
            else:
                self._waiting.remove(waiting)
            if isinstance(error, TimeoutError):
                message = "your calls hold as many database connections as they may; call again later, fewer at a time"
                raise Overloaded(Reason.OVERLOADED, message) from None
            raise

    def _give_back(self, holder: Hashable) -> None:
        self._total -= 1
        self._held[holder] -= 1
        if not self._held[holder]:
            del self._held[holder]
        for waiting in self._waiting:
            next_holder, turn = waiting
            # A waiter whose time is over is in the queue until its task runs again; what it were given would be lost.
            if not turn.done() and self._may_hold(next_holder):
                self._waiting.remove(waiting)
                self._grant(next_holder)
                turn.set_result(None)
                return


def _holder() -> Hashable | None:
    """Whose share the current work counts in; None for background work and for what concerns no tenant."""
    identity = find_identity()
    if identity is None or identity.is_worker or identity.tenant == ANY_TENANT:
        return None
    # Services of the suite that work for a tenant must not wait for its own users.
    return (identity.tenant, identity.is_internal)
