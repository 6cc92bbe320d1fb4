"""Entitlements that were asked for a moment ago, and which of them may have changed since."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from math import inf
from typing import Final, NamedTuple

from rating.domain.entitlements import Entitled, Verdict
from rating.domain.reservations import Reservation

ENTRIES_MAX: Final = 50_000
"""Entitlements that are kept; who asks for more has them read each time."""


class EntitlementKey(NamedTuple):
    """What an entitlement is of."""

    tenant: str
    customer: str
    feature: str


@dataclass(slots=True)
class Remembered:
    """An entitlement, or why there is none, with the moments at which its terms, and usage and holds, were read."""

    found: Entitled | Verdict
    terms_read_s: float
    counted_s: float
    has_changed: bool = False
    """Whether the change feed has named its customer since."""

    def change(self, since: datetime) -> None:
        """Note that usage changed, somewhere from a time on."""
        self.has_changed = True
        found = self.found
        if isinstance(found, Entitled) and found.looks_back and since < found.allowance.stretch.start:
            # What is left of grants, and what was carried over, may be less: all of it is read again.
            self.terms_read_s = -inf


@dataclass(slots=True)
class Reading:
    """What happens to an entitlement while it is read: what is read may be from before it."""

    key: EntitlementKey
    reservations: dict[str, Reservation] = field(default_factory=dict)
    """What became of reservations, by their ids."""
    changed_since: datetime | None = None
    """From where on usage changed; None: nowhere."""
    is_outdated: bool = False
    """Whether terms changed, or nobody knows what did."""


def with_noted(read: Iterable[Reservation], noted: Mapping[str, Reservation]) -> tuple[Reservation, ...]:
    """Return reservations as they were read, but for those of which something later is known."""
    return (*(one for one in read if one.id not in noted), *noted.values())


class RememberedEntitlements:
    """What was asked for least recently goes first."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        """Remember nothing yet."""
        self._entries_max = entries_max
        self._entries: OrderedDict[EntitlementKey, Remembered] = OrderedDict()
        self._of_customer: dict[tuple[str, str], set[EntitlementKey]] = {}
        self._readings: dict[tuple[str, str], list[Reading]] = {}
        self._due: dict[EntitlementKey, None] = {}
        self.followed_s: float | None = None
        """The moment up to which every change of usage was seen, by a clock that only goes forward; None: unknown."""

    def ask_again(self, key: EntitlementKey) -> None:
        """Note that an entitlement that may be old was asked for: it is to be counted again."""
        self._due[key] = None

    def take_due(self, most: int) -> list[EntitlementKey]:
        """Take what is to be counted again, of one tenant, what has waited longest first."""
        if not self._due:
            return []
        tenant = next(iter(self._due)).tenant
        found = list(islice((key for key in self._due if key.tenant == tenant), most))
        for key in found:
            del self._due[key]
        return found

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._entries)

    def find(self, key: EntitlementKey) -> Remembered | None:
        """Return what is remembered."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def keep(self, reading: Reading, entry: Remembered) -> None:
        """Remember an entitlement that was just read, unless it is outdated already."""
        if reading.is_outdated:
            return
        if reading.changed_since is not None:
            entry.change(reading.changed_since)
        key = reading.key
        self._entries[key] = entry
        self._entries.move_to_end(key)
        self._of_customer.setdefault((key.tenant, key.customer), set()).add(key)
        while len(self._entries) > self._entries_max:
            self._forget(next(iter(self._entries)))

    def changed(self, tenant: str, customer: str, since: datetime) -> None:
        """Note that usage of a customer changed, somewhere from a time on."""
        for key in self._of_customer.get((tenant, customer), ()):
            self._entries[key].change(since)
        for reading in self._readings.get((tenant, customer), ()):
            reading.changed_since = since if reading.changed_since is None else min(since, reading.changed_since)

    @contextmanager
    def reading(self, key: EntitlementKey) -> Iterator[Reading]:
        """While an entitlement is read, gather what happens to it meanwhile."""
        reading = Reading(key)
        under_way = self._readings.setdefault((key.tenant, key.customer), [])
        under_way.append(reading)
        try:
            yield reading
        finally:
            under_way[:] = [one for one in under_way if one is not reading]
            if not under_way:
                self._readings.pop((key.tenant, key.customer), None)

    def reserved(self, key: EntitlementKey, reservation: Reservation) -> None:
        """Note what a reservation has become."""
        for reading in self._readings.get((key.tenant, key.customer), ()):
            if reading.key == key:
                reading.reservations[reservation.id] = reservation
        kept = self._entries.get(key)
        if kept is not None and isinstance(kept.found, Entitled):
            noted = {reservation.id: reservation}
            kept.found = replace(kept.found, reservations=with_noted(kept.found.reservations, noted))

    def drop_customer(self, tenant: str, customer: str) -> None:
        """Forget what is remembered of a customer, who was granted something."""
        for key in list(self._of_customer.get((tenant, customer), ())):
            self._forget(key)
        for reading in self._readings.get((tenant, customer), ()):
            reading.is_outdated = True

    def drop_tenant(self, tenant: str) -> None:
        """Forget what is remembered of a tenant, whose catalog changed."""
        for key in [key for key in self._entries if key.tenant == tenant]:
            self._forget(key)
        self._outdate(tenant)

    def clear(self) -> None:
        """Forget everything: nobody knows what has changed."""
        self._entries.clear()
        self._of_customer.clear()
        self._outdate(None)
        self.followed_s = None

    def _outdate(self, tenant: str | None) -> None:
        for under_way in self._readings.values():
            for reading in under_way:
                reading.is_outdated |= tenant in (None, reading.key.tenant)

    def _forget(self, key: EntitlementKey) -> None:
        self._entries.pop(key, None)
        own = self._of_customer.get((key.tenant, key.customer), set())
        own.discard(key)
        if not own:
            self._of_customer.pop((key.tenant, key.customer), None)
