"""Which figures `meterline top` shows of each service, and where among its metrics they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from meterline.cli.scraped import Chosen, Growth, Look

if TYPE_CHECKING:
    from collections.abc import Mapping

_CALLS: Final = "rpc_server_call_duration_seconds"
_MEMORY: Final = Chosen("process_memory_usage_bytes")
_MS_PER_S: Final = 1000.0
# These stay open for minutes: how long they take says nothing of how fast a service answers.
_FEED_METHODS: Final = "metering.common.v1.FeedService/"


def _is_ok(labels: Mapping[str, str]) -> bool:
    return labels.get("rpc_response_status_code") == "OK"


def _is_no_fault(labels: Mapping[str, str]) -> bool:
    return not labels.get("error_type")


def _is_feed(labels: Mapping[str, str]) -> bool:
    return labels.get("rpc_method", "").startswith(_FEED_METHODS)


def _nothing(_labels: Mapping[str, str]) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Count:
    """Something that is counted; with `always`, it has its row also while it is 0."""

    title: str
    chosen: Chosen
    always: bool = True


@dataclass(frozen=True, slots=True)
class Duration:
    """Something that takes time: a histogram."""

    title: str
    histogram: str


@dataclass(frozen=True, slots=True)
class Level:
    """Something that is as high as the replica says that has the highest."""

    title: str
    chosen: Chosen


def _events(outcome: str) -> Chosen:
    return Chosen("metering_ingest_events_total", {"metering_outcome": outcome})


_SEALS: Final = Chosen(
    f"{_CALLS}_count",
    {"rpc_method": "metering.aggregator.v1.AggregatorService/SealUsage", "rpc_response_status_code": "OK"},
)

COUNTS: Final[Mapping[str, Mapping[str, Count]]] = {
    "ingest": {
        "accepted": Count("events accepted", _events("accepted")),
        "duplicates": Count("events duplicate", _events("duplicate"), always=False),
        "conflicts": Count("events in conflict", _events("conflict"), always=False),
        "refused": Count("events refused", _events("refused"), always=False),
    },
    "aggregator": {
        "counted": Count("events counted", Chosen("feed_applied_total")),
        "parked": Count("events parked", Chosen("metering_aggregator_events_parked_total")),
        "unmatched": Count("events of no meter", Chosen("metering_aggregator_events_unmatched_total"), always=False),
        "seals": Count("seals answered", _SEALS),
        "failedAttempts": Count("attempts that failed", Chosen("feed_failed_total"), always=False),
    },
    "rating": {
        "repriced": Count("periods repriced", Chosen("metering_rating_periods_refreshed_total")),
        "charges": Count("charges frozen", Chosen("metering_rating_charges_frozen_total")),
        "failedPeriods": Count("periods put off", Chosen("metering_rating_periods_failed_total"), always=False),
        "failedAttempts": Count("attempts that failed", Chosen("feed_failed_total"), always=False),
    },
    "invoicing": {
        "invoices": Count("invoices finalized", Chosen("metering_invoicing_invoices_finalized_total")),
        "lines": Count("lines finalized", Chosen("metering_invoicing_lines_finalized_total"), always=False),
    },
    "portal": {
        "sessions": Count("sessions made", Chosen("metering_portal_sessions_created_total")),
        "requests": Count("requests answered", Chosen("metering_portal_requests_total")),
        "failedRequests": Count(
            "requests that failed",
            Chosen("metering_portal_requests_total", {"metering_status_class": "5xx"}),
            always=False,
        ),
    },
}

DURATIONS: Final[Mapping[str, Mapping[str, Duration]]] = {
    "ingest": {"commit": Duration("commits", "metering_ingest_commit_duration_seconds")},
    "aggregator": {"fold": Duration("folds", "metering_aggregator_fold_duration_seconds")},
    "rating": {"rate": Duration("ratings", "metering_rating_rate_duration_seconds")},
    "invoicing": {"finalize": Duration("finalizations", "metering_invoicing_finalize_duration_seconds")},
    "portal": {"request": Duration("requests", "metering_portal_request_duration_seconds")},
}

LEVELS: Final[Mapping[str, Mapping[str, Level]]] = {
    "ingest": {"queued": Level("events queued", Chosen("metering_ingest_queue_events"))},
    "rating": {"unbilled": Level("events unbilled", Chosen("metering_rating_events_unbilled"))},
    "invoicing": {"problems": Level("invoices changed", Chosen("metering_invoicing_verify_problems"))},
    "portal": {"streams": Level("streams open", Chosen("metering_portal_streams"))},
}


def figures(service: str, before: Look, now: Look) -> dict[str, Any]:
    """Return what the metrics of a service say, as the document that JSON shows; null is what nobody knows."""
    growth = Growth(before, now)
    return {
        "replicas": len(now.replicas),
        "memoryBytes": _whole(now.total(_MEMORY) or None),
        "calls": {
            "perS": _rounded(growth.per_s(Chosen(f"{_CALLS}_count"))),
            "failedPerS": _rounded(growth.per_s(Chosen(f"{_CALLS}_count", left_out=_is_ok))),
            "faultsPerS": _rounded(growth.per_s(Chosen(f"{_CALLS}_count", left_out=_is_no_fault))),
            **_quantiles(growth, _CALLS, is_call=True),
        },
        "counts": {
            key: {"perS": _rounded(growth.per_s(count.chosen)), "total": _whole(now.total(count.chosen))}
            for key, count in COUNTS[service].items()
        },
        "durations": {
            key: {
                "perS": _rounded(growth.per_s(Chosen(f"{duration.histogram}_count"))),
                "total": _whole(now.total(Chosen(f"{duration.histogram}_count"))),
                **_quantiles(growth, duration.histogram),
            }
            for key, duration in DURATIONS[service].items()
        },
        "levels": {key: _whole(now.highest(level.chosen)) for key, level in LEVELS.get(service, {}).items()},
        "problem": now.problem,
    }


def _quantiles(growth: Growth, histogram: str, *, is_call: bool = False) -> dict[str, float | None]:
    left_out = _is_feed if is_call else _nothing
    shares = {"p50Ms": 0.5, "p99Ms": 0.99}
    return {
        name: None
        if (found_s := growth.quantile(share, histogram, left_out)) is None
        else _rounded(found_s * _MS_PER_S)
        for name, share in shares.items()
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _whole(value: float | None) -> str | None:
    return None if value is None else str(int(value))
