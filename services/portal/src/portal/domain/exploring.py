"""What the usage explorer and the cost explorer have in common: series over buckets of time, compared and added up."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from portal.domain.views import Answer, Quantity, Span, View

Window = Literal["hour", "day", "week", "month"]


class ExploredPeriod(Span):
    """The span that is looked at."""

    billing_period: str | None = Field(description="Label of the billing period that it is; null for any other span.")


class Series(View):
    """One line or one colour of a chart."""

    key: str = Field(
        description="Value of the property or name of the item; empty for what has none, and for the rest."
    )
    label: str = Field(description="For people.")
    is_other: bool = Field(description="Whether it stands for all series that are not shown by themselves.")
    values: tuple[Quantity | None, ...] = Field(description="One for each bucket; null where nothing happened.")
    total: Quantity = Field(description="Over the whole span.")
    share: str | None = Field(
        description="Share of the total in percent, rounded to one place; null where parts do not add up to a whole.",
        examples=["42.3"],
    )


class SamePoint(View):
    """The span before, up to the same point."""

    days: int = Field(
        description="Whole days of the span before that are compared: as many as have passed of this one; of several "
        "billing periods, those that are over count whole on both sides."
    )
    total: Quantity = Field(description="What the first that many days of the span before came to.")


class Comparison(View):
    """The span before."""

    period: ExploredPeriod
    buckets: tuple[Span, ...]
    totals: tuple[Quantity | None, ...] = Field(description="One for each bucket of the span before.")
    aligned: tuple[int | None, ...] = Field(
        description="For each bucket of the span that is looked at, the place in `buckets` of the one before that it "
        "is compared with: a day with one of the same weekday, where there are two weeks or more; all others by their "
        "order. Null where there is none."
    )
    total: Quantity = Field(description="Over the whole span before.")
    same_point: SamePoint | None = Field(description="Null unless the span that is looked at still runs.")
    change: str | None = Field(
        description="Change against the same point, else against the total, in percent with its sign, rounded to one "
        "place; null where there was nothing before.",
        examples=["+1.8"],
    )


class EqualLine(View):
    """The line of the invoice or draft that bills what is shown."""

    quantity: Quantity = Field(description="Quantity of the line; in the cost explorer its amount.")
    item: str = Field(description="Name of the item.")
    equals: bool = Field(description="Whether the total shown is the same to the last digit.")
    href: str = Field(description="Path of the invoice's page.", examples=["/invoices/INV-000017"])


class Exploration(Answer):
    """Series over buckets of time."""

    label: str = Field(description="What is shown, for people.")
    period: ExploredPeriod
    time_zone: str = Field(description="IANA zone in which buckets begin.")
    window: Window = Field(description="Of whole billing periods, a `month` is a period each.")
    group_by: str | None = Field(description="Property or, in the cost explorer, `item`; null = one series.")
    buckets: tuple[Span, ...] = Field(description="In order, at most 1000; without gaps within a billing period.")
    series: tuple[Series, ...] = Field(description="The largest first; the rest, and what has no group, last.")
    totals: tuple[Quantity | None, ...] = Field(description="One for each bucket, over all series.")
    total: Quantity = Field(description="Over the whole span.")
    event_count: int | None = Field(
        description="Events behind the total; null for cost, whose items have events of their own."
    )
    compare: Comparison | None = Field(description="Null unless asked for, or where there is nothing before.")
    line: EqualLine | None = Field(description="Null where none bills just this, or events were counted meanwhile.")
    filled: bool = Field(description="False while past events are still being counted: more may follow.")
