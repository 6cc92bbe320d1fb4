"""One async function per use case: opens the transaction, asks the domain, saves."""

from __future__ import annotations

from aggregator.operations.deps import Deps
from aggregator.operations.events import list_parked_events, list_usage_events
from aggregator.operations.meters import apply_meter, get_meter, list_meters, rebuild_usage
from aggregator.operations.queries import get_progress, query_totals, query_usage
from aggregator.operations.seals import get_snapshot, seal_usage

__all__ = [
    "Deps",
    "apply_meter",
    "get_meter",
    "get_progress",
    "get_snapshot",
    "list_meters",
    "list_parked_events",
    "list_usage_events",
    "query_totals",
    "query_usage",
    "rebuild_usage",
    "seal_usage",
]
