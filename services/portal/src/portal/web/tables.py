"""Views as tables, for files: what is on the screen, in its granularity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from money import format_decimal
from portal.domain.exploring import Exploration
from portal.domain.invoices import Invoice

INVOICE_HEADER = ("line", "kind", "item", "quantity", "unit", "amount", "currency", "exact amount", "events")


def exploration_header(shown: Exploration, measure: str) -> Sequence[str]:
    """Return the header: when a bucket begins in the customer's zone, each series, and their total."""
    return (f"{shown.window} ({shown.time_zone})", *(series.label for series in shown.series), f"total ({measure})")


def exploration_rows(shown: Exploration) -> Iterator[Sequence[str]]:
    """Yield a row for each bucket, and one for the totals; what did not happen is an empty cell."""
    zone = ZoneInfo(shown.time_zone)
    for place, bucket in enumerate(shown.buckets):
        values = (series.values[place] for series in shown.series)
        began = bucket.start.astimezone(zone).isoformat(timespec="minutes")
        yield (began, *map(_cell, values), _cell(shown.totals[place]))
    yield ("total", *(_cell(series.total) for series in shown.series), _cell(shown.total))


def invoice_rows(invoice: Invoice) -> Iterator[Sequence[str]]:
    """Yield a row for each line, and one for the total."""
    for line in invoice.lines:
        yield (
            line.id,
            line.kind,
            line.label,
            format_decimal(line.quantity),
            line.unit,
            format(line.amount, "f"),
            invoice.currency,
            line.exact_amount,
            str(line.event_count),
        )
    yield ("total", "", "", "", "", format(invoice.total, "f"), invoice.currency, "", "")


def _cell(value: Decimal | None) -> str:
    return "" if value is None else format(value, "f")
