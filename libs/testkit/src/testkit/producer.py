"""A program that reports events without pause, and knows which of them were acknowledged, and when."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from meterline import Client, MeterlineError, UsageEvent
from meterline.uuid7 import uuid7
from testkit.wait import wait_until

_BATCH_EVENTS: Final = 50
# With a pause between batches, the suite has time for what else is asked of it.
_PAUSE_S: Final = 0.02
_LIMIT_S: Final = 120.0

Event = Mapping[str, Any]
"""An event by its names in proto JSON."""


@dataclass(frozen=True)
class Batch:
    """Events of one call, and when (`time.monotonic()`) they were acknowledged; None = nobody said so."""

    events: Sequence[Event]
    acknowledged_at_s: float | None


class Producer:
    """Reports what `make` makes of 0, 1, 2 and so on, in a backfill of its own, until it is stopped or unanswered."""

    def __init__(self, context: Path, make: Callable[[int], Event]) -> None:
        """Prepare; it begins as a context manager."""
        self._context = context
        self._make = make
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.batches: list[Batch] = []

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop and wait for the end."""
        self._stop.set()
        self._thread.join()

    def wait_for_more(self, batches: int) -> None:
        """Wait until so many more batches are acknowledged."""
        wanted = len(self.batches) + batches
        wait_until(lambda: len(self.batches) >= wanted, _LIMIT_S, what=f"{batches} more batches")

    def events(self, *, acknowledged_before_s: float | None = None) -> list[Event]:
        """Return what was sent: all of it, or what was acknowledged before a moment."""
        return [
            event
            for batch in list(self.batches)
            if acknowledged_before_s is None
            or (batch.acknowledged_at_s is not None and batch.acknowledged_at_s < acknowledged_before_s)
            for event in batch.events
        ]

    def _run(self) -> None:
        numbers = itertools.count()
        with Client.from_context(self._context) as client:
            opening = ingest_pb.OpenBackfillRequest(request_id=uuid7(), description="producer")
            backfill_id = client.call(client.aio.ingest.OpenBackfill(opening)).backfill.id
            while not self._stop.wait(_PAUSE_S):
                events = [self._make(next(numbers)) for _ in range(_BATCH_EVENTS)]
                try:
                    client.report([_usage_event(event) for event in events], backfill_id=backfill_id)
                except MeterlineError:
                    # It may have been taken or not, as always when an answer is lost; and nobody is there any more.
                    self.batches.append(Batch(events, None))
                    return
                self.batches.append(Batch(events, time.monotonic()))


def _usage_event(event: Event) -> UsageEvent:
    return UsageEvent(**{**event, "time": datetime.fromisoformat(event["time"])})
