"""Work that waits and is done together: one queue for calls that are gathered and for batches that are committed.

A round of work costs nearly the same for one item as for many. So a round begins at once when none is in work; items
that come meanwhile wait for its end and share the next, unless so much waits that a second round is worth it. No timer
is needed, and one who comes alone never waits. Whoever waits gets a result or an error, whatever happens to a round.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from chassis.errors import Overloaded, Reason, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")

_UNBOUNDED: Final = 2**63


@dataclass(frozen=True, slots=True)
class Bound:
    """How much may wait, or be worked on together: a size (in units of the queue's own) and bytes of messages."""

    size: int = _UNBOUNDED
    message_bytes: int = _UNBOUNDED


@dataclass(eq=False, slots=True)
class Waiter(Generic[Item, Result]):
    """An item that waits for its result."""

    item: Item
    size: int
    message_bytes: int
    result: asyncio.Future[Result] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def fail(self, error: Exception) -> None:
        """Set an error, unless the result is there already or the caller has gone."""
        if not self.result.done():
            self.result.set_exception(error)


@dataclass(frozen=True, slots=True)
class Rules(Generic[Item]):
    """How a queue's items are worked on.

    A second round begins beside another when `enough` waits; a round takes at most `round_max` (but always one item),
    and no more than `waiting_max` may wait. Items go together if their `kin` is equal, at most `together_max` of them.
    An error of `shared` holds for all who were worked on together; after any other each is tried alone, all at the same
    time if `alone_at_once`.
    """

    enough: int
    shared: tuple[type[Exception], ...]
    round_max: Bound = Bound()
    waiting_max: Bound = Bound()
    kin: Callable[[Item], Hashable] = lambda _item: None
    together_max: int = _UNBOUNDED
    alone_at_once: bool = False


class WorkQueue(Generic[Item, Result]):
    """Items that wait, in order, and the rounds that work on them."""

    def __init__(
        self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]], rules: Rules[Item]
    ) -> None:
        """Let `work` return for each of some items its result or its error."""
        self._work = work
        self._rules = rules
        self._waiting: deque[Waiter[Item, Result]] = deque()
        self._in_work = 0
        self._arrival = asyncio.Event()
        self.size = 0
        """How much waits."""
        self._message_bytes = 0

    def put(self, item: Item, size: int = 1, message_bytes: int = 0) -> asyncio.Future[Result]:
        """Queue an item and return its result to come, or its error. Raises Overloaded when the queue is full."""
        bound = self._rules.waiting_max
        if self._waiting and (
            self.size + size > bound.size or self._message_bytes + message_bytes > bound.message_bytes
        ):
            raise Overloaded(Reason.OVERLOADED, f"{self.size} events wait for the disk; send again later")
        waiter: Waiter[Item, Result] = Waiter(item, size, message_bytes)
        self._waiting.append(waiter)
        self.size += size
        self._message_bytes += message_bytes
        if self._is_due():
            self._arrival.set()
        return waiter.result

    def __len__(self) -> int:
        """Return how many items wait."""
        return len(self._waiting)

    def _is_due(self) -> bool:
        return bool(self._waiting) and (not self._in_work or self.size >= self._rules.enough)

    @contextmanager
    def until(self, stop: asyncio.Event) -> Iterator[None]:
        """Let `stop` end the waiting for rounds in the block."""
        # One task for the whole block: one per wait would cost a lone call several percent.
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _task: self._arrival.set())
        try:
            yield
        finally:
            stopping.cancel()

    async def due(self, stop: asyncio.Event) -> bool:
        """Wait until a round is due; return False once `stop` is set and nothing waits any more."""
        while not self._is_due():
            if stop.is_set() and not self._waiting:
                return False
            self._arrival.clear()
            await self._arrival.wait()
            # Others that are ready to come do so first: one round for all of them.
            await asyncio.sleep(0)
        return True

    def take(self) -> list[Waiter[Item, Result]]:
        """Begin a round, which must be given to `work_on`, of what waits; one whose caller has gone is dropped."""
        self._in_work += 1
        taken: list[Waiter[Item, Result]] = []
        bound = self._rules.round_max
        if self.size <= bound.size and self._message_bytes <= bound.message_bytes:
            taken.extend(waiter for waiter in self._waiting if not waiter.result.done())
            self._waiting.clear()
            self.size = self._message_bytes = 0
            return taken
        size = message_bytes = 0
        while self._waiting:
            waiter = self._waiting[0]
            size += waiter.size
            message_bytes += waiter.message_bytes
            if taken and (size > bound.size or message_bytes > bound.message_bytes):
                break
            self._waiting.popleft()
            self.size -= waiter.size
            self._message_bytes -= waiter.message_bytes
            if not waiter.result.done():
                taken.append(waiter)
        return taken

    async def work_on(self, taken: Sequence[Waiter[Item, Result]]) -> None:
        """Work on what `take` returned, until each has its result or its error."""
        try:
            parts = list(self._parts(taken))
            if len(parts) == 1:
                await self._settle(parts[0])
            else:
                await asyncio.gather(*map(self._settle, parts))
        finally:
            self._in_work -= 1
            self._arrival.set()
            # Reached with open results only when this task is cancelled: nobody may wait forever.
            self._abandon(taken)

    def close(self) -> None:
        """Tell all who still wait that nobody will work for them."""
        self._abandon(self._waiting)
        self._waiting.clear()

    def _abandon(self, waiters: Sequence[Waiter[Item, Result]]) -> None:
        for waiter in waiters:
            waiter.fail(Unavailable(Reason.DATABASE_UNAVAILABLE, "the service stops; send the same batch again"))

    def _parts(self, taken: Sequence[Waiter[Item, Result]]) -> Iterator[Sequence[Waiter[Item, Result]]]:
        by_kin: dict[Hashable, list[Waiter[Item, Result]]] = {}
        for waiter in taken:
            by_kin.setdefault(self._rules.kin(waiter.item), []).append(waiter)
        for kin in by_kin.values():
            for start in range(0, len(kin), self._rules.together_max):
                yield kin[start : start + self._rules.together_max]

    async def _settle(self, waiters: Sequence[Waiter[Item, Result]]) -> None:
        """Give each its result or its error; one that fails by itself takes no other with it."""
        try:
            results = await self._work([waiter.item for waiter in waiters])
        except self._rules.shared as error:
            # The database, the queue or what they have in common: trying each alone would only add to it.
            for waiter in waiters:
                waiter.fail(error)
        except Exception as error:  # noqa: BLE001 - whatever it was, every caller gets an answer
            await self._settle_alone(waiters, error)
        else:
            for waiter, result in zip(waiters, results, strict=True):
                if isinstance(result, Exception):
                    waiter.fail(result)
                elif not waiter.result.done():
                    waiter.result.set_result(result)

    async def _settle_alone(self, waiters: Sequence[Waiter[Item, Result]], error: Exception) -> None:
        if len(waiters) == 1:
            waiters[0].fail(error)
        elif self._rules.alone_at_once:
            await asyncio.gather(*(self._settle([waiter]) for waiter in waiters))
        else:
            for waiter in waiters:
                await self._settle([waiter])
