"""How far a consumer has come: for callers that wait for it, for those who ask, and for the metrics that show it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary, WeakSet

from opentelemetry.metrics import Observation

from chassis.errors import MeterlineError, Reason
from chassis.telemetry import active_telemetry, counter_from_zero

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from opentelemetry.metrics import CallbackOptions, Meter

    from chassis.clock import Clock
    from eventlog.feed.cursor import FeedHeads, Segment
    from eventlog.feed.sharing import LaneHolder

CONSUMER_ATTRIBUTE: Final = "metering.feed.consumer"
LANE_ATTRIBUTE: Final = "metering.feed.lane"
REASON_ATTRIBUTE: Final = "metering.reason"
_GAP: Final = (Reason.FEED_GAP,)
_DIVERGED: Final = (Reason.FEED_DIVERGED, Reason.FEED_CORRUPT, Reason.FEED_POSITION_AHEAD)
_FAILED: Final = (*_GAP, *_DIVERGED, Reason.DATABASE_UNAVAILABLE, Reason.INTERNAL, Reason.UPSTREAM_UNAVAILABLE)
STUCK_AFTER_S: Final = 30.0
CUT_OFF_AFTER_S: Final = 8.0
"""Without an answer for so long, how much waits is unknown: longer than one slow answer and the pause before it."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the last attempts failed: `attempts` of them in a row, the last one at `at`."""

    reason: str
    message: str
    attempts: int
    at: datetime


@dataclass(frozen=True, slots=True)
class FeedState:
    """Where a consumer stands, as this process knows it.

    `oldest_waiting_at` is when the oldest entry that is not applied was accepted, or seen to be waiting. `still_since`
    is when the consumer last moved, or when work came after it had none. Both are None while nothing waits.
    `last_contact_at` is when the log that it follows was last asked where it ends, and answered; None before the first
    answer. `cut_off` tells that this is too long ago: how much waits is then as it was, and unknown now.
    `lanes` tells who applies which lane, where instances share them.
    """

    consumer: str
    lag_entries: int
    oldest_waiting_at: datetime | None
    still_since: datetime | None
    trouble: Trouble | None
    last_contact_at: datetime | None
    cut_off: bool
    lanes: tuple[LaneHolder, ...] = ()

    def stuck_since(self, now: datetime) -> datetime | None:
        """Return since when it has not moved although entries wait, if that is longer than a batch may take."""
        if self.still_since is None or (now - self.still_since).total_seconds() < STUCK_AFTER_S:
            return None
        return self.still_since


class FeedBoard:
    """The consumers of a process, for those who ask how far they are."""

    def __init__(self) -> None:
        """Begin without any."""
        self._state_of: dict[str, Callable[[], FeedState]] = {}

    def add(self, consumer: str, state: Callable[[], FeedState]) -> None:
        """Show a consumer from now on."""
        self._state_of[consumer] = state

    def remove(self, consumer: str) -> None:
        """Show a consumer no longer, because it has ended."""
        self._state_of.pop(consumer, None)

    def states(self) -> list[FeedState]:
        """Return where each consumer stands, by name."""
        return [state() for _, state in sorted(self._state_of.items())]


@dataclass(frozen=True, slots=True)
class _Lag:
    """How far one lane is behind; `waiting_since` is None when it is not."""

    lane: int
    entries: int
    waiting_since: datetime | None


