"""Write the Grafana dashboards: one of the whole line, and one of each service."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from generate_slo_rules import FAULTS
from generated import write_or_check

DIRECTORY: Final = Path(__file__).parent.parent / "k8s/components/monitoring/dashboards"


@dataclass(frozen=True)
class Panel:
    """One picture: expressions with their legends."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    says: str = ""


def _one(title: str, unit: str, expr: str, legend: str, says: str = "") -> Panel:
    return Panel(title, unit, ((expr, legend),), says)


def _calls(service: str) -> tuple[Panel, ...]:
    of = f'service_name="{service}"'
    return (
        _one(
            "Calls per second, by method",
            "reqps",
            f"sum by (rpc_method) (rate(rpc_server_call_duration_seconds_count{{{of}}}[$__rate_interval]))",
            "{{rpc_method}}",
        ),
        _one(
            "Calls that failed, by status",
            "reqps",
            "sum by (rpc_response_status_code) (rate(rpc_server_call_duration_seconds_count"
            f'{{{of},rpc_response_status_code!="OK"}}[$__rate_interval]))',
            "{{rpc_response_status_code}}",
            "Also what callers did wrong.",
        ),
        _one(
            "Duration of 99 of 100 calls, by method",
            "s",
            "histogram_quantile(0.99, sum by (le, rpc_method) "
            f"(rate(rpc_server_call_duration_seconds_bucket{{{of}}}[$__rate_interval])))",
            "{{rpc_method}}",
        ),
        _one("Memory", "bytes", f"process_memory_usage_bytes{{{of}}}", "{{instance}}", "Of each replica, resident."),
        Panel(
            "Database connections",
            "short",
            (
                (
                    f"sum by (db_client_connection_state) (db_client_connection_count{{{of}}})",
                    "{{db_client_connection_state}}",
                ),
                (f"sum(db_client_connection_max{{{of}}})", "may be held by calls"),
                (f"sum(db_client_connection_pending_requests{{{of}}})", "calls that wait"),
            ),
        ),
    )


def _feed(service: str) -> tuple[Panel, ...]:
    of = f'service_name="{service}"'
    by = "max by (metering_feed_consumer)"
    consumer = "{{metering_feed_consumer}}"
    return (
        _one("Behind", "s", f"{by} (feed_lag_seconds{{{of}}})", consumer, "Age of the oldest entry not applied."),
        _one("Entries not applied", "short", f"sum by (metering_feed_consumer) (feed_lag_positions{{{of}}})", consumer),
        Panel(
            "In its way",
            "s",
            (
                (f"{by} (feed_stuck_seconds{{{of}}})", "stuck " + consumer),
                (f"{by} (feed_silent_seconds{{{of}}})", "no contact " + consumer),
            ),
        ),
        Panel(
            "Attempts that failed, and halts",
            "short",
            (
                (f"sum by (metering_reason) (increase(feed_failed_total{{{of}}}[5m]))", "{{metering_reason}}"),
                (f"sum(increase(feed_gap_total{{{of}}}[5m]))", "gap"),
                (f"sum(increase(feed_diverged_total{{{of}}}[5m]))", "diverged"),
            ),
        ),
        _one(
            "Entries applied per second",
            "short",
            f"sum by (metering_feed_consumer) (rate(feed_applied_total{{{of}}}[$__rate_interval]))",
            consumer,
        ),
    )


def _rate(title: str, metric: str, by: str = "") -> Panel:
    return _one(title, "short", f"sum by ({by}) (rate({metric}[$__rate_interval]))", f"{{{{{by}}}}}" if by else "")


def _quantile(title: str, metric: str, unit: str = "s") -> Panel:
    buckets = f"sum by (le) (rate({metric}_bucket[$__rate_interval]))"
    return Panel(
        title,
        unit,
        (
            (f"histogram_quantile(0.5, {buckets})", "half"),
            (f"histogram_quantile(0.99, {buckets})", "99 of 100"),
        ),
    )


