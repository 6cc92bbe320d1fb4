"""Totals that are kept in memory and follow what is counted: whole quantities of one customer, meter and period.

What windows hold only adds up, so that what a batch added is put to what is there. Not before somebody asks: most of
what changes is not asked for until it has changed again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.aggregations.aggregation import OfWindows
from aggregator.domain.aggregations.over_time import OverTime
from aggregator.domain.columns import CodedTexts, ScaledNumbers
from aggregator.domain.reading import billable_of, counted_rows, within
from aggregator.domain.windows import Windows, merged, no_windows
from money import ZERO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from numpy.typing import NDArray

    from aggregator.domain.aggregations.aggregation import Aggregation
    from aggregator.domain.query import MeterPlan, UsagePlan
    from eventlog.as_of import AsOf
    from eventlog.period import Period

    Amount = tuple[Decimal, int, Decimal | None]

ENTRIES_MAX: Final = 20_000
"""Totals that are kept; who asks for more gets them from the database."""
WINDOWS_MAX: Final = 4_000_000
"""Windows and entries of all totals together, which bounds memory."""
_INT64_SAFE: Final = 2**62
_ADDED_MAX: Final = 16
"""So many additions wait to be put together, until somebody asks."""


@dataclass(frozen=True, slots=True)
class CurrentKey:
    """What is asked for."""

    tenant: str
    customer: str
    meter: str
    period: Period


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at the database saw: of the change feed its epoch and end, of the log how far it is counted.

    `catalog` is the number under which meters are, `at_s` when the look began, by the monotonic clock.
    """

    epoch: str
    position: int
    catalog: int
    as_of: AsOf
    at_s: float


@dataclass(frozen=True, slots=True)
class Total:
    """A whole quantity, and when it was surely right."""

    quantity: Decimal
    event_count: int
    seen: Seen
    unit: str
    filled: bool
    aggregation: Aggregation
    billable: Decimal | None = None
    """What is billed of it, where the meter rounds each event by itself."""


@dataclass(slots=True)
class Kept:
    """A total that is kept: the windows of the customer behind it, by versions of the meter, and what came since."""

    plan: UsagePlan
    seen: Seen
    windows: dict[int, Windows]
    filled: bool = True
    added: list[tuple[int, AddedPage]] = field(default_factory=list)
    size: int = 0
    answer: Amount | None = None

    @property
    def meter_ids(self) -> tuple[int, ...]:
        """The versions that matter: of the meter, or of those that it is computed from."""
        return tuple(projection.meter_id for part in self.plan.parts for projection in part.projections)

    @property
    def meters(self) -> frozenset[str]:
        """The meters that it is read from, by name."""
        return frozenset(part.name for part in self.plan.parts)

    @property
    def is_over_time(self) -> bool:
        """Whether the quantity grows while nothing happens."""
        return any(isinstance(part.aggregation, OverTime) for part in self.plan.parts)

    def quantity(self, now_us: int) -> Amount:
        """Return quantity, number of events and what is billed; `now_us` is until when what goes on counts."""
        if self.added:
            self._put_together()
        if self.answer is None or self.is_over_time:
            plan = replace(self.plan, now_us=now_us)
            self.answer = quantity_of(plan, {meter_id: [one] for meter_id, one in self.windows.items()})
        return self.answer

    def add(self, meter_id: int, page: AddedPage) -> None:
        """Add what a batch added for a version of the meter: a page, in which others may be, too."""
        self.added.append((meter_id, page))
        self.answer = None
        if len(self.added) > _ADDED_MAX:
            self._put_together()

    def _put_together(self) -> None:
        parts: dict[int, list[Windows]] = {meter_id: [one] for meter_id, one in self.windows.items()}
        for meter_id, page in self.added:
            parts.setdefault(meter_id, []).append(page.total(self.plan, meter_id))
        self.windows = {meter_id: together(own) for meter_id, own in parts.items()}
        self.size = sum(len(one) + len(one.entries) for one in self.windows.values())
        self.added.clear()


