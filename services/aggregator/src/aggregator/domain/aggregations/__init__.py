"""Aggregations, a file each. `AGGREGATIONS` lists those that fold events; a test holds all to the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aggregator.domain.aggregations.aggregation import Aggregation, OfWindows, Reads
from aggregator.domain.aggregations.computed import Computed
from aggregator.domain.aggregations.distinct import CountUnique
from aggregator.domain.aggregations.extremes import Maximum, Minimum
from aggregator.domain.aggregations.first import First
from aggregator.domain.aggregations.latest import Latest
from aggregator.domain.aggregations.percentile import Percentile
from aggregator.domain.aggregations.sessions import Duration, LiveCount
from aggregator.domain.aggregations.sums import Average, Count, RoundedSum, Sum
from aggregator.domain.aggregations.values import RunningTotal, WeightedSum

AGGREGATIONS: Final[tuple[Aggregation, ...]] = (
    Sum(),
    Count(),
    CountUnique(),
    Minimum(),
    Maximum(),
    Latest(),
    First(),
    Average(),
    WeightedSum(),
    Duration(),
    Percentile(),
    LiveCount(),
    RunningTotal(),
)
COMPUTED: Final = Computed()
"""What a meter has in the place of an aggregation that is computed from other meters."""
ROUNDED_SUM: Final = RoundedSum()
"""What a SUM is that bills its events as they are rounded one by one."""
BY_NAME: Final[Mapping[str, Aggregation]] = {aggregation.NAME: aggregation for aggregation in (*AGGREGATIONS, COMPUTED)}
OF_BUCKETS: Final[Mapping[str, OfWindows]] = {
    name: aggregation
    for name, aggregation in BY_NAME.items()
    if isinstance(aggregation, OfWindows) and aggregation.READS is Reads.DECIMAL
}
"""Those that can form the value of a bucket, from which a percentile is taken."""


def aggregation_named(name: str, *, bills_events: bool) -> Aggregation:
    """Return an aggregation by its name; `bills_events`: whether events are rounded one by one for what is billed."""
    return ROUNDED_SUM if bills_events and name == ROUNDED_SUM.NAME else BY_NAME[name]
