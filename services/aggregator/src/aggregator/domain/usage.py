"""Quantities: what the windows of a meter amount to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from aggregator.domain.meter import Aggregation
from money import ZERO, exact_arithmetic, format_decimal

if TYPE_CHECKING:
    from eventlog.as_of import AsOf
    from eventlog.period import Period

AVERAGE_PLACES: Final = 12
_AVERAGE_STEP: Final = Decimal(1).scaleb(-AVERAGE_PLACES)


@dataclass(frozen=True, slots=True)
class Totals:
    """Windows of one meter added up: over a window asked for, or over a whole period."""

    event_count: int = 0
    sum: Decimal | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    latest: Decimal | None = None
    unique_count: int = 0


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Quantity of one customer, window and group."""

    customer: str
    window: Period
    group: tuple[str, ...]
    quantity: str
    event_count: int


@dataclass(frozen=True, slots=True)
class MeterUsage:
    """Quantity of one meter over a whole period.

    `versions` contribute; `newest_version` was the meter's newest when it was read, which fixes the spans of all.
    """

    meter: str
    versions: tuple[int, ...]
    newest_version: int
    aggregation: Aggregation
    unit: str
    quantity: str
    event_count: int
    parked_count: int = 0


@dataclass(frozen=True, slots=True)
class UsageAnswer:
    """A page of rows."""

    rows: list[UsageRow]
    unit: str
    as_of: AsOf
    next_page_token: str
    filled: bool


@dataclass(frozen=True, slots=True)
class TotalsAnswer:
    """Whole quantities, by meter name."""

    usage: tuple[MeterUsage, ...]
    as_of: AsOf


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the fold is."""

    as_of: AsOf
    head: AsOf
    filling_meters: list[str]


def quantity_of(aggregation: Aggregation, totals: Totals) -> str:
    """Return the quantity as exact decimal text; "0" when nothing happened."""
    quantity: Decimal | None
    match aggregation:
        case Aggregation.COUNT:
            quantity = Decimal(totals.event_count)
        case Aggregation.COUNT_UNIQUE:
            quantity = Decimal(totals.unique_count)
        case Aggregation.SUM:
            quantity = totals.sum
        case Aggregation.MIN:
            quantity = totals.minimum
        case Aggregation.MAX:
            quantity = totals.maximum
        case Aggregation.LATEST:
            quantity = totals.latest
        case Aggregation.AVG:
            quantity = None if totals.sum is None else average(totals.sum, totals.event_count)
    return format_decimal(ZERO if quantity is None else quantity)


def average(total: Decimal, count: int) -> Decimal:
    """Divide a sum by a count of at least 1, rounded half away from zero to 12 places: the one quotient of the suite.

    Decided on integers, so that no digit is lost on the way: a quotient rounded twice could be one step off.
    """
    with exact_arithmetic():
        numerator, denominator = total.as_integer_ratio()
        numerator, denominator = numerator * 10**AVERAGE_PLACES, denominator * count
        steps = (2 * abs(numerator) + denominator) // (2 * denominator)
        return Decimal(steps if numerator >= 0 else -steps) * _AVERAGE_STEP