OVERVIEW = (
    Panel(
        "Budget used up, times too fast (1 h)",
        "short",
        (("meterline:slo_errors:ratio_rate1h / on (slo) meterline:slo_budget:ratio", "{{slo}}"),),
        "Above 14.4 somebody is paged.",
    ),
    _rate("Events reported per second", "metering_ingest_events_total", "metering_outcome"),
    _one("Usage and live charges behind", "s", "max by (service_name) (feed_lag_seconds)", "{{service_name}}"),
    _rate("Charges frozen per second", "metering_rating_charges_frozen_total"),
    _rate("Invoices finalized per second", "metering_invoicing_invoices_finalized_total"),
    _one(
        "Calls by which a service is at fault",
        "reqps",
        "sum by (service_name) (rate(rpc_server_call_duration_seconds_count"
        f'{{rpc_response_status_code=~"{FAULTS}"}}[$__rate_interval]))',
        "{{service_name}}",
    ),
    _one(
        "Replicas, by version",
        "short",
        "count by (service_name, service_version) (metering_build_info)",
        "{{service_name}} {{service_version}}",
    ),
    Panel(
        "What must be zero",
        "short",
        (
            ("sum by (service_name) (increase(feed_gap_total[1h]))", "gap {{service_name}}"),
            ("sum by (service_name) (increase(feed_diverged_total[1h]))", "diverged {{service_name}}"),
            ("max(metering_invoicing_verify_problems)", "invoices changed"),
        ),
    ),
    _one(
        "Events that no invoice will have",
        "short",
        "max by (metering_reason) (metering_rating_events_unbilled)",
        "{{metering_reason}}",
    ),
)
INGEST = (
    _rate("Events per second", "metering_ingest_events_total", "metering_outcome"),
    _one("Events waiting for the disk", "short", "sum(metering_ingest_queue_events)", "waiting"),
    _quantile("Duration of a group commit", "metering_ingest_commit_duration_seconds"),
    _quantile("Events in a group commit", "metering_ingest_group_events", "short"),
    _rate("Searches for duplicates per second", "metering_ingest_lookups_total"),
)
AGGREGATOR = (
    _rate("Windows updated per second", "metering_aggregator_windows_updated_total", "metering_feed_consumer"),
    _rate("Events parked per second", "metering_aggregator_events_parked_total", "metering_feed_consumer"),
    _rate("Events that no meter counts", "metering_aggregator_events_unmatched_total", "metering_feed_consumer"),
    _rate(
        "Events in groups beyond the limit of their meter",
        "metering_aggregator_events_other_groups_total",
        "metering_feed_consumer",
    ),
    _quantile("Duration of folding a batch", "metering_aggregator_fold_duration_seconds"),
    _one("Positions left to fill new meters", "short", "max(metering_aggregator_fill_left)", "positions"),
    _rate("Positions read again to compare per second", "metering_aggregator_reconcile_positions_total"),
    _one("Events that differ from the log", "short", "max(metering_aggregator_reconcile_difference)", "events"),
)
RATING = (
    _rate("Live charges made per second", "metering_rating_periods_refreshed_total"),
    _rate("Live charges put off per second", "metering_rating_periods_failed_total"),
    _rate("Charges frozen per second", "metering_rating_charges_frozen_total"),
    _quantile("Duration of freezing a period", "metering_rating_rate_duration_seconds"),
    _one(
        "Events that no invoice will have",
        "short",
        "max by (metering_reason) (metering_rating_events_unbilled)",
        "{{metering_reason}}",
    ),
)
INVOICING = (
    _rate("Invoices finalized per second", "metering_invoicing_invoices_finalized_total"),
    _rate("Lines finalized per second", "metering_invoicing_lines_finalized_total"),
    _quantile("Duration of a finalization", "metering_invoicing_finalize_duration_seconds"),
    _rate("Finalizations begun again per second", "metering_invoicing_finalize_repeated_total"),
    _rate("Invoices verified per second", "metering_invoicing_invoices_verified_total"),
    _one("Problems found in frozen invoices", "short", "max(metering_invoicing_verify_problems)", "problems"),
)
PORTAL = (
    _rate("Requests answered per second", "metering_portal_requests_total", "metering_status_class"),
    _quantile("Duration of a request", "metering_portal_request_duration_seconds"),
    _one("Streams of changes", "short", "sum(metering_portal_streams)", "streams"),
    _rate("Sessions made per second", "metering_portal_sessions_created_total", "metering_session_kind"),
)
DASHBOARDS = {
    "line": ("the line", OVERVIEW),
    "ingest": ("ingest", (*INGEST, *_calls("ingest"))),
    "aggregator": ("aggregator", (*_feed("aggregator"), *AGGREGATOR, *_calls("aggregator"))),
    "rating": ("rating", (*_feed("rating"), *RATING, *_calls("rating"))),
    "invoicing": ("invoicing", (*INVOICING, *_calls("invoicing"))),
    "portal": ("the portal", (*PORTAL, *_calls("portal"))),
}
_SOURCE = {"type": "prometheus", "uid": "${source}"}
_WIDTH, _HEIGHT, _COLUMNS = 12, 8, 2


def _panel(number: int, panel: Panel) -> dict[str, object]:
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.says,
        "datasource": _SOURCE,
        "gridPos": {
            "x": number % _COLUMNS * _WIDTH,
            "y": number // _COLUMNS * _HEIGHT,
            "w": _WIDTH,
            "h": _HEIGHT,
        },
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + at), "datasource": _SOURCE, "expr": expr, "legendFormat": legend}
            for at, (expr, legend) in enumerate(panel.queries)
        ],
    }


def dashboard(name: str) -> str:
    """Return the JSON of one dashboard."""
    title, panels = DASHBOARDS[name]
    document = {
        "uid": f"meterline-{name}",
        "title": f"Meterline: {title}",
        "tags": ["meterline"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}],
        },
        "links": [{"type": "dashboards", "title": "Meterline", "tags": ["meterline"], "asDropdown": True}],
        "panels": [_panel(number, panel) for number, panel in enumerate(panels)],
    }
    return json.dumps(document, indent=2) + "\n"


if __name__ == "__main__":
    ends = [
        write_or_check(DIRECTORY / f"meterline-{name}.json", dashboard(name), "the dashboards") for name in DASHBOARDS
    ]
    raise SystemExit(max(ends))
