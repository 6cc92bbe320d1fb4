"""What the use cases work with."""

from __future__ import annotations

from asyncio import Event, Semaphore, Task
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.clock import Clock
from eventlog.feed.completeness import Completeness
from eventlog.feed.progress import FeedBoard
from eventlog.period import Period
from rating.domain.billing_period import BillingPeriod
from rating.domain.cell_questions import CellQuestion, Questions
from rating.domain.cells import Cells
from rating.domain.charges import AskedQuantity, AskedTotals, CurrentQuantity, Usage
from rating.domain.cost import AskedUsage, UsageByWindow
from rating.domain.entitlements import Entitled, Verdict
from rating.domain.meters import KnownMeter
from rating.domain.remembered import EntitlementKey, RememberedEntitlements
from rating.domain.setbacks import Setbacks
from rating.domain.unbilled import SuspectSpan, UnbilledUsage, UsageExtents
from rating.telemetry import Instruments

_READ_BESIDE_MAX: Final = 4
HandedThrough = Any
"""What the aggregator tells whoever asked us: nobody between the two looks into it."""


class Aggregator(Protocol):
    """What the use cases ask of the aggregator."""

    async def totals(self, customer: str, period: Period | BillingPeriod, questions: Questions = ...) -> Usage:
        """Return the usage of all meters of a customer and period as it is now; of some also by their groups.

        Raises NotFound METER_NOT_FOUND and InvalidRequest GROUP_UNKNOWN for groups that there are not.
        """
        ...

    async def many_totals(self, asked: Sequence[AskedTotals]) -> Sequence[Usage]:
        """Return the same for many customers and periods, in order and all of one moment; any error is that of all."""
        ...

    async def currents(self, asked: Sequence[AskedQuantity]) -> Sequence[CurrentQuantity]:
        """Return whole quantities from the aggregator's memory, in order. Raises NotFound METER_NOT_FOUND for any."""
        ...

    async def usage_by_window(
        self,
        asked: AskedUsage,
        meter: str,
        *,
        group_by: Sequence[str] = (),
        running: bool = False,
        bounds: Sequence[datetime] = (),
    ) -> UsageByWindow:
        """Return usage of one meter by windows and groups; with `running`, each from the start of the time asked for.

        `bounds` cut the time where windows of a size don't.

        Raises Conflict if the log is restored meanwhile, and TooBig.
        """
        ...

    async def meters(self) -> Mapping[str, KnownMeter]:
        """Return the meters that there are, by name."""
        ...

    async def described_meters(self, customer: str) -> Mapping[str, KnownMeter]:
        """Return the same to a caller that acts for a customer."""
        ...

    async def seal(
        self,
        customer: str,
        period: BillingPeriod,
        *,
        not_before: datetime,
        time_zone: str,
        amends_snapshot_id: str,
        questions: Questions,
    ) -> Usage:
        """Freeze the usage of a customer and period; the same when asked again.

        Days are cut where `questions` need it.
        """
        ...

    async def snapshot(
        self, snapshot_id: str, meter: str, page_size: int, page_token: str
    ) -> tuple[Usage, HandedThrough]:
        """Return the usage of a snapshot, and what is handed through of it: a page of the windows of a meter."""
        ...

    async def frozen_cells(self, snapshot_id: str, meter: str, question: CellQuestion) -> Cells:
        """Return what a snapshot holds of a meter whose days add up, by values of properties.

        Raises Conflict if its days are not cut where the question needs it.
        """
        ...

    async def extents(
        self,
        customers: Sequence[str],
        meter: str,
        *,
        from_customer: str,
        customers_max: int,
        freshness: HandedThrough = None,
    ) -> UsageExtents:
        """Return whose usage there is, and when, customer by customer; `freshness` as the caller asked for it."""
        ...

    async def unbilled_in(self, spans: Sequence[SuspectSpan]) -> Sequence[UnbilledUsage]:
        """Return what is in spans: usage for the reason of its stretch, and parked events."""
        ...

    async def unmatched(self, period: Period | None) -> Sequence[UnbilledUsage]:
        """Return the events that no meter asks for, by type."""
        ...

    def events(
        self, snapshot_id: str, meter: str, *, only_amendment: bool, after: HandedThrough, limit: int
    ) -> AsyncGenerator[Sequence[HandedThrough], None]:
        """Yield the events that a snapshot counts for a meter, page by page; those after a place, unless it is None."""
        ...


class Watching:
    """Who watches charges of which customer, and how long is waited for changes of them."""

    def __init__(self, draining: Event | None = None, keepalive_s: float = 15.0, gather_s: float = 0.5) -> None:
        """Watch until `draining`; nothing is sent for `keepalive_s` at most, and `gather_s` lie between two answers."""
        self.draining = draining or Event()
        self.keepalive_s = keepalive_s
        self.gather_s = gather_s
        self._changed: dict[tuple[str, str], set[Event]] = {}

    @contextmanager
    def of(self, tenant: str, customer: str) -> Iterator[Event]:
        """Yield what is set whenever usage of a customer changes."""
        changed = Event()
        self._changed.setdefault((tenant, customer), set()).add(changed)
        try:
            yield changed
        finally:
            left = self._changed[tenant, customer]
            left.remove(changed)
            if not left:
                del self._changed[tenant, customer]

    def changed(self, tenant: str, customer: str) -> None:
        """Say that usage of a customer has changed."""
        for event in self._changed.get((tenant, customer), ()):
            event.set()

    def all_changed(self) -> None:
        """Say that any usage may have changed: nobody has looked for a while."""
        for events in self._changed.values():
            for event in events:
                event.set()


@dataclass(frozen=True, slots=True)
class Deps:
    """Made once per process."""

    engine: AsyncEngine
    clock: Clock
    aggregator: Aggregator
    instruments: Instruments
    board: FeedBoard = field(default_factory=FeedBoard)
    """Where the consumers of this process show how far they are."""
    completeness: Completeness = field(default_factory=Completeness)
    """Until when stored charges are complete, by the place in the aggregator's change feed that is applied."""
    setbacks: Setbacks = field(default_factory=Setbacks)
    entitlements: RememberedEntitlements = field(default_factory=RememberedEntitlements)
    """Entitlements that were asked for a moment ago."""
    reading: dict[EntitlementKey, Task[Entitled | Verdict]] = field(default_factory=dict)
    """Entitlements that are read at this moment, each once for all who ask for it."""
    reading_places: Semaphore = field(default_factory=lambda: Semaphore(_READ_BESIDE_MAX))
    """For those that are read beside answers from memory: few at once, so that they don't hold up the answers."""
    watching: Watching = field(default_factory=Watching)
