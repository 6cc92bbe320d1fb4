"""Tells whoever watches that usage has changed: usage of each watched customer is looked at once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from chassis.errors import MeterlineError
from chassis.logs import get_logger
from chassis.tasks import wait_or_stop
from portal.operations.periods import found_in
from portal.operations.viewers import act_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from portal.domain.periods import ContractPeriod
    from portal.domain.usage import MeterCounts
    from portal.domain.viewers import Viewer
    from portal.operations.deps import Deps

LOOKS_PER_S: Final = 50.0
"""Most questions a second that watching asks in all: with many watched customers, each is looked at less often."""
_log = get_logger(__name__)


@dataclass(slots=True, eq=False)
class Watch:
    """What one page watches, and what has changed since it was told last."""

    tenant: str
    customer: str
    billing_period: str
    hidden: frozenset[str]
    changed: set[str] = field(default_factory=set)
    """Meters that have changed."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    is_new: bool = True
    """Whether nothing was looked at for it yet: what it shows may be older than what others were told."""
    complete_until: datetime | None = None
    """All that was accepted by then was looked at; what was told as changed includes it."""

    def take(self) -> Sequence[str]:
        """Return what has changed, and begin anew."""
        self.woken.clear()
        taken, self.changed = sorted(self.changed), set()
        return taken


class Changes:
    """All watches of this process, and the loop that looks at what they watch."""

    def __init__(self, deps: Deps, interval_s: float) -> None:
        """Look at each watched customer every `interval_s` seconds."""
        self._deps = deps
        self._interval_s = interval_s
        self._watches: set[Watch] = set()
        self._seen: dict[tuple[str, str, str], Mapping[str, int]] = {}
        self._periods: dict[tuple[str, str, str], ContractPeriod] = {}

    @contextmanager
    def watching(self, viewer: Viewer, billing_period: str) -> Iterator[Watch]:
        """Watch a period's usage for the block."""
        hidden = frozenset(viewer.profile.hidden_meters)
        watch = Watch(viewer.tenant, viewer.customer, billing_period, hidden)
        self._watches.add(watch)
        self._deps.instruments.streams(len(self._watches))
        try:
            yield watch
        finally:
            self._watches.discard(watch)
            self._deps.instruments.streams(len(self._watches))

    async def run(self, stop: asyncio.Event) -> None:
        """Look at what is watched until told to stop."""
        while not stop.is_set():
            watched = self._by_subject()
            for subject in watched:
                await self._look(subject, watched[subject])
            pause_s = max(self._interval_s, len(watched) / LOOKS_PER_S)
            await wait_or_stop(pause_s, stop, self._deps.clock.sleep)

    def _by_subject(self) -> Mapping[tuple[str, str, str], Sequence[Watch]]:
        """Return the watches by what they watch, and forget what nobody watches any more."""
        found: dict[tuple[str, str, str], list[Watch]] = {}
        for watch in self._watches:
            found.setdefault((watch.tenant, watch.customer, watch.billing_period), []).append(watch)
        self._seen = {subject: seen for subject, seen in self._seen.items() if subject in found}
        self._periods = {subject: period for subject, period in self._periods.items() if subject in found}
        return found

    async def _look(self, subject: tuple[str, str, str], watches: Sequence[Watch]) -> None:
        """Tell the watches of one customer and period which meters have counted more since the last look, if any."""
        # A task of its own: for whom it asks must not stay with the loop.
        try:
            counts = await asyncio.create_task(self._counts(subject))
        except MeterlineError as error:
            # Pages keep what they show, and ask for it themselves once the neighbor is back.
            _log.warning("usage that is watched can't be looked at", reason=error.reason.value)
            return
        before, events = self._seen.get(subject, {}), counts.events
        self._seen[subject] = events
        changed = {meter for meter in events.keys() | before.keys() if events.get(meter) != before.get(meter)}
        for watch in watches:
            watch.complete_until = counts.freshness.complete_until
            # What was counted between a page's own question and its first look is not known: it asks once more.
            news = (set(events) if watch.is_new else changed) - watch.hidden
            watch.is_new = False
            if news:
                watch.changed |= news
                watch.woken.set()

    async def _counts(self, subject: tuple[str, str, str]) -> MeterCounts:
        tenant, customer, billing_period = subject
        act_for(tenant, customer)
        period = self._periods.get(subject)
        if period is None or self._deps.clock.now() >= period.end:
            period = found_in(await self._deps.rating.periods(customer), billing_period, self._deps)
            self._periods[subject] = period
        return await self._deps.aggregator.counts(customer, period.start, period.end)
