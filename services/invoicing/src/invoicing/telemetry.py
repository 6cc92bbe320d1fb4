"""Spans and instruments of invoicing; listed in docs/telemetry.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chassis.telemetry import counter_from_zero

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

FINALIZE_SPAN: Final = "finalize invoice"
"""Sealing, rating, numbering and freezing one invoice."""

LINE_SPAN: Final = "invoice line"
"""One line; linked to the span that rated its charge. Its traceparent is stored on the line."""


CONTRACT_ATTRIBUTE: Final = "metering.contract"
BILLING_PERIOD_ATTRIBUTE: Final = "metering.billing_period"
INVOICE_ATTRIBUTE: Final = "metering.invoice"
LINE_COUNT_ATTRIBUTE: Final = "metering.invoice.lines"
LINE_ATTRIBUTE: Final = "metering.line"
CHARGE_ATTRIBUTE: Final = "metering.charge"


class Instruments:
    """What invoicing counts and measures. Tenants are never an attribute: their number has no bound."""

    def __init__(self, meter: Meter) -> None:
        self._finalized = counter_from_zero(
            meter, "metering.invoicing.invoices.finalized", "{invoice}", "Invoices made final"
        )
        self._lines = counter_from_zero(
            meter, "metering.invoicing.lines.finalized", "{line}", "Lines of invoices made final"
        )
        self._duration = meter.create_histogram(
            "metering.invoicing.finalize.duration", unit="s", description="Sealing, rating and freezing one invoice"
        )
        self._repeated = counter_from_zero(
            meter,
            "metering.invoicing.finalize.repeated",
            "{attempt}",
            "Invoices begun again because another one billed the same usage first",
        )
        self._verified = counter_from_zero(
            meter, "metering.invoicing.invoices.verified", "{invoice}", "Invoices checked in the background"
        )
        self._problems = meter.create_gauge(
            "metering.invoicing.verify.problems",
            unit="{problem}",
            description="What the last check of all frozen invoices found wrong; more than 0 = look at the log",
        )

    def finalized(self, *, lines: int, duration_s: float) -> None:
        """Count one invoice made final."""
        self._finalized.add(1)
        self._lines.add(lines)
        self._duration.record(duration_s)

    def repeated(self) -> None:
        """Count one invoice that has to be decided anew."""
        self._repeated.add(1)

    def verified(self, *, invoices: int, problems: int) -> None:
        """Measure one check of all invoices of all tenants."""
        self._verified.add(invoices)
        self._problems.set(problems)
