"""Write the objectives of the suite as Prometheus rules: what is recorded, and alerts by burn rates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from generated import write_or_check

TARGET: Final = Path(__file__).parent.parent / "k8s/components/monitoring/rules/meterline-slo.yaml"
FAULTS: Final = "UNKNOWN|DEADLINE_EXCEEDED|INTERNAL|UNAVAILABLE|UNIMPLEMENTED|DATA_LOSS"
WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


@dataclass(frozen=True)
class Objective:
    """What share may go wrong within 30 days, and the share that does, with WINDOW for the time looked at."""

    slo: str
    says: str
    budget: str
    errors: str


def _share_of_faults(methods: str) -> str:
    calls = "sum(rate(rpc_server_call_duration_seconds_count{%s}[WINDOW]))"
    failed = calls % f'rpc_method=~"{methods}",rpc_response_status_code=~"{FAULTS}"'
    asked = calls % f'rpc_method=~"{methods}"'
    # Nothing failed yet: no series of a failure exists, and the share is 0.
    return f"({failed} or vector(0)) / {asked}"


REPORT = "metering.ingest.v1.IngestService/Report"
FINALIZE = "metering.invoicing.v1.InvoicingService/Finalize.*"
IS_FRESH = "meterline:fresh:bool"
OBJECTIVES = (
    Objective("ack-availability", "99.9 % of reports are answered", "0.001", _share_of_faults(REPORT)),
    Objective(
        "ack-latency",
        "99 % of the reports that succeed are acknowledged within 0.5 s",
        "0.01",
        "1 - "
        f'sum(rate(rpc_server_call_duration_seconds_bucket{{rpc_method="{REPORT}",rpc_response_status_code="OK",le="0.5"}}[WINDOW]))'
        " / "
        f'sum(rate(rpc_server_call_duration_seconds_count{{rpc_method="{REPORT}",rpc_response_status_code="OK"}}[WINDOW]))',
    ),
    Objective(
        "freshness",
        "99 % of the time usage and live charges are at most a minute behind",
        "0.01",
        f"1 - min(avg_over_time({IS_FRESH}[WINDOW]))",
    ),
    Objective("finalization", "99.9 % of finalizations are answered", "0.001", _share_of_faults(FINALIZE)),
)


@dataclass(frozen=True)
class Burn:
    """An alert: the budget is used up `rate` times too fast, over a long window and still in a short one."""

    name: str
    rate: str
    long: str
    short: str
    severity: str


BURNS = (
    Burn("Fastest", "14.4", "1h", "5m", "page"),
    Burn("Fast", "6", "6h", "30m", "page"),
    Burn("Slowly", "3", "1d", "2h", "ticket"),
    Burn("Steadily", "1", "3d", "6h", "ticket"),
)
HEADER = """# Written by scripts/generate_slo_rules.py (`make docs`). Objectives over 30 days, the share of each that
# fails, and alerts by how fast the share that may fail is used up: over a long window and, so that an alert ends soon
# after its cause, also over a short one.
groups:
  - name: meterline-objectives
    rules:
      # 1 = at most a minute behind; 0 = more, or unknown because the log followed does not answer.
      - record: {is_fresh}
        expr: >-
          (max by (service_name) (feed_lag_seconds) <= bool 60)
          or (max by (service_name) (feed_silent_seconds) * 0)
"""


def render() -> str:
    """Return the rule file of the objectives."""
    parts = [HEADER.format(is_fresh=IS_FRESH)]
    for objective in OBJECTIVES:
        parts.append(
            f"      # {objective.says}.\n"
            "      - record: meterline:slo_budget:ratio\n"
            f"        expr: vector({objective.budget})\n"
            f"        labels: {{slo: {objective.slo}}}\n"
        )
        parts += [
            f"      - record: meterline:slo_errors:ratio_rate{window}\n"
            "        expr: >-\n"
            f"          {objective.errors.replace('WINDOW', window)}\n"
            f"        labels: {{slo: {objective.slo}}}\n"
            for window in WINDOWS
        ]
    parts.append("  - name: meterline-burn-rates\n    rules:\n")
    parts += [_burn_alert(burn) for burn in BURNS]
    return "".join(parts)


def _burn_alert(burn: Burn) -> str:
    def too_fast(window: str) -> str:
        return f"meterline:slo_errors:ratio_rate{window} > on (slo) {burn.rate} * meterline:slo_budget:ratio"

    summary = f"{{{{ $labels.slo }}}}: failures use up what 30 days may have, {burn.rate} times too fast"
    return (
        f"      - alert: MeterlineErrorBudgetBurns{burn.name}\n"
        "        expr: >-\n"
        f"          ({too_fast(burn.long)})\n"
        f"          and on (slo) ({too_fast(burn.short)})\n"
        f"        labels: {{severity: {burn.severity}}}\n"
        "        annotations:\n"
        f'          summary: "{summary}"\n'
        f'          description: "{{{{ $value | humanizePercentage }}}} failed within {burn.long}."\n'
        "          runbook: docs/runbooks/slo-burn.md\n"
    )


if __name__ == "__main__":
    raise SystemExit(write_or_check(TARGET, render(), "the objectives"))
