"""Entitlements that were asked for a moment ago, and which of them may have changed since."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
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
    is_being_read: bool = False


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
        self._readers: dict[EntitlementKey, list[dict[str, Reservation]]] = {}
        self.followed_s: float | None = None
        """The moment up to which every change of usage was seen, by a clock that only goes forward; None: unknown."""

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._entries)

    def find(self, key: EntitlementKey) -> Remembered | None:
        """Return what is remembered."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def keep(self, key: EntitlementKey, entry: Remembered) -> None:
        """Remember an entitlement."""
        self._entries[key] = entry
        self._entries.move_to_end(key)
        self._of_customer.setdefault((key.tenant, key.customer), set()).add(key)
        while len(self._entries) > self._entries_max:
            self._forget(next(iter(self._entries)))

    def changed(self, tenant: str, customer: str, since: datetime) -> None:
        """Note that usage of a customer changed, somewhere from a time on."""
        for key in self._of_customer.get((tenant, customer), ()):
            kept = self._entries[key]
            kept.has_changed = True
            if (
                isinstance(kept.found, Entitled)
                and kept.found.looks_back
                and since < kept.found.allowance.stretch.start
            ):
                # What is left of grants, and what was carried over, may be less: all of it is read again.
                kept.terms_read_s = -inf

    @contextmanager
    def reading(self, key: EntitlementKey) -> Iterator[dict[str, Reservation]]:
        """While reservations are read, gather what becomes of them meanwhile, by their ids."""
        noted: dict[str, Reservation] = {}
        readers = self._readers.setdefault(key, [])
        readers.append(noted)
        try:
            yield noted
        finally:
            readers[:] = [one for one in readers if one is not noted]
            if not readers:
                self._readers.pop(key, None)

    def reserved(self, key: EntitlementKey, reservation: Reservation) -> None:
        """Note what a reservation has become."""
        for noted in self._readers.get(key, ()):
            noted[reservation.id] = reservation
        kept = self._entries.get(key)
        if kept is not None and isinstance(kept.found, Entitled):
            kept.found = replace(
                kept.found, reservations=with_noted(kept.found.reservations, {reservation.id: reservation})
            )

    def drop_customer(self, tenant: str, customer: str) -> None:
        """Forget what is remembered of a customer."""
        for key in list(self._of_customer.get((tenant, customer), ())):
            self._forget(key)

    def drop_tenant(self, tenant: str) -> None:
        """Forget what is remembered of a tenant, whose catalog changed."""
        for key in [key for key in self._entries if key.tenant == tenant]:
            self._forget(key)

    def clear(self) -> None:
        """Forget everything: nobody knows what has changed."""
        self._entries.clear()
        self._of_customer.clear()
        self.followed_s = None

    def _forget(self, key: EntitlementKey) -> None:
        self._entries.pop(key, None)
        own = self._of_customer.get((key.tenant, key.customer), set())
        own.discard(key)
        if not own:
            self._of_customer.pop((key.tenant, key.customer), None)
