"""Frozen usage: what a snapshot holds, and the digest that proves it was not changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eventlog.period import Period

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from aggregator.domain.usage import MeterUsage
    from eventlog.as_of import AsOf


@dataclass(frozen=True, slots=True)
class SealKey:
    """What is sealed: the usage of one customer of a tenant in a period."""

    tenant: str
    customer: str
    period: Period


@dataclass(frozen=True, slots=True)
class SealOrder:
    """What to freeze, not before the grace is over; `amends_snapshot_id` is empty for the first revision."""

    customer: str
    period: Period
    not_before: datetime
    time_zone: str
    amends_snapshot_id: str


@dataclass(frozen=True, slots=True)
class SnapshotWindow:
    """A civil day of one meter and group, frozen."""

    meter: str
    window: Period
    group: Mapping[str, str]
    quantity: str
    event_count: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What was counted when usage was sealed."""

    usage: tuple[MeterUsage, ...]
    windows: tuple[SnapshotWindow, ...]
    as_of: AsOf


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Usage of a customer and period, frozen. Its windows are kept apart, because few ask for them."""

    snapshot_id: str
    key: SealKey
    revision: int
    amends_snapshot_id: str | None
    time_zone: str
    usage: tuple[MeterUsage, ...]
    as_of: AsOf
    sealed_at: datetime
    digest: bytes
    traceparent: str


def usage_document(usage: Sequence[MeterUsage]) -> list[dict[str, object]]:
    """Usage as plain data with one text form."""
    return [
        {
            "meter": one.meter,
            "versions": list(one.versions),
            "newest_version": one.newest_version,
            "aggregation": one.aggregation.value,
            "unit": one.unit,
            "quantity": one.quantity,
            "event_count": one.event_count,
            "parked_count": one.parked_count,
        }
        for one in usage
    ]


def windows_document(windows: Sequence[SnapshotWindow]) -> list[dict[str, object]]:
    """Windows as plain data with one text form."""
    return [
        {
            "meter": one.meter,
            "start": one.window.start.isoformat(),
            "end": one.window.end.isoformat(),
            "group": dict(one.group),
            "quantity": one.quantity,
            "event_count": one.event_count,
        }
        for one in windows
    ]


def canonical_json(document: object) -> bytes:
    """The one text of plain data: keys sorted, no spaces, UTF-8."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest_of(key: SealKey, contents: Contents) -> bytes:
    """SHA-256 of the canonical JSON of customer, period, usage, windows and as_of."""
    document = {
        "customer": key.customer,
        "period": {"start": key.period.start.isoformat(), "end": key.period.end.isoformat()},
        "usage": usage_document(contents.usage),
        "windows": windows_document(contents.windows),
        "as_of": contents.as_of.document(),
    }
    return hashlib.sha256(canonical_json(document)).digest()


def same_usage(earlier: Snapshot, now: Contents) -> bool:
    """Whether what is counted now is what the snapshot holds: then there is nothing to amend.

    A meter without any event is as good as one that did not exist yet.
    """
    return _amounts(earlier.usage) == _amounts(now.usage)


def _amounts(usage: Sequence[MeterUsage]) -> dict[str, tuple[str, int]]:
    return {one.meter: (one.quantity, one.event_count) for one in usage if one.event_count}