class FeedProgress:
    """Positions applied and heads seen, by lane."""

    def __init__(self, consumer: str, clock: Clock) -> None:
        """Follow `consumer`."""
        self._consumer = consumer
        self._clock = clock
        self._attributes = {CONSUMER_ATTRIBUTE: consumer}
        self._positions: dict[int, int] = {}
        self._heads: dict[int, int] = {}
        self._arrived: dict[int, deque[tuple[int, datetime]]] = {}
        self._accepted_at: dict[int, datetime] = {}
        self._behind_since: dict[int, datetime] = {}
        self._still_since: datetime | None = None
        self._trouble: Trouble | None = None
        self._began_at = clock.now()
        self._last_contact_at: datetime | None = None
        self._lags: tuple[_Lag, ...] = ()
        self._moved = asyncio.Event()
        meter = active_telemetry().meter
        _observe(meter, self)
        # What is counted stays, so that it goes by the kind of consumer; of fills there are ever more.
        self._kind = {CONSUMER_ATTRIBUTE: consumer.partition(":")[0]}
        self._failed = counter_from_zero(
            meter, "feed.failed", "{attempt}", "Attempts to read or apply that failed.", self._because(_FAILED)
        )
        self._applied = counter_from_zero(meter, "feed.applied", "{entry}", "Entries applied.", [self._kind])
        self._gap = counter_from_zero(
            meter, "feed.gap", "{segment}", "Segments that did not continue the one before.", self._because(_GAP)
        )
        self._diverged = counter_from_zero(
            meter, "feed.diverged", "{segment}", "Proofs that two histories differ.", self._because(_DIVERGED)
        )

    def positions(self) -> dict[int, int]:
        """Return the last position applied in each lane."""
        return dict(self._positions)

    def state(self) -> FeedState:
        """Return where the consumer stands now."""
        self._look()
        return FeedState(
            consumer=self._consumer,
            lag_entries=sum(self._behind(lane) for lane in self._heads),
            oldest_waiting_at=min(map(self._waiting_since, self._behind_since), default=None),
            still_since=self._still_since,
            trouble=self._trouble,
            last_contact_at=self._last_contact_at,
            cut_off=self._silent_s() > CUT_OFF_AFTER_S,
        )

    def begin(self, positions: Mapping[int, int]) -> None:
        """Record where the consumer is as it starts to read: everything after that will arrive again."""
        self._arrived.clear()
        self._move(positions)

    def place(self, positions: Mapping[int, int]) -> None:
        """Record where the consumer is, and wake those who wait for it. What was in its way is over if it moved."""
        if positions != self._positions:
            self._trouble = None
            self._still_since = None
            self._move(positions)

    def arrived(self, segment: Segment) -> None:
        """Record a segment that waits to be applied."""
        self._arrived.setdefault(segment.lane, deque()).append((segment.last_position, segment.accepted_at))
        self._heads[segment.lane] = max(self._heads.get(segment.lane, 0), segment.last_position)
        self._look()

    def failed(self, error: Exception) -> None:
        """Record a failed attempt, whatever it was an attempt at."""
        if isinstance(error, MeterlineError):
            reason, message = error.reason.value, error.message
        else:
            reason, message = Reason.INTERNAL.value, f"{type(error).__name__}; the service's log has the details"
        attempts = 1 if self._trouble is None else self._trouble.attempts + 1
        self._trouble = Trouble(reason, message, attempts, self._clock.now())
        self._failed.add(1, {**self._kind, REASON_ATTRIBUTE: reason})
        self.measure()

    def count(self, segments: Sequence[Segment]) -> None:
        """Count a batch that was applied."""
        self._applied.add(sum(segment.count for segment in segments), self._kind)
        for segment in segments:
            self._accepted_at[segment.lane] = segment.accepted_at
            self._heads[segment.lane] = max(self._heads.get(segment.lane, 0), segment.last_position)
        self.measure()

    def see_heads(self, heads: FeedHeads, asked_at: datetime) -> None:
        """Record where the lanes ended at `asked_at` or later. Nothing is in the way of a consumer that is there."""
        self._heads = dict(heads.positions)
        self._last_contact_at = asked_at
        self.measure()
        if not self._behind_since:
            self._trouble = None

    def measure(self) -> None:
        """Record how far each lane is behind."""
        self._look()
        self._lags = tuple(
            _Lag(lane, self._behind(lane), self._waiting_since(lane) if lane in self._behind_since else None)
            for lane in self._heads
        )

    def lag_positions(self) -> list[Observation]:
        """Return how many entries of each lane are not applied, as last measured; nothing while that is unknown."""
        return [Observation(lag.entries, self._attributes_of(lag)) for lag in self._known_lags()]

    def lag_seconds(self) -> list[Observation]:
        """Return how old the oldest entry of each lane is that is not applied, else 0; nothing while it is unknown."""
        now = self._clock.now()
        return [
            Observation(
                0.0 if lag.waiting_since is None else max(0.0, (now - lag.waiting_since).total_seconds()),
                self._attributes_of(lag),
            )
            for lag in self._known_lags()
        ]

    def stuck_seconds(self) -> list[Observation]:
        """Return for how long the consumer has not moved although entries wait."""
        since = self._still_since
        still_s = 0.0 if since is None else (self._clock.now() - since).total_seconds()
        return [Observation(max(0.0, still_s), self._attributes)]

    def silent_seconds(self) -> list[Observation]:
        """Return for how long the log has not told where it ends."""
        return [Observation(max(0.0, self._silent_s()), self._attributes)]

    def count_violation(self, error: MeterlineError) -> None:
        """Count a proof that the feed has changed its history."""
        counter = self._gap if error.reason is Reason.FEED_GAP else self._diverged
        counter.add(1, {**self._kind, REASON_ATTRIBUTE: error.reason.value})

    async def wait(self, wanted: Mapping[int, int], timeout_s: float) -> bool:
        """Wait up to `timeout_s` and return whether every lane has reached `wanted`; a lane at 0 always has."""
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                while not self._reached(wanted):
                    moved = self._moved
                    await moved.wait()
        except TimeoutError:
            return self._reached(wanted)
        return True

    def _because(self, reasons: Iterable[Reason]) -> list[dict[str, str]]:
        return [{**self._kind, REASON_ATTRIBUTE: reason.value} for reason in reasons]

    def _silent_s(self) -> float:
        return (self._clock.now() - (self._last_contact_at or self._began_at)).total_seconds()

    def _known_lags(self) -> tuple[_Lag, ...]:
        known = self._last_contact_at is not None and self._silent_s() <= CUT_OFF_AFTER_S
        return self._lags if known else ()

    def _attributes_of(self, lag: _Lag) -> dict[str, str | int]:
        return {**self._attributes, LANE_ATTRIBUTE: lag.lane}

    def _reached(self, wanted: Mapping[int, int]) -> bool:
        return all(self._positions.get(lane, 0) >= position for lane, position in wanted.items())

    def _move(self, positions: Mapping[int, int]) -> None:
        self._positions = dict(positions)
        for lane, waiting in self._arrived.items():
            while waiting and waiting[0][0] <= positions.get(lane, 0):
                waiting.popleft()
        self._look()
        event, self._moved = self._moved, asyncio.Event()
        event.set()

    def _look(self) -> None:
        """Note which lanes are behind, and since when."""
        now = self._clock.now()
        for lane in self._heads:
            if self._behind(lane):
                self._behind_since.setdefault(lane, now)
            else:
                self._behind_since.pop(lane, None)
        if not self._behind_since:
            self._still_since = None
        elif self._still_since is None:
            self._still_since = now

    def _behind(self, lane: int) -> int:
        return max(0, self._heads.get(lane, 0) - self._positions.get(lane, 0))

    def _waiting_since(self, lane: int) -> datetime:
        waiting = self._arrived.get(lane)
        if waiting:
            return waiting[0][1]
        # Not read yet: no older than the last entry applied.
        return self._accepted_at.get(lane, self._behind_since[lane])


