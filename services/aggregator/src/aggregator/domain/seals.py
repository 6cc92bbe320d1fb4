"""Frozen usage: what a snapshot holds, and the digest that proves it was not changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from aggregator.domain.aggregations import BY_NAME
from aggregator.domain.query import UsagePlan
from aggregator.domain.usage import MeterUsage
from eventlog.as_of import AsOf
from eventlog.period import Period
from money import ZERO, exact_arithmetic, format_decimal

_Group = frozenset[tuple[str, str]]
_Place = tuple[str, _Group, Period | None]
_Counted = tuple[Decimal, Decimal, int]
_ADD_UP: Final = frozenset({"SUM", "COUNT"})
"""Of these, the days of a group add up to its period."""


@dataclass(frozen=True, slots=True)
class SealKey:
    """What is sealed: the usage of one customer of a tenant in a period."""

    tenant: str
    customer: str
    period: Period


@dataclass(frozen=True, slots=True)
class SealOrder:
    """What to freeze, not before the grace is over; `amends_snapshot_id` is None for the first revision.

    `bounds` has the times, by meter, at which its days are cut.
    """

    customer: str
    period: Period
    not_before: datetime
    time_zone: str
    amends_snapshot_id: str | None
    bounds: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SnapshotWindow:
    """A civil day of one meter and group, frozen."""

    meter: str
    window: Period
    group: Mapping[str, str]
    quantity: Decimal
    event_count: int
    billable: Decimal | None = None
    is_other_group: bool = False
    """Whether it is all groups that the meter does not tell apart; then `group` has no values."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What was counted when usage was sealed."""

    usage: tuple[MeterUsage, ...]
    windows: tuple[SnapshotWindow, ...]
    as_of: AsOf


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Usage of a customer and period, frozen. Its windows are kept apart, because few ask for them.

    `windows_digest` is the SHA-256 of their text, empty for a snapshot of an older release.
    """

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
    windows_digest: bytes = b""

    def usage_of(self, meter: str) -> MeterUsage | None:
        """Return what is frozen of a meter."""
        return next((usage for usage in self.usage if usage.meter == meter), None)


@dataclass(frozen=True, slots=True)
class WindowPage:
    """Some windows of one meter, how many it has in all, and after how many of them the next page begins."""

    windows: Sequence[SnapshotWindow] = ()
    total_count: int = 0
    next_offset: int | None = None


def usage_document(usage: Sequence[MeterUsage]) -> list[dict[str, object]]:
    """Usage as plain data with one text form."""
    return [
        {
            "meter": meter.meter,
            "versions": list(meter.versions),
            "newest_version": meter.newest_version,
            "aggregation": meter.aggregation.NAME,
            "unit": meter.unit,
            "quantity": format_decimal(meter.quantity),
            "event_count": meter.event_count,
            "parked_count": meter.parked_count,
            **_billable_document(meter.billable),
        }
        for meter in usage
    ]


def _billable_document(billable: Decimal | None) -> dict[str, object]:
    """Say what is billed, where that is not the quantity: snapshots without it keep their text, and their digest."""
    return {} if billable is None else {"billable": format_decimal(billable)}


def _billable(document: Mapping[str, Any]) -> Decimal | None:
    return Decimal(document["billable"]) if "billable" in document else None


def windows_document(windows: Sequence[SnapshotWindow]) -> list[dict[str, object]]:
    """Windows as plain data with one text form."""
    return [
        {
            "meter": window.meter,
            "start": window.window.start.isoformat(),
            "end": window.window.end.isoformat(),
            "group": dict(window.group),
            "quantity": format_decimal(window.quantity),
            "event_count": window.event_count,
            **_billable_document(window.billable),
            # Windows without it keep their text, and their digest.
            **({"other_group": True} if window.is_other_group else {}),
        }
        for window in windows
    ]


def usage_from_documents(documents: Sequence[Mapping[str, Any]]) -> tuple[MeterUsage, ...]:
    """Return the usage that `usage_document` wrote."""
    return tuple(
        MeterUsage(
            meter=document["meter"],
            versions=tuple(document["versions"]),
            newest_version=document["newest_version"],
            aggregation=BY_NAME[document["aggregation"]],
            unit=document["unit"],
            quantity=Decimal(document["quantity"]),
            event_count=document["event_count"],
            parked_count=document["parked_count"],
            billable=_billable(document),
        )
        for document in documents
    )


def windows_from_documents(documents: Sequence[Mapping[str, Any]]) -> tuple[SnapshotWindow, ...]:
    """Return the windows that `windows_document` wrote."""
    return tuple(
        SnapshotWindow(
            meter=document["meter"],
            window=Period(datetime.fromisoformat(document["start"]), datetime.fromisoformat(document["end"])),
            group=document["group"],
            quantity=Decimal(document["quantity"]),
            event_count=document["event_count"],
            billable=_billable(document),
            is_other_group=document.get("other_group", False),
        )
        for document in documents
    )


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


def text_of(windows: Sequence[SnapshotWindow]) -> bytes:
    """The one text of windows, as it is stored."""
    return canonical_json(windows_document(windows))


def head_digest_of(snapshot: Snapshot) -> bytes:
    """SHA-256 of the canonical JSON of all that a snapshot says; for its windows stands their digest.

    So it can be checked without reading them, and it covers what `digest`, which others compare with, leaves out.
    """
    key = snapshot.key
    document = {
        "id": snapshot.snapshot_id,
        "tenant": key.tenant,
        "customer": key.customer,
        "period": {"start": key.period.start.isoformat(), "end": key.period.end.isoformat()},
        "revision": snapshot.revision,
        "amends": snapshot.amends_snapshot_id,
        "time_zone": snapshot.time_zone,
        "usage": usage_document(snapshot.usage),
        "as_of": snapshot.as_of.document(),
        "sealed_at": snapshot.sealed_at.isoformat(),
        "digest": snapshot.digest.hex(),
        "traceparent": snapshot.traceparent,
        "windows": snapshot.windows_digest.hex(),
    }
    return hashlib.sha256(canonical_json(document)).digest()


def basis_of(order: SealOrder, plan: UsagePlan, pages: Iterable[UUID]) -> bytes:
    """Return a digest of all that decides what a snapshot holds, to find it unchanged."""
    versions = [(part.name, [one.meter_id for one in part.projections]) for part in plan.parts]
    names = [meter.name for meter in plan.meters]
    asked = (order.time_zone, sorted(order.bounds.items()), plan.whenever().now_us, names, versions)
    return hashlib.sha256(repr((asked, sorted(pages))).encode()).digest()


def same_usage(earlier: Snapshot, now: Contents) -> bool:
    """Whether all quantities counted now are those that the snapshot holds; their groups may still differ.

    A meter without any event is as good as one that did not exist yet.
    """
    return _amounts(earlier.usage) == _amounts(now.usage)


def same_groups(earlier: Sequence[SnapshotWindow], now: Contents, cut: AbstractSet[str] = frozenset()) -> bool:
    """Whether the days of each group of a meter that adds up have as much in all: prices may go by groups, not by days.

    Of meters whose days are `cut`, each window has as much. Of those that don't add up, days of a group say nothing of
    the whole period.
    """
    add_up = {meter.meter for meter in now.usage if meter.aggregation.NAME in _ADD_UP}
    return _by_group(earlier, add_up, cut) == _by_group(now.windows, add_up, cut)


def _by_group(
    windows: Sequence[SnapshotWindow], meters: AbstractSet[str], cut: AbstractSet[str]
) -> dict[_Place, _Counted]:
    found: dict[_Place, _Counted] = {}
    with exact_arithmetic():
        for window in windows:
            if window.meter not in meters:
                continue
            # A property that a version of the meter does not have is as one that its events lack.
            group = frozenset((key, value) for key, value in window.group.items() if value)
            place = (window.meter, group, window.window if window.meter in cut else None)
            quantity, billable, events = found.get(place, (ZERO, ZERO, 0))
            found[place] = (
                quantity + window.quantity,
                billable + (ZERO if window.billable is None else window.billable),
                events + window.event_count,
            )
    return {place: counted for place, counted in found.items() if any(counted)}


def _amounts(usage: Sequence[MeterUsage]) -> dict[str, tuple[Decimal, Decimal | None, int]]:
    return {meter.meter: (meter.quantity, meter.billable, meter.event_count) for meter in usage if meter.event_count}
