"""The value below which a share of the buckets lies."""

from __future__ import annotations

from bisect import insort
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from aggregator.domain.aggregations.aggregation import Totals
from aggregator.domain.aggregations.over_time import OverTime, TimedRow
from aggregator.domain.columns import run_starts
from money import ZERO, exact_arithmetic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aggregator.domain.aggregations.aggregation import Added, OfWindows
    from aggregator.domain.aggregations.groups import Groups
    from aggregator.domain.aggregations.over_time import Asked, Moment
    from aggregator.domain.aggregations.rules import Rules
    from aggregator.domain.windows import Windows


class Percentile(OverTime):
    """The value that a share of the buckets of a window does not exceed, by nearest rank.

    A bucket is a stored window of the meter, aggregated as the meter says. The value is that of the bucket in place
    ceil(percentile / 100 * buckets) by size. Buckets without events are zero unless the meter skips them; those that
    begin later than now are none.
    """

    NAME: ClassVar[str] = "PERCENTILE"

    def fold(self, groups: Groups) -> Added:
        """Add what the aggregation of buckets adds."""
        return _of_buckets(groups.rules).fold(groups)

    def rows(self, windows: Windows, rules: Rules, asked: Asked) -> Iterator[TimedRow]:
        """Yield the value of each window that has events, customer by customer and group by group."""
        if not len(windows):
            return
        quantities = list(_of_buckets(rules).quantities(windows))
        numbers = np.searchsorted(asked.bounds_us, windows.starts_us, side="right") - 1
        series = windows.customers.codes * len(windows.groups.values) + windows.groups.codes
        order = np.lexsort((numbers, series))
        keys = series[order] * len(asked.bounds_us) + numbers[order]
        starts = run_starts(keys).tolist()
        values: list[Decimal] = []
        count, begun, before = 0, 0, -1
        for first, end in zip(starts, [*starts[1:], len(order)], strict=True):
            places = order[first:end]
            own, window = int(series[places[0]]), int(numbers[places[0]])
            if not asked.running or own != before:
                values, count, begun, before = [], 0, 0, own
            for place in places.tolist():
                insort(values, quantities[place])
            count += int(windows.event_counts[places].sum())
            begun += int((windows.starts_us[places] < asked.now_us).sum())
            quantity = nearest_rank(values, _buckets_in(window, rules, asked) - begun, rules.percentile)
            yield TimedRow(*divmod(own, len(windows.groups.values)), window, quantity, count)

    def recount(self, events: Sequence[Moment], rules: Rules, asked: Asked) -> Decimal:
        """Return the value of the buckets that these events fill."""
        buckets: dict[int, list[Moment]] = {}
        for event in events:
            buckets.setdefault(event.time_us // asked.bucket_us, []).append(event)
        if not buckets:
            return ZERO
        values = sorted(_quantity(_of_buckets(rules), own) for own in buckets.values())
        begun = sum(bucket * asked.bucket_us < asked.now_us for bucket in buckets)
        return nearest_rank(values, _buckets_in(0, rules, asked) - begun, rules.percentile)


def nearest_rank(values: Sequence[Decimal], zeros: int, percentile: str) -> Decimal:
    """Return the value in place ceil(percentile / 100 * all) among sorted ones and zeros (below zero: none)."""
    zeros = max(0, zeros)
    numerator, denominator = Decimal(percentile).as_integer_ratio()
    # The place counted from 1; -(-a // b) is the quotient rounded up.
    place = -(-numerator * (len(values) + zeros) // (100 * denominator))
    negative = sum(value < 0 for value in values)
    if place <= negative:
        return values[place - 1]
    return ZERO if place <= negative + zeros else values[place - 1 - zeros]


def _buckets_in(window: int, rules: Rules, asked: Asked) -> int:
    """Return how many buckets of a window have begun by now; none where empty ones are skipped."""
    if rules.skips_empty_buckets:
        return 0
    first_us = int(asked.bounds_us[0 if asked.running else window])
    elapsed_us = min(int(asked.bounds_us[window + 1]), asked.now_us) - first_us
    return max(0, -(-elapsed_us // asked.bucket_us))


def _of_buckets(rules: Rules) -> OfWindows:
    if rules.bucket_aggregation is None:
        raise ValueError("a meter without an aggregation of buckets has no percentile")
    return rules.bucket_aggregation


def _quantity(aggregation: OfWindows, events: Sequence[Moment]) -> Decimal:
    chosen = sorted((event.time_us, event.id, Decimal(event.value)) for event in events)
    values = [value for _, _, value in chosen]
    with exact_arithmetic():
        totals = Totals(
            event_count=len(values),
            sum=sum(values, ZERO),
            minimum=min(values),
            maximum=max(values),
            latest=values[-1],
            earliest=values[0],
        )
    quantity = aggregation.quantity(totals)
    return ZERO if quantity is None else quantity