def quantity_of(plan: UsagePlan, windows: Mapping[int, Sequence[Windows]]) -> Amount:
    """Return what a plan for one customer, meter and window comes to; nothing where nothing happened.

    The windows of each version are totals already.
    """
    meter = plan.meters[0]
    if meter.formula is None and isinstance(meter.aggregation, OfWindows):
        own = [part for one in meter.projections for part in windows.get(one.meter_id, ())]
        whole = together(own)
        if len(whole) and int(whole.event_counts[0]) > 0:
            (quantity,) = meter.aggregation.quantities(whole)
            billed = meter.aggregation.billable(whole)
            return quantity, int(whole.event_counts[0]), billed[0] if billed else None
        return ZERO, 0, billable_of(meter, None)
    row = next(counted_rows(plan, windows), None)
    billable = billable_of(plan.meters[0], row)
    return (ZERO, 0, billable) if row is None else (row.quantity, row.event_count, billable)


def windows_of(page: Windows, customer: str) -> Windows:
    """Return the windows of one customer."""
    values = page.customers.values
    code = bisect_left(values, customer)
    if code == len(values) or values[code] != customer:
        return page.part(0, 0)
    first, last = np.searchsorted(page.customers.codes, [code, code + 1]).tolist()
    return page.part(first, last)


def totalled(plan: UsagePlan, meter_id: int, windows: Windows) -> Windows:
    """Return the windows of a version that matter to a plan as few.

    All times and groups are one, unless it matters when things were.
    """
    meter = _read_from(plan, meter_id)
    own = within(windows, meter.reads(plan.period), ())
    count = len(own)
    if not count or isinstance(meter.aggregation, OverTime):
        return own
    starts_us = np.full(count, plan.period.start_us, dtype=np.int64)
    groups = CodedTexts(["[]"], np.zeros(count, dtype=np.int64))
    return merged([replace(own, starts_us=starts_us, groups=groups)])


def _read_from(plan: UsagePlan, meter_id: int) -> MeterPlan:
    return next(part for part in plan.parts if any(one.meter_id == meter_id for one in part.projections))


def together(totals: Sequence[Windows]) -> Windows:
    """Put totals of one customer together, as `merged` does; most have no entries, and are two numbers to be added."""
    if len(totals) == 1:
        return totals[0]
    there = [one for one in totals if len(one)]
    if not there or any(len(one) > 1 or len(one.entries) or not _is_total(one, there[0]) for one in there):
        return merged(totals)
    scale = max(one.sums.scale for one in there)
    units = sum(int(one.sums.units[0]) * 10 ** (scale - one.sums.scale) for one in there)
    event_count = sum(int(one.event_counts[0]) for one in there)
    if not units and not event_count:
        return no_windows()
    sums: NDArray[np.int64] | NDArray[np.object_] = np.array([units], dtype=np.object_)
    return replace(
        there[0],
        event_counts=np.array([event_count], dtype=np.int64),
        sums=ScaledNumbers(sums if abs(units) > _INT64_SAFE else sums.astype(np.int64), scale),
        flush_ids=np.array([max(int(one.flush_ids[0]) for one in there)], dtype=np.int64),
    )


def _is_total(one: Windows, other: Windows) -> bool:
    return bool(one.starts_us[0] == other.starts_us[0]) and one.groups.values == other.groups.values


