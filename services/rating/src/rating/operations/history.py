"""What was used in periods that are rated already, for pricing it anew."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from rating.domain.charges import RatedPeriod
from rating.domain.proration import DayShare
from rating.domain.simulation import HistoricPeriod, usage_of
from rating.operations.deps import Deps


async def historic_period(deps: Deps, rated: RatedPeriod, share: DayShare, meters: AbstractSet[str]) -> HistoricPeriod:
    """Return a period with the usage of `meters`; what it was not billed for is asked of the aggregator.

    A meter that is younger than the snapshot by which a period is billed counts what it has counted of it since. One
    that does not exist is left out.
    """
    usage = usage_of(rated)
    if meters - usage.keys() and rated.snapshot_id:
        sealed, _ = await deps.aggregator.snapshot(rated.snapshot_id, "", 0, "")
        usage = {**sealed.meters, **usage}
    if meters - usage.keys():
        totals = await deps.aggregator.totals(rated.customer, rated.period)
        usage = {**totals.meters, **usage}
    return HistoricPeriod(rated, share, usage)
