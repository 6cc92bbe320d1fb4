"""Entitlements that were asked for a moment ago, and which of them may have changed since."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile
from math import inf
from typing import Final, NamedTuple

from rating.domain.entitlements import Entitled, Verdict
from rating.domain.heard import Heard, RecentChanges
from rating.domain.reservations import Reservation

ENTRIES_MAX: Final = 50_000
"""Entitlements that are kept; who asks for more has them read each time."""
ASKED_S: Final = 30
"""What was asked for so long ago at most is counted again as its usage changes, before anybody asks again."""


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
    changed_s: float = -inf
    """When the change feed last named its customer."""
    asked_s: float = -inf
    """When it was last asked for."""

    @property
    def has_changed(self) -> bool:
        """Whether usage may have changed since the moment that what is counted is of."""
        found = self.found
        return isinstance(found, Entitled) and found.counted is not None and found.counted.seen_s < self.changed_s

    def known(self, followed_s: float | None) -> Entitled | Verdict:
        """Return what was found, with the last moment at which it was surely so; `followed_s` as in the memory."""
        found = self.found
        if not isinstance(found, Entitled) or found.counted is None or followed_s is None or self.has_changed:
            return found
        # Nobody has heard of a change since.
        return replace(found, counted=replace(found.counted, seen_s=max(found.counted.seen_s, followed_s)))

    def change(self, heard: Heard, followed_s: float | None = None) -> None:
        """Note that usage changed; up to `followed_s` every change was heard before this one."""
        found = self.found
        if not isinstance(found, Entitled):
            return
        self.found = self.known(followed_s)
        self.changed_s = max(self.changed_s, heard.at_s)
        if found.looks_back and heard.since < found.allowance.stretch.start:
            # What is left of grants, and what was carried over, may be less: all of it is read again.
            self.terms_read_s = -inf


@dataclass(slots=True)
class Reading:
    """What happens to an entitlement while it is read: what is read may be from before it."""

    key: EntitlementKey
    reservations: dict[str, Reservation] = field(default_factory=dict)
    """What became of reservations, by their ids."""
    heard: Heard | None = None
    """The last change of usage, and from where on usage changed; None: nowhere."""
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
        self._due: dict[EntitlementKey, float] = {}
        self._recent = RecentChanges()
        self.followed_s: float | None = None
        """The moment up to which every change of usage was seen, by a clock that only goes forward; None: unknown."""

    def ask_again(self, key: EntitlementKey, now_s: float) -> None:
        """Note that an entitlement that may be old was asked for, or has changed: it is to be counted again."""
        self._due.setdefault(key, now_s)

    def take_due(self, most: int, noted_until_s: float) -> list[EntitlementKey]:
        """Take what was noted to be counted again until a moment, of one tenant, what has waited longest first."""
        waiting = takewhile(lambda one: one[1] <= noted_until_s, self._due.items())
        first = next(waiting, None)
        if first is None:
            return []
        tenant = first[0].tenant
        found = [first[0], *islice((key for key, _ in waiting if key.tenant == tenant), most - 1)]
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
        key = reading.key
        before = self._entries.get(key)
        if before is not None:
            entry.asked_s = max(entry.asked_s, before.asked_s)
        if reading.heard is not None:
            entry.change(reading.heard)
        self._compare(key, entry)
        if entry.has_changed and entry.changed_s - entry.asked_s <= ASKED_S:
            self.ask_again(key, entry.changed_s)
        self._entries[key] = entry
        self._entries.move_to_end(key)
        self._of_customer.setdefault((key.tenant, key.customer), set()).add(key)
        while len(self._entries) > self._entries_max:
            self._forget(next(iter(self._entries)))

    def _compare(self, key: EntitlementKey, entry: Remembered) -> None:
        """Have an entry know what was heard before it was read, and may not be counted in it."""
        found, recent = entry.found, self._recent
        if isinstance(found, Entitled) and found.counted is not None:
            heard = recent.of(key.tenant, key.customer)
            if heard is not None and heard.at_s > found.counted.seen_s:
                entry.change(heard)
            if found.counted.seen_s < recent.complete_from_s < inf:
                entry.changed_s = max(entry.changed_s, recent.complete_from_s)

    def changed(self, tenant: str, customer: str, heard: Heard) -> None:
        """Note that usage of a customer changed; what is asked for now and then is counted again beside."""
        self._recent.note(tenant, customer, heard)
        for key in self._of_customer.get((tenant, customer), ()):
            entry = self._entries[key]
            entry.change(heard, self.followed_s)
            if heard.at_s - entry.asked_s <= ASKED_S:
                self.ask_again(key, heard.at_s)
        for reading in self._readings.get((tenant, customer), ()):
            since = heard.since if reading.heard is None else min(heard.since, reading.heard.since)
            reading.heard = Heard(heard.at_s, since)

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

    def clear(self, now_s: float) -> None:
        """Forget everything: nobody knows what has changed until now."""
        self._recent.restart(now_s)
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
