"""How much of one tenant the live fold counts at once, so that others need not wait for it. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

TENANT_TARGET_MS: Final = 250
"""Events of one tenant that take longer than this make the share smaller."""
_SMALLEST: Final = 100
_GROWTH: Final = 4
"""Events in time let the share grow by this part."""


class Share:
    """The number of events of one tenant that are counted at once beside other tenants, `events_max` at most."""

    def __init__(self, events_max: int) -> None:
        """Begin small: what an event costs is learned."""
        self._events_max = events_max
        self.events = -(-events_max // _GROWTH)

    def exceeded_by(self, counts: Iterable[tuple[str, int]], counting: Collection[str]) -> set[str]:
        """Return the tenants that add up to more events than this and would delay others.

        `counts` are numbers of events by tenant, `counting` are the tenants that have meters: nobody is delayed by a
        tenant without, and a tenant that is alone delays nobody.
        """
        totals: Counter[str] = Counter()
        for tenant, count in counts:
            totals[tenant] += count
        if len(counting) < 2:  # noqa: PLR2004 - two share
            return set()
        return {tenant for tenant, total in totals.items() if total > self.events and tenant in counting}

    def took(self, events: int, duration_ms: int) -> None:
        """Learn from events of one tenant that were counted in `duration_ms`; few of them tell nothing."""
        if duration_ms > TENANT_TARGET_MS:
            self.events = min(self.events, max(_SMALLEST, events // 2))
        elif events * _GROWTH >= self.events:
            self.events = min(self._events_max, self.events + self.events // _GROWTH + 1)
