"""Spans and instruments of rating; listed in docs/telemetry.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chassis.telemetry import counter_from_zero
from rating.domain.unbilled import UnbilledReason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.metrics import Meter

RATE_SPAN: Final = "rate usage"
"""Span that rates a period permanently, linked to the span that sealed its usage."""
CONTRACT: Final = "metering.contract"
BILLING_PERIOD: Final = "metering.billing_period"
SNAPSHOT_ID: Final = "metering.snapshot.id"
PLAN: Final = "metering.plan"
PLAN_VERSION: Final = "metering.plan_version"
CHARGES: Final = "metering.charges"
REASON: Final = "metering.reason"


class Instruments:
    """What rating counts and measures. Tenants are never an attribute: their number has no bound."""

    def __init__(self, meter: Meter) -> None:
        self._frozen = counter_from_zero(
            meter, "metering.rating.charges.frozen", "{charge}", "Charges rated permanently"
        )
        self._refreshed = counter_from_zero(
            meter, "metering.rating.periods.refreshed", "{period}", "Contract periods rated again, live"
        )
        self._failed = counter_from_zero(
            meter, "metering.rating.periods.failed", "{period}", "Contract periods put off after an error"
        )
        self._duration = meter.create_histogram(
            "metering.rating.rate.duration", unit="s", description="Sealing, rating and storing one period"
        )

        self._unbilled = meter.create_gauge(
            "metering.rating.events.unbilled",
            unit="{event}",
            description="Events that no invoice will have, once for each meter, by reason, when last counted",
        )

    def unbilled(self, counts: Mapping[UnbilledReason, int]) -> None:
        """Measure what no invoice will have of all tenants; a reason that has none is zero."""
        for reason in UnbilledReason:
            self._unbilled.set(counts.get(reason, 0), {REASON: reason.value})

    def frozen(self, *, charges: int, duration_s: float) -> None:
        """Count one period rated permanently."""
        self._frozen.add(charges)
        self._duration.record(duration_s)

    def refreshed(self) -> None:
        """Count one period rated again, live."""
        self._refreshed.add(1)

    def failed(self) -> None:
        """Count one period put off after an error."""
        self._failed.add(1)
