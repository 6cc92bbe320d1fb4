"""Figures about the usage of one meter: its largest bucket, a percentile over buckets, and its hours of the week."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from portal.domain.views import Answer, Quantity, Span, View


@dataclass(frozen=True, slots=True)
class HourOfWeek:
    """An hour of the clock on a day of the week: 1 is Monday, 7 Sunday."""

    weekday: int
    hour: int


class LargestBucket(View):
    """The bucket in which most was used, the first of equal ones."""

    bucket: Span
    quantity: Quantity


class UsageFigures(Answer):
    """What one meter came to in a span, and how that was spread over its buckets."""

    meter: str
    unit: str
    total: Quantity = Field(description="Over the whole span.")
    largest: LargestBucket | None = Field(description="Null where nothing happened.")
    percentile: Quantity | None = Field(
        description="What 95 of 100 buckets do not exceed; null where there is no bucket."
    )
    bucket_count: int = Field(description="Buckets that have begun by now, of which that is told.")


class HeatCell(View):
    """All usage in an hour of the week, put together."""

    weekday: int = Field(description="1 is Monday, 7 Sunday.", examples=[1])
    hour: int = Field(description="Hour of the clock, 0 to 23.", examples=[9])
    quantity: Quantity
    event_count: int
    minutes: int = Field(description="Minutes of the span that lie in such an hour; twice as many where it came twice.")


class HeatMap(Answer):
    """Usage by the hour of the week of the contract's zone."""

    meter: str
    unit: str
    time_zone: str
    cells: tuple[HeatCell, ...] = Field(description="By weekday and hour, those that the span has.")
