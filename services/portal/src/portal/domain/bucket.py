"""What is behind one bucket of usage, or one hour of the week: its largest values, property by property."""

from __future__ import annotations

from pydantic import Field

from portal.domain.views import Answer, Quantity, Span, View


class TopValue(View):
    """What one value of a property came to."""

    key: str = Field(description="Value of the property; empty for events without it.")
    label: str = Field(description="For people.")
    quantity: Quantity
    share: str | None = Field(
        description="Share of the bucket in percent, rounded to one place; null where parts do not add up to a whole."
    )


class TopValues(View):
    """The largest values of one property, the largest first."""

    property: str
    values: tuple[TopValue, ...]
    count: int = Field(description="How many values there are in all.")


class BucketDetail(Answer):
    """One bucket of usage, with what it is made of."""

    meter: str
    unit: str
    bucket: Span = Field(description="For an hour of the week, the span in which it lies.")
    quantity: Quantity
    event_count: int
    properties: tuple[TopValues, ...] = Field(
        description="Properties that may be looked at, in their order; none for an hour of the week."
    )
