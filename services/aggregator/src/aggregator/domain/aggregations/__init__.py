"""Aggregations, a file each. `AGGREGATIONS` is the one list of them; a test holds it equal to the contract's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aggregator.domain.aggregations.aggregation import Aggregation
from aggregator.domain.aggregations.distinct import CountUnique
from aggregator.domain.aggregations.extremes import Maximum, Minimum
from aggregator.domain.aggregations.first import First
from aggregator.domain.aggregations.latest import Latest
from aggregator.domain.aggregations.sums import Average, Count, RoundedSum, Sum

AGGREGATIONS: Final[tuple[Aggregation, ...]] = (
    Sum(),
    Count(),
    CountUnique(),
    Minimum(),
    Maximum(),
    Latest(),
    First(),
    Average(),
)
ROUNDED_SUM: Final = RoundedSum()
"""What a SUM is that bills its events as they are rounded one by one."""
BY_NAME: Final[Mapping[str, Aggregation]] = {aggregation.NAME: aggregation for aggregation in AGGREGATIONS}


def aggregation_named(name: str, *, bills_events: bool) -> Aggregation:
    """Return an aggregation by its name; `bills_events`: whether events are rounded one by one for what is billed."""
    return ROUNDED_SUM if bills_events and name == ROUNDED_SUM.NAME else BY_NAME[name]
