"""Spans and instruments of the aggregator; listed in docs/telemetry.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aggregator.domain.judging import HoldReason
from aggregator.domain.matching import ParkReason
from chassis.telemetry import counter_from_zero

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.metrics import Meter
    from opentelemetry.util.types import AttributeValue

    from aggregator.domain.seals import Contents, SealKey
    from aggregator.operations.folding import Applied
    from eventlog.feed.cursor import Segment

PROCESS_SPAN: Final = "process usage"
"""CONSUMER root span of one applied batch, linked to the distinct spans that published its segments."""
SEAL_SPAN: Final = "seal usage"
"""Span that freezes usage, linked to the batches that touched its windows."""
CONSUMER: Final = "metering.feed.consumer"
PARK_REASON: Final = "metering.park.reason"
LINKS_TOTAL: Final = "metering.links.total"
LINKS_OMITTED: Final = "metering.links.omitted"
SNAPSHOT_ID: Final = "metering.snapshot.id"
_CONSUMERS: Final = tuple({CONSUMER: kind} for kind in ("usage", "fill", "backlog"))
_PARKED: Final = tuple(
    {**kind, PARK_REASON: reason.value} for kind in _CONSUMERS for reason in (*ParkReason, *HoldReason)
)


def process_attributes(
    consumer: str, segments: Sequence[Segment], links: int, omitted: int
) -> dict[str, AttributeValue]:
    """Describe a batch: how much, from which lanes and positions; never whose, and no payload."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for segment in segments:
        first.setdefault(segment.lane, segment.first_position)
        last[segment.lane] = segment.last_position
    lanes = sorted(first)
    return {
        "messaging.system": "billing_feed",
        "messaging.operation.type": "process",
        "messaging.batch.message_count": sum(segment.count for segment in segments),
        CONSUMER: consumer,
        "metering.feed.segments": len(segments),
        "metering.feed.lanes": lanes,
        "metering.feed.first_positions": [first[lane] for lane in lanes],
        "metering.feed.last_positions": [last[lane] for lane in lanes],
        LINKS_TOTAL: links + omitted,
        LINKS_OMITTED: omitted,
    }


def seal_attributes(key: SealKey, revision: int, contents: Contents, omitted: int) -> dict[str, AttributeValue]:
    """Describe what is sealed."""
    return {
        "metering.customer": key.customer,
        "metering.period.start": key.period.start.isoformat(),
        "metering.period.end": key.period.end.isoformat(),
        "metering.snapshot.revision": revision,
        "metering.meters": len(contents.usage),
        "metering.events": sum(usage.event_count for usage in contents.usage),
        LINKS_OMITTED: omitted,
    }


class Instruments:
    """What the aggregator counts and measures. Tenants are never an attribute: their number has no bound."""

    def __init__(self, meter: Meter) -> None:
        self._windows = counter_from_zero(
            meter, "metering.aggregator.windows.updated", "{window}", "Windows touched by flushes", _CONSUMERS
        )
        self._parked = counter_from_zero(
            meter, "metering.aggregator.events.parked", "{event}", "Events a meter could not count, by reason", _PARKED
        )
        self._unmatched = counter_from_zero(
            meter, "metering.aggregator.events.unmatched", "{event}", "Events that no meter asks for", _CONSUMERS
        )
        self._in_other_groups = counter_from_zero(
            meter,
            "metering.aggregator.events.other_groups",
            "{event}",
            "Events counted in the group of all that their meter does not tell apart, because it has METER_GROUPS_MAX",
            _CONSUMERS,
        )
        self._fold_duration = meter.create_histogram(
            "metering.aggregator.fold.duration", unit="s", description="Folding one batch in memory"
        )

        self._reread = counter_from_zero(
            meter, "metering.aggregator.reconcile.positions", "{position}", "Positions of the log read again to compare"
        )
        self._difference = meter.create_gauge(
            "metering.aggregator.reconcile.difference",
            unit="{event}",
            description="Events that are not where they have to be, by the last comparison; more than 0: see the log",
        )

        self._fill_left = meter.create_gauge(
            "metering.aggregator.fill.left",
            unit="{position}",
            description="Positions of the log that the fills of new and changed meters still have to read",
        )

    def filling(self, *, positions_left: int) -> None:
        """Measure how much the fills have left to do."""
        self._fill_left.set(positions_left)

    def reconciled(self, *, positions: int, difference: int) -> None:
        """Measure a step of the comparison of usage with the log."""
        self._reread.add(positions)
        self._difference.set(difference)

    def applied(self, consumer: str, applied: Applied) -> None:
        """Measure one batch."""
        attributes = {CONSUMER: consumer.partition(":")[0]}
        self._fold_duration.record(applied.fold_s, attributes)
        self._windows.add(applied.windows, attributes)
        for reason, events in applied.parked.items():
            self._parked.add(events, {**attributes, PARK_REASON: reason})
        self._unmatched.add(applied.unmatched, attributes)
        self._in_other_groups.add(applied.in_other_groups, attributes)
