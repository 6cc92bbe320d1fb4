"""The lanes of a feed, shared by the instances of one consumer: each applies some, and all of them are applied.

Every instance says twice a second that it lives, in a table of the consumer's own database and by the clock of that
database alone. One that has been silent for a few seconds loses its lanes to the others. Who holds a lane is a matter
of who works, not of what is right: that is decided by the checkpoints, which fence whoever comes too late.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chassis.errors import MeterlineError
from chassis.logs import get_logger
from chassis.postgres import transaction
from eventlog.feed import leases

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncEngine

    from chassis.clock import Clock

BEAT_S: Final = 0.5
"""How often an instance says that it lives."""
LIFE_S: Final = 3.0
"""An instance that has been silent for so long, by the database's clock, loses its lanes."""
LEAVE_S: Final = 2.0
"""How long an instance that ends tries to give its lanes back; else they are taken from it."""

_log = get_logger(__name__)


def lanes_to_hold(
    lanes: Collection[int], holder_of: Mapping[int, str], followers: Sequence[str], own: str
) -> frozenset[int]:
    """Return which lanes an instance holds now: what it has, up to its share, and of those free what is left of that.

    The shares of all `followers` add up to all lanes and differ by one at most, so that no lane stays free and as few
    as possible move. `holder_of` names only instances that live.
    """
    rank, count = followers.index(own), len(followers)
    share = len(lanes) // count + (rank < len(lanes) % count)
    kept = sorted(lane for lane in lanes if holder_of.get(lane) == own)[:share]
    free = sorted(lane for lane in lanes if lane not in holder_of)
    return frozenset(kept + free[: share - len(kept)])


@dataclass(frozen=True, slots=True)
class Follower:
    """An instance: what counts is the id, made up when it starts; the name is for people."""

    follower_id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class LaneHolder:
    """Who applies a lane: the name of an instance, and whether that is the one that tells it."""

    lane: int
    holder: str
    is_own: bool


class LaneSharing:
    """The part that one instance has in the lanes of a consumer."""

    def __init__(self, consumer: str, engine: AsyncEngine, clock: Clock, follower: Follower) -> None:
        """Take part as `follower`."""
        self._consumer = consumer
        self._engine = engine
        self._clock = clock
        self._name = follower.name
        self._id = str(follower.follower_id)
        self._holders: tuple[LaneHolder, ...] = ()
        self._beating = asyncio.Lock()
        self.held: frozenset[int] = frozenset()
        self.changed = asyncio.Event()

    def holders(self) -> tuple[LaneHolder, ...]:
        """Return who holds which lane, as this instance last saw it, by lane."""
        return self._holders

    async def beat(self) -> dict[int, int]:
        """Say that this instance lives, and take or give back lanes; return where the consumer is, by lane.

        Sets `changed` if other lanes are held than before.
        """
        async with self._beating:
            return await self._beat()

    async def _beat(self) -> dict[int, int]:
        async with transaction(self._engine) as conn:
            await leases.live(conn, self._consumer, self._id, self._name, LIFE_S)
            followers = await leases.followers(conn, self._consumer)
            positions, holder_of = await leases.holders(conn, self._consumer)
            held = lanes_to_hold(positions, holder_of, list(followers), self._id)
            before = {lane for lane, holder in holder_of.items() if holder == self._id}
            await leases.give_back(conn, self._consumer, before - held)
            await leases.take(conn, self._consumer, self._id, held - before)
        others = {lane: holder for lane, holder in holder_of.items() if holder != self._id}
        holder_of = dict(sorted((others | dict.fromkeys(held, self._id)).items()))
        self._holders = tuple(LaneHolder(lane, followers[of], of == self._id) for lane, of in holder_of.items())
        self._hold(held)
        return positions

    async def leave(self) -> None:
        """Give all lanes back, and say that this instance is gone."""
        self._hold(frozenset())
        async with transaction(self._engine) as conn:
            await leases.leave(conn, self._consumer, self._id)

    async def keep(self, may_hold: Callable[[], bool], seen: Callable[[Mapping[int, int]], None]) -> None:
        """Beat until cancelled while `may_hold`, and have `seen` told where the consumer is; then leave."""
        try:
            while True:
                await self._beat_if(may_hold(), seen)
                await self._clock.sleep(BEAT_S)
        finally:
            try:
                async with asyncio.timeout(LEAVE_S):
                    await self.leave()
            except (MeterlineError, TimeoutError):
                _log.warning("feed.lanes_left_behind", consumer=self._consumer)

    async def _beat_if(self, may_hold: bool, seen: Callable[[Mapping[int, int]], None]) -> None:  # noqa: FBT001 - said by the name
        try:
            if may_hold:
                seen(await self.beat())
            elif self.held:
                _log.warning("feed.lanes_given_back", consumer=self._consumer)
                await self.leave()
        except MeterlineError as error:
            # What is held stays held until others take it, which the checkpoints then tell.
            _log.warning("feed.beat_failed", consumer=self._consumer, reason=error.reason)

    def _hold(self, held: frozenset[int]) -> None:
        if held != self.held:
            _log.info("feed.lanes_held", consumer=self._consumer, lanes=sorted(held))
            self.held = held
            self.changed.set()
