"""Room for requests in memory: a server has so many bytes, and no tenant may take them all.

Nobody knows how long a request is before it is there, and gRPC keeps what has come of it. So a call takes room for the
largest request before its own is read, and keeps of it what the request needs. Until it has room, gRPC lets the caller
send no more than the little that every call may send ahead.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.errors import Overloaded, Reason

if TYPE_CHECKING:
    from collections.abc import Hashable


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """Bytes of requests in memory: of all calls, of those of one tenant, and of a request that is not there yet."""

    bytes_max: int = 512 * 1024 * 1024
    tenant_bytes_max: int = 128 * 1024 * 1024
    request_bytes_max: int = 8 * 1024 * 1024

    @property
    def unread_bytes(self) -> int:
        """What is kept for a request that is not there yet; one always fits."""
        return min(self.bytes_max, self.tenant_bytes_max, self.request_bytes_max)


class Room:
    """The bytes that are taken, by whom, and the calls that wait for room in turn."""

    def __init__(self, limits: RoomLimits) -> None:
        """Start with nothing taken."""
        self._limits = limits
        self._unread = limits.unread_bytes
        self._all = 0
        self._taken: dict[Hashable, int] = {}
        # By holder; the one that comes first has its turn next.
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    async def take(self, holder: Hashable, wait_s: float) -> int:
        """Take room for a request that is not there yet, and return how much that is.

        Raises Overloaded if there is none for `wait_s` seconds.
        """
        if holder not in self._waiting and self._fits(holder):
            self._add(holder, self._unread)
            return self._unread
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(holder, deque()).append(turn)
        ending = loop.call_later(wait_s, self._refuse, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give_back(holder, self._unread)
            raise
        finally:
            ending.cancel()
        return self._unread

    def give_back(self, holder: Hashable, amount: int) -> None:
        """Free `amount` bytes that `holder` took, and let those in who wait for them."""
        self._add(holder, -amount)
        if self._waiting:
            self._let_in()

    def _fits(self, holder: Hashable) -> bool:
        limits, more = self._limits, self._unread
        return self._all + more <= limits.bytes_max and self._taken.get(holder, 0) + more <= limits.tenant_bytes_max

    def _add(self, holder: Hashable, amount: int) -> None:
        self._all += amount
        taken = self._taken.get(holder, 0) + amount
        # Nothing is kept of a tenant without calls: the number of tenants has no bound.
        if taken:
            self._taken[holder] = taken
        else:
            self._taken.pop(holder, None)

    def _let_in(self) -> None:
        """Give room to those who wait, while there is some; who was served last comes last the next time."""
        for holder in list(self._waiting):
            turns = self._waiting.pop(holder)
            while turns and self._fits(holder):
                turn = turns.popleft()
                if not turn.done():
                    self._add(holder, self._unread)
                    turn.set_result(None)
            if turns:
                self._waiting[holder] = turns

    def _refuse(self, turn: asyncio.Future[None]) -> None:
        if not turn.done():
            message = "requests that have not arrived take all the room that yours may have; send fewer at once"
            turn.set_exception(Overloaded(Reason.OVERLOADED, message))
