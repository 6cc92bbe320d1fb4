"""How far a consumer has come: for callers that wait for it, and for the metrics that show it falling behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from chassis.errors import Reason
from chassis.telemetry import active_telemetry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from chassis.clock import Clock
    from chassis.errors import MeterlineError
    from eventlog.feed.cursor import FeedHeads, Segment

CONSUMER_ATTRIBUTE: Final = "metering.feed.consumer"
LANE_ATTRIBUTE: Final = "metering.feed.lane"


class FeedProgress:
    """Positions applied and heads seen, by lane."""

    def __init__(self, consumer: str, clock: Clock) -> None:
        """Follow `consumer`."""
        self._clock = clock
        self._attributes = {CONSUMER_ATTRIBUTE: consumer}
        self._positions: dict[int, int] = {}
        self._heads: dict[int, int] = {}
        self._accepted_at: dict[int, datetime] = {}
        self._moved = asyncio.Event()
        meter = active_telemetry().meter
        self._lag_positions = meter.create_gauge("feed.lag.positions", "{entry}", "Entries accepted but not applied.")
        self._lag_seconds = meter.create_gauge("feed.lag.seconds", "s", "Age of the last entry applied, 0 at the head.")
        self._applied = meter.create_counter("feed.applied", "{entry}", "Entries applied.")
        self._gap = meter.create_counter("feed.gap", "{segment}", "Segments that did not continue the one before.")
        self._diverged = meter.create_counter("feed.diverged", "{segment}", "Proofs that two histories differ.")

    def positions(self) -> dict[int, int]:
        """Return the last position applied in each lane."""
        return dict(self._positions)

    def place(self, positions: Mapping[int, int]) -> None:
        """Record where the consumer is, and wake those who wait for it."""
        if positions != self._positions:
            self._positions = dict(positions)
            event, self._moved = self._moved, asyncio.Event()
            event.set()

    def count(self, segments: Sequence[Segment]) -> None:
        """Count a batch that was applied."""
        self._applied.add(sum(segment.count for segment in segments), self._attributes)
        for segment in segments:
            self._accepted_at[segment.lane] = segment.accepted_at
            self._heads[segment.lane] = max(self._heads.get(segment.lane, 0), segment.last_position)
        self.measure()

    def see_heads(self, heads: FeedHeads) -> None:
        """Record where the lanes end now."""
        self._heads = dict(heads.positions)
        self.measure()

    def measure(self) -> None:
        """Record how far each lane is behind."""
        now = self._clock.now()
        for lane, head in self._heads.items():
            attributes: dict[str, str | int] = {**self._attributes, LANE_ATTRIBUTE: lane}
            behind = max(0, head - self._positions.get(lane, 0))
            accepted_at = self._accepted_at.get(lane, now)
            self._lag_positions.set(behind, attributes)
            self._lag_seconds.set(max(0.0, (now - accepted_at).total_seconds()) if behind else 0.0, attributes)

    def count_violation(self, error: MeterlineError) -> None:
        """Count a proof that the feed has changed its history."""
        counter = self._gap if error.reason is Reason.FEED_GAP else self._diverged
        counter.add(1, {**self._attributes, "metering.reason": error.reason.value})

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

    def _reached(self, wanted: Mapping[int, int]) -> bool:
        return all(self._positions.get(lane, 0) >= position for lane, position in wanted.items())
