"""How the usage of meters must be told apart, so that it can be priced: by which properties, and at which times cut."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from rating.domain.pricing.calendar import PROPERTY
from rating.domain.pricing.continued import Continued

if TYPE_CHECKING:
    from eventlog.period import Period
    from rating.domain.billing_period import BillingPeriod
    from rating.domain.plans import PlanItem
    from rating.domain.pricing.calendar import Segment
    from rating.domain.pricing.price import Price


@dataclass(frozen=True, slots=True)
class CellQuestion:
    """By which properties usage of a meter is told apart; `segments` are those of its calendar, where it has one.

    Then the property `calendar` is the class in which usage happened, and no property of events.
    """

    by: tuple[str, ...]
    segments: tuple[Segment, ...] = ()

    @property
    def group_by(self) -> tuple[str, ...]:
        """The properties that the meter groups by."""
        return tuple(key for key in self.by if not self._is_derived(key))

    @property
    def bounds(self) -> tuple[datetime, ...]:
        """The times at which usage is cut."""
        return tuple(segment.start for segment in self.segments[1:])

    def extended(self, first: Iterable[str]) -> CellQuestion:
        """Return the same question that tells these properties as well, before the others."""
        return CellQuestion(tuple(dict.fromkeys((*first, *self.by))), self.segments)

    def values(self, group: Sequence[str], start: datetime | None) -> tuple[str, ...]:
        """Return the values of `by` of what has these of `group_by`, and began at `start`; None: at the first time."""
        given = iter(group)
        return tuple(self.class_at(start) if self._is_derived(key) else next(given) for key in self.by)

    def class_at(self, start: datetime | None) -> str:
        """Return the class of the calendar at a time."""
        if start is None:
            return self.segments[0].name
        return self.segments[bisect_right(self.segments, start, key=lambda one: one.start) - 1].name

    def is_of_one_class(self, window: Period) -> bool:
        """Whether a time lies in one segment of the calendar."""
        return not any(window.start < bound < window.end for bound in self.bounds)

    def _is_derived(self, key: str) -> bool:
        return key == PROPERTY and bool(self.segments)


Questions = Mapping[str, CellQuestion]


def groups_priced(items: Iterable[PlanItem]) -> Mapping[str, tuple[str, ...]]:
    """Return by which properties usage of meters must be told apart, for all of the items together."""
    found: dict[str, dict[str, None]] = {}
    for item in items:
        if item.price.by:
            found.setdefault(item.meter, {}).update(dict.fromkeys(item.price.by))
    return {meter: tuple(by) for meter, by in found.items()}


def cell_questions(items: Sequence[PlanItem], period: Period | BillingPeriod, zone: str) -> Questions:
    """Return how usage of a period must be told apart; `zone` is that of the contract."""
    cut = {item.meter: segments for item in items if (segments := _segments(item.price, period, zone))}
    return {meter: CellQuestion(by, cut.get(meter, ())) for meter, by in groups_priced(items).items()}


def _segments(price: Price, period: Period | BillingPeriod, zone: str) -> tuple[Segment, ...]:
    if isinstance(price.spread, Continued):
        return price.spread.segments
    return () if price.calendar is None else tuple(price.calendar.segments(period.start, period.end, zone))