class AddedPage:
    """A page that a batch added, and what it comes to for each of its customers: reckoned once for all totals."""

    def __init__(self, page: Windows) -> None:
        """Reckon nothing yet."""
        self.page = page
        self._span_us = (int(page.starts_us.min()), int(page.starts_us.max())) if len(page) else (0, 0)
        self._totals: Windows | None = None
        self._rows: dict[str, int] = {}

    def total(self, plan: UsagePlan, meter_id: int) -> Windows:
        """Return what it adds to the total of a plan for one customer, for a version of its meter."""
        (customer,) = plan.customers
        meter = _read_from(plan, meter_id)
        if isinstance(meter.aggregation, OverTime) or not self._is_within(plan.period):
            return totalled(plan, meter_id, windows_of(self.page, customer))
        totals, row = self._all(), self._rows.get(customer)
        if row is None:
            return no_windows()
        starts_us = np.array([plan.period.start_us], dtype=np.int64)
        if len(totals.entries):
            return replace(totals.part(row, row + 1), starts_us=starts_us)
        only = np.zeros(1, dtype=np.int64)
        return Windows(
            CodedTexts([customer], only),
            starts_us,
            CodedTexts(["[]"], only),
            totals.event_counts[row : row + 1],
            ScaledNumbers(totals.sums.units[row : row + 1], totals.sums.scale),
            totals.flush_ids[row : row + 1],
            totals.entries,
        )

    def _is_within(self, period: Period) -> bool:
        """Whether all of it is, so that it comes to the same for all such periods."""
        first_us, last_us = self._span_us
        return not len(self.page) or (period.start_us <= first_us and last_us < period.end_us)

    def _all(self) -> Windows:
        if self._totals is None:
            nothing = np.zeros(len(self.page), dtype=np.int64)
            groups = CodedTexts(["[]"] if len(self.page) else [], nothing)
            self._totals = merged([replace(self.page, starts_us=nothing, groups=groups)])
            self._rows = {name: row for row, name in enumerate(self._totals.customers.texts())}
        return self._totals


class Memory:
    """Totals by what was asked for; what was asked for least recently goes first."""

    def __init__(self, entries_max: int = ENTRIES_MAX, windows_max: int = WINDOWS_MAX) -> None:
        """Keep so many at most."""
        self._entries_max = entries_max
        self._windows_max = windows_max
        self._kept: OrderedDict[CurrentKey, Kept] = OrderedDict()
        self._named: dict[tuple[str, str], set[CurrentKey]] = {}
        self._sizes: dict[CurrentKey, int] = {}
        self._size = 0
        self._read_by: set[tuple[str, int]] = set()
        """From which feeds and by which meters what is kept was read."""

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._kept)

    def get(self, key: CurrentKey) -> Kept | None:
        """Return a total."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def keep(self, key: CurrentKey, kept: Kept) -> None:
        """Keep a total, and let go of others."""
        self.drop(key)
        self._kept[key] = kept
        self._read_by.add((kept.seen.epoch, kept.seen.catalog))
        self._named.setdefault((key.tenant, key.customer), set()).add(key)
        self.weigh(key, kept)

    def weigh(self, key: CurrentKey, kept: Kept) -> None:
        """Note how much a total takes by now, unless it was let go of, or read anew, since its caller found it."""
        if self._kept.get(key) is not kept:
            return
        size = kept.size + 1
        self._size += size - self._sizes.get(key, 0)
        self._sizes[key] = size
        while self._kept and (len(self._kept) > self._entries_max or self._size > self._windows_max):
            self.drop(next(iter(self._kept)))

    def drop(self, key: CurrentKey) -> None:
        """Let go of a total."""
        if self._kept.pop(key, None) is None:
            return
        self._size -= self._sizes.pop(key)
        name = (key.tenant, key.customer)
        self._named[name].discard(key)
        if not self._named[name]:
            del self._named[name]

    def clear(self) -> None:
        """Let go of all."""
        self._kept.clear()
        self._named.clear()
        self._sizes.clear()
        self._size = 0

    def first_position(self) -> int | None:
        """Return where the change feed was when the oldest total was read; None where there is none."""
        return min((kept.seen.position for kept in self._kept.values()), default=None)

    def drop_unlike(self, seen: Seen) -> None:
        """Let go of what was read from another feed, or by other meters."""
        if self._read_by <= {(seen.epoch, seen.catalog)}:
            return
        for key, kept in list(self._kept.items()):
            if (kept.seen.epoch, kept.seen.catalog) != (seen.epoch, seen.catalog):
                self.drop(key)
        self._read_by = {(seen.epoch, seen.catalog)}

    def tenants(self) -> set[str]:
        """Return whose totals there are."""
        return {tenant for tenant, _ in self._named}

    def touched(self, tenant: str, customer: str, meter: str) -> list[tuple[CurrentKey, Kept]]:
        """Return the totals of a customer that are read from one meter or, where that is empty, all of them."""
        found = [(key, self._kept[key]) for key in self._named.get((tenant, customer), ())]
        return [(key, kept) for key, kept in found if not meter or meter in kept.meters]
