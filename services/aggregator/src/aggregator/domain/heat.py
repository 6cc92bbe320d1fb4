"""Heat maps: usage by the hour of the week in a zone, put together from what windows hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from aggregator.domain.aggregations.over_time import OverTime
from aggregator.domain.calendar import hour_of_week, hours_of_week_in, zone_named
from aggregator.domain.query import plan_meter, plan_query
from aggregator.domain.reading import rows_of
from aggregator.domain.windows import merged
from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    from aggregator.domain.calendar import HourOfWeek
    from aggregator.domain.meters import CountingMeter
    from aggregator.domain.query import UsagePlan, UsageQuery
    from aggregator.domain.summaries import Gathered
    from aggregator.domain.usage import UsageSource
    from eventlog.as_of import AsOf

_MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class HeatCell:
    """All that happened in an hour of the week, and how many minutes of the period lie in such an hour."""

    hour: HourOfWeek
    minutes: int
    quantity: Decimal
    event_count: int


@dataclass(frozen=True, slots=True)
class HeatAnswer:
    """The cells that a period has, by weekday and hour."""

    cells: Sequence[HeatCell]
    unit: str
    as_of: AsOf
    filled: bool
    source: UsageSource
    other_left_out: bool
    """Whether filters left out groups that the meter does not tell apart."""


def plan_heat(query: UsageQuery, meters: Sequence[CountingMeter], now: datetime) -> UsagePlan:
    """Plan a heat map, by the versions of a meter: each window lies in one hour of the week. Raises Refused."""
    # First of all: nobody should narrow a question down that has no answer.
    for part in plan_meter(meters, query.period, ()).parts:
        if isinstance(part.aggregation, OverTime):
            message = f"has no hours of the week: {part.aggregation} is not put together from them; ask for hours"
            raise Refused("meter", Reason.WINDOW_INVALID, message)
    plan = plan_query(query, meters, now)
    return replace(plan, windows=tuple(hours_of_week_in(query.period, zone_named(query.time_zone), plan.grid_us)))


def heat_cells(query: UsageQuery, gathered: Gathered) -> list[HeatCell]:
    """Return the cells, given all windows as the plan asks for them."""
    zone, plan = zone_named(query.time_zone), gathered.plan
    hour_of = [hour_of_week(window.start, zone) for window in plan.windows]
    hours = sorted(set(hour_of))
    place_of = {hour: place for place, hour in enumerate(hours)}
    places = np.array([place_of[hour] for hour in hour_of], dtype=np.int64)
    minutes: Counter[HourOfWeek] = Counter()
    for window, hour in zip(plan.windows, hour_of, strict=True):
        minutes[hour] += (window.end_us - window.start_us) // _MINUTE_US
    whole = tuple(merged([replace(part, starts_us=places[part.starts_us])]) for part in gathered.parts)
    found = {row.key.window_number: (row.quantity, row.event_count) for row in rows_of(plan, 0, whole)}
    return [HeatCell(hour, minutes[hour], *found.get(place, (ZERO, 0))) for place, hour in enumerate(hours)]
