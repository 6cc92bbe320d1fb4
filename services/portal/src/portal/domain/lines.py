"""How a line of an invoice came about, and the events behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import Field

from portal.domain.figures import HourOfWeek
from portal.domain.invoices import Line, Tier
from portal.domain.plans import PlanItem
from portal.domain.steps import Step
from portal.domain.views import Answer, Freshness, Quantity, Span, View

Correction = Literal["void", "replacement"]


class Evidence(View):
    """What proves a final line."""

    snapshot_id: str
    digest: str = Field(description="SHA-256 of the frozen usage, in hexadecimal.")
    sealed_at: datetime
    traceparent: str | None


class DayValue(View):
    """What happened on one day."""

    window: Span
    quantity: Quantity


class ExplainedLine(Answer):
    """A line with all that leads to its amount."""

    line: Line
    invoice_number: str | None = Field(description="Number of its invoice; null for a draft.")
    price: PlanItem | None = Field(description="The price in figures; null where it is not told.")
    steps: tuple[Step, ...]
    tiers: tuple[Tier, ...]
    rounding: tuple[str, ...] = Field(description="How the amount on the line follows from the exact one, in words.")
    event_count: int
    days: tuple[DayValue, ...] = Field(description="The quantity by civil day; empty for a fixed fee.")
    evidence: Evidence | None = Field(description="Null for a draft, and for a fixed fee.")


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a line came about, as it is told by those who know."""

    line: Line
    invoice_number: str | None
    contract: str
    steps: tuple[Step, ...]
    rounding: tuple[str, ...]
    item: PlanItem | None
    """Whose price it was; None where that is not told."""
    currency: str
    days: tuple[DayValue, ...]
    evidence: Evidence | None
    freshness: Freshness


@dataclass(frozen=True, slots=True)
class MeteredSpan:
    """Which events: those that a meter counts in a span, of some values of properties alone."""

    meter: str
    start: datetime
    end: datetime
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    hour: HourOfWeek | None = None
    """Only what lies in this hour of the week of `time_zone`."""
    time_zone: str = ""
    reads_log: bool = False
    """Whether `filters` name a property that the meter does not group by."""


class LineEvent(View):
    """An event behind a line."""

    time: datetime = Field(description="When it happened.")
    id: str
    source: str
    subject: str = Field(description="User or device below the customer; empty if none.")
    value: str = Field(description="What the meter read of it.")
    properties: Mapping[str, str] = Field(description="Without those that the seller hides.")
    trace_id: str | None = Field(description="Trace of the request in which it happened, if it was told.")
    report_trace_id: str | None = Field(description="Trace of the call that reported it.")
    correction: Correction | None = Field(
        default=None,
        description="`void`: it takes back an event that was counted before, so its value is taken off; "
        "`replacement`: it holds in the place of the event that was reported; null for an event as it was reported.",
    )
    taken_back: bool = Field(
        default=False, description="Whether it was voided or replaced later, after what is shown was counted."
    )
    reason: str | None = Field(
        default=None, description="Why it was voided or replaced, where the seller shows that; else null."
    )


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events in the order of the log, and the place after which the next page begins; empty on the last."""

    events: tuple[LineEvent, ...]
    next: str


class LineEvents(View):
    """A page of events in the order of the log."""

    events: tuple[LineEvent, ...]
    next: str | None = Field(description="What to send as `after` for the next page; null on the last.")
    total: int = Field(description="Events behind the line or bucket, over all pages.")
