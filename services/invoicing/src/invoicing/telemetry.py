"""Instruments of invoicing; listed in docs/telemetry.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter


class Instruments:
    """What invoicing counts and measures."""

    def __init__(self, meter: Meter) -> None:
        self._finalized = meter.create_counter(
            "metering.invoicing.invoices.finalized", unit="{invoice}", description="Invoices made final"
        )
        self._lines = meter.create_counter(
            "metering.invoicing.lines.finalized", unit="{line}", description="Lines of invoices made final"
        )
        self._duration = meter.create_histogram(
            "metering.invoicing.finalize.duration", unit="s", description="Sealing, rating and freezing one invoice"
        )

    def finalized(self, *, lines: int, duration_s: float) -> None:
        """Count one invoice made final."""
        self._finalized.add(1)
        self._lines.add(lines)
        self._duration.record(duration_s)
