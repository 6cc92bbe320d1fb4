"""Work that waits and is done together: one queue for calls that are gathered and for batches that are committed.

A round of work costs nearly the same for one item as for many. So a round begins at once when none is in work; items
that come meanwhile wait for its end and share the next, unless so much waits that a second round is worth it. No timer
is needed, and one who comes alone never waits. Whoever waits gets a result or an error, whatever happens to a round.

Nobody waits long for what others send. Of those who wait, the ones with little go before the ones with much; a round
takes from each in turn, by size; and whoever has little and nothing in work needs not wait for a long round of others,
but shares one that runs beside it. Where one alone sends, nothing of this shows.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter, deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from chassis.errors import Overloaded, Reason, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")

_UNBOUNDED: Final = 2**63
_NOBODY: Final = object()
_SHARED_FOR_S: Final = 5.0
"""How long after two owners sent one after the other the queue counts as shared."""


@dataclass(frozen=True, slots=True)
class Bound:
    """How much may wait, or be worked on together: a size (in units of the queue's own) and bytes of messages."""

    size: int = _UNBOUNDED
    message_bytes: int = _UNBOUNDED


@dataclass(eq=False, slots=True)
class Waiter(Generic[Item, Result]):
    """An item that waits for its result."""

    item: Item
    owner: Hashable
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

    A second round begins beside another when `enough` waits, up to `rounds_max` of them; a round takes at most
    `round_max` (but always one item). No more than `waiting_max` may wait, and of one `owner` no more than half of it.
    Beside a round of at least `long_from` one other begins for owners that have less than `enough` waiting and nothing
    in work. While several owners send, a round takes at most `round_max_shared` and only one long one is in work, so
    that whoever comes then finds the database free sooner. Items go together if their `kin` is equal, at most
    `together_max` of them. An error of `shared` holds for all who were worked on together; after any other each is
    tried alone, all at the same time if `alone_at_once`.
    """

    enough: int
    shared: tuple[type[Exception], ...]
    round_max: Bound = Bound()
    waiting_max: Bound = Bound()
    owner: Callable[[Item], Hashable] = lambda _item: None
    rounds_max: int = _UNBOUNDED
    long_from: int = 0
    round_max_shared: Bound | None = None
    kin: Callable[[Item], Hashable] = lambda _item: None
    together_max: int = _UNBOUNDED
    alone_at_once: bool = False


@dataclass(slots=True)
class _Line(Generic[Item, Result]):
    """What waits of one owner, in order."""

    waiters: deque[Waiter[Item, Result]] = field(default_factory=deque)
    size: int = 0
    message_bytes: int = 0


@dataclass(eq=False, slots=True)
class Round(Generic[Item, Result]):
    """Items that are worked on together."""

    taken: list[Waiter[Item, Result]] = field(default_factory=list)
    owners: set[Hashable] = field(default_factory=set)
    size: int = 0
    message_bytes: int = 0
    is_aside: bool = False
    """Whether it runs beside the long round of others, for owners with little."""


class WorkQueue(Generic[Item, Result]):
    """Items that wait, in order, and the rounds that work on them."""

    def __init__(
        self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]], rules: Rules[Item]
    ) -> None:
        """Let `work` return for each of some items its result or its error."""
        self._work = work
        self._rules = rules
        # By owner; whoever waits longest since the last turn comes first.
        self._lines: dict[Hashable, _Line[Item, Result]] = {}
        self._rounds: set[Round[Item, Result]] = set()
        self._busy: Counter[Hashable] = Counter()
        self._arrival = asyncio.Event()
        self.size = 0
        """How much waits."""
        self._message_bytes = 0
        self._count = 0
        self._latest_owner: Hashable = _NOBODY
        self._shared_until_s = 0.0

    def put(self, item: Item, size: int = 1, message_bytes: int = 0) -> asyncio.Future[Result]:
        """Queue an item and return its result to come, or its error. Raises Overloaded when the queue is full."""
        owner = self._rules.owner(item)
        line = self._lines.get(owner)
        self._check_room(line, size, message_bytes)
        if line is None:
            line = self._lines[owner] = _Line()
        if owner != self._latest_owner:
            self._note_change(owner)
        waiter: Waiter[Item, Result] = Waiter(item, owner, size, message_bytes)
        line.waiters.append(waiter)
        line.size += size
        line.message_bytes += message_bytes
        self.size += size
        self._message_bytes += message_bytes
        self._count += 1
        if not self._rounds or self._is_full_round_due() or self._may_go_aside(owner, line):
            self._arrival.set()
        return waiter.result

    def _note_change(self, owner: Hashable) -> None:
        if self._latest_owner is not _NOBODY:
            self._shared_until_s = asyncio.get_running_loop().time() + _SHARED_FOR_S
        self._latest_owner = owner

    @property
    def _splits(self) -> bool:
        """Whether rounds are kept short, as several owners have been sending lately."""
        is_ruled = self._rules.round_max_shared is not None
        return is_ruled and asyncio.get_running_loop().time() < self._shared_until_s

    def _check_room(self, line: _Line[Item, Result] | None, size: int, message_bytes: int) -> None:
        bound = self._rules.waiting_max
        if self._lines and (self.size + size > bound.size or self._message_bytes + message_bytes > bound.message_bytes):
            raise Overloaded(Reason.OVERLOADED, f"{self.size} events wait for the disk; send again later")
        if line is not None and (
            line.size + size > bound.size // 2 or line.message_bytes + message_bytes > bound.message_bytes // 2
        ):
            raise Overloaded(Reason.OVERLOADED, f"{line.size} events of yours wait for the disk; send again later")

    def __len__(self) -> int:
        """Return how many items wait."""
        return self._count

    def _is_due(self) -> bool:
        if not self._lines or not self._rounds:
            return bool(self._lines)
        return self._is_full_round_due() or any(self._may_go_aside(*waiting) for waiting in self._lines.items())

    def _is_full_round_due(self) -> bool:
        full = sum(not one.is_aside for one in self._rounds)
        if not full or self.size < self._rules.enough:
            return not full
        is_long_in_work = any(one.size >= self._rules.enough for one in self._rounds)
        return full < self._rules.rounds_max and not (self._splits and is_long_in_work)

    def _may_go_aside(self, owner: Hashable, line: _Line[Item, Result]) -> bool:
        """Whether a round beside the long ones of others may begin for `owner`, who has little and nothing in work."""
        if line.size >= self._rules.enough or owner in self._busy:
            return False
        return not any(one.is_aside or one.size < self._rules.long_from for one in self._rounds)

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
            if stop.is_set() and not self._lines:
                return False
            self._arrival.clear()
            await self._arrival.wait()
            # Others that are ready to come do so first: one round for all of them.
            await asyncio.sleep(0)
        return True

    def take(self) -> Round[Item, Result]:
        """Begin a round, which must be given to `work_on`, of what waits; one whose caller has gone is dropped."""
        begun: Round[Item, Result] = Round()
        if self._rounds and not self._is_full_round_due():
            owners = [owner for owner, line in self._lines.items() if self._may_go_aside(owner, line)]
            begun.is_aside = True
        else:
            owners = self._next_owners()
        self._fill(begun, owners)
        self._rounds.add(begun)
        self._busy.update(begun.owners)
        return begun

    def _next_owners(self) -> list[Hashable]:
        """Whose turn it is: those with little first, unless a round of such is in work already."""
        with_little = [owner for owner, line in self._lines.items() if line.size < self._rules.enough]
        is_little_in_work = any(one.size < self._rules.enough for one in self._rounds)
        if with_little and (not is_little_in_work or len(with_little) == len(self._lines)):
            return with_little
        return [owner for owner, line in self._lines.items() if line.size >= self._rules.enough]

    def _fill(self, begun: Round[Item, Result], owners: Sequence[Hashable]) -> None:
        """Move what waits of `owners` into a round, always from the one of whom least is in it."""
        shared = self._rules.round_max_shared
        bound = shared if shared is not None and self._splits else self._rules.round_max
        turns = [(0, place, owner) for place, owner in enumerate(owners)]
        while turns:
            share, place, owner = turns[0]
            line = self._lines[owner]
            waiter = line.waiters[0]
            is_full = (
                begun.size + waiter.size > bound.size
                or begun.message_bytes + waiter.message_bytes > bound.message_bytes
            )
            if is_full and begun.taken:
                break
            line.waiters.popleft()
            self._leave(line, waiter)
            if not waiter.result.done():
                begun.taken.append(waiter)
                begun.owners.add(owner)
                begun.size += waiter.size
                begun.message_bytes += waiter.message_bytes
            if line.waiters:
                heapq.heapreplace(turns, (share + waiter.size, place, owner))
            else:
                heapq.heappop(turns)
                del self._lines[owner]
        for owner in begun.owners & self._lines.keys():
            # Behind those who were not served now.
            self._lines[owner] = self._lines.pop(owner)

    def _leave(self, line: _Line[Item, Result], waiter: Waiter[Item, Result]) -> None:
        line.size -= waiter.size
        line.message_bytes -= waiter.message_bytes
        self.size -= waiter.size
        self._message_bytes -= waiter.message_bytes
        self._count -= 1

    async def work_on(self, begun: Round[Item, Result]) -> None:
        """Work on what `take` returned, until each has its result or its error."""
        try:
            parts = list(self._parts(begun.taken))
            if len(parts) == 1:
                await self._settle(parts[0])
            else:
                await asyncio.gather(*map(self._settle, parts))
        finally:
            self._rounds.discard(begun)
            self._busy.subtract(begun.owners)
            for owner in begun.owners:
                if not self._busy[owner]:
                    del self._busy[owner]
            self._arrival.set()
            # Reached with open results only when this task is cancelled: nobody may wait forever.
            self._abandon(begun.taken)

    def close(self) -> None:
        """Tell all who still wait that nobody will work for them."""
        for line in self._lines.values():
            self._abandon(line.waiters)
        self._lines.clear()
        self.size = self._message_bytes = self._count = 0

    def _abandon(self, waiters: Iterable[Waiter[Item, Result]]) -> None:
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