# A meter keeps the callbacks of the first instrument of a name, so those of all consumers share them.
_progress_of_meter: WeakKeyDictionary[Meter, WeakSet[FeedProgress]] = WeakKeyDictionary()


def _observe(meter: Meter, progress: FeedProgress) -> None:
    """Export the lag of `progress` for as long as it exists: observed, because a gauge that is set can't be unset."""
    observed = _progress_of_meter.setdefault(meter, WeakSet())
    observed.add(progress)
    meter.create_observable_gauge(
        "feed.lag.positions",
        [partial(_observations, observed, FeedProgress.lag_positions)],
        "{entry}",
        "Entries accepted but not applied.",
    )
    meter.create_observable_gauge(
        "feed.lag.seconds",
        [partial(_observations, observed, FeedProgress.lag_seconds)],
        "s",
        "Age of the oldest entry not applied, else 0.",
    )
    meter.create_observable_gauge(
        "feed.stuck.seconds",
        [partial(_observations, observed, FeedProgress.stuck_seconds)],
        "s",
        "Time without a move while entries wait.",
    )
    meter.create_observable_gauge(
        "feed.silent.seconds",
        [partial(_observations, observed, FeedProgress.silent_seconds)],
        "s",
        "Time since the followed log last told where it ends.",
    )


def _observations(
    observed: WeakSet[FeedProgress], read: Callable[[FeedProgress], list[Observation]], _options: CallbackOptions
) -> Iterator[Observation]:
    for progress in list(observed):
        yield from read(progress)
