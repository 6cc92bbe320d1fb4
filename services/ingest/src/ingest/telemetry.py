"""Spans and instruments of ingest; listed in docs/telemetry.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chassis.telemetry import counter_from_zero

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import CallbackOptions, Meter, Observation

PUBLISH_SPAN: Final = "publish usage"
"""PRODUCER span of one segment, child of or linked to each call in it; its traceparent is stored on the segment."""

EVENT_COUNT: Final = "messaging.batch.message_count"

_OUTCOMES: Final = ("accepted", "duplicate", "conflict", "refused")
_OUTCOME_ATTRIBUTES: Final = {outcome: {"metering.outcome": outcome} for outcome in _OUTCOMES}


class Instruments:
    """What ingest counts and measures. Tenants are never an attribute: their number has no bound."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._events = counter_from_zero(
            meter,
            "metering.ingest.events",
            "{event}",
            "Events reported, by what became of them",
            _OUTCOME_ATTRIBUTES.values(),
        )
        self._commit_duration = meter.create_histogram(
            "metering.ingest.commit.duration",
            unit="s",
            description="One group commit, from its first statement to COMMIT",
        )
        self._group_events = meter.create_histogram(
            "metering.ingest.group.events", unit="{event}", description="Events in one group commit"
        )
        self._look_ups = counter_from_zero(
            meter, "metering.ingest.lookups", "{lookup}", "Groups whose keys were looked up for duplicates"
        )

    def observe_queue(self, observe: Callable[[CallbackOptions], Iterable[Observation]]) -> None:
        """Let the exporter ask how many events wait for a commit."""
        self._meter.create_observable_gauge(
            "metering.ingest.queue.events",
            callbacks=[observe],
            unit="{event}",
            description="Events waiting for a commit",
        )

    def reported(self, *, accepted: int, duplicates: int, conflicts: int, refused: int) -> None:
        """Count the events of one batch."""
        for outcome, count in zip(_OUTCOMES, (accepted, duplicates, conflicts, refused), strict=True):
            if count:
                self._events.add(count, _OUTCOME_ATTRIBUTES[outcome])

    def committed(self, *, events: int, duration_s: float) -> None:
        """Measure one group commit."""
        self._commit_duration.record(duration_s)
        self._group_events.record(events)

    def looked_up(self) -> None:
        """Count one search for duplicates."""
        self._look_ups.add(1)
