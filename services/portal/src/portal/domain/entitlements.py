"""What a customer may use: limits, what is left of them, and when it is used up if usage goes on as so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from portal.domain.views import Answer, Quantity, Span, View

SourceKind = Literal["carriedOver", "plan", "grant"]
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class EntitledSource:
    """Something that usage is drawn from. `expires_at` None: it does not expire in the period."""

    kind: SourceKind
    name: str
    remaining: Decimal | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Entitled:
    """How a feature stands in the period that goes on. Quantities are None where nothing is counted, or limited."""

    feature: str
    contract: str
    value: str
    meter: str
    unit: str
    period: Span
    limit: Decimal | None
    used: Decimal | None
    held: Decimal | None
    remaining: Decimal | None
    beyond: Decimal | None
    is_soft: bool
    sources: Sequence[EntitledSource]
    as_of: str
    complete_until: datetime | None


class Allowance(View):
    """Something that usage is drawn from, in the order in which it is."""

    kind: SourceKind = Field(description="carriedOver from an earlier period, the plan's own limit, or a grant.")
    name: str = Field(description="Of what was carried over, the period that it comes from; else empty.")
    remaining: Quantity | None = Field(description="What is left of it; null without limit.")
    last_day: date | None = Field(description="Last day on which it may be used; null where none is known.")


class Entitlement(View):
    """A feature of the customer's plan, as it stands in the period that goes on."""

    feature: str
    meter: str = Field(description="Meter whose usage counts; empty where nothing is counted.")
    label: str = Field(description="Name of the meter for people; empty where nothing is counted.")
    unit: str
    value: str = Field(description="The fixed value of a feature that has one.")
    limit: Quantity | None = Field(description="What may be used in the period in all; null without limit.")
    used: Quantity | None = Field(description="Null where nothing is counted.")
    held: Quantity | None = Field(description="What is reserved; null where nothing is counted.")
    remaining: Quantity | None = Field(description="Null without limit.")
    beyond: Quantity | None = Field(description="By how much usage lies beyond the limit.")
    is_soft: bool = Field(description="Whether usage beyond the limit is let through.")
    resets_on: date = Field(description="First day of the next period, on which usage counts anew.")
    runs_out_on: date | None = Field(
        description="Day on which nothing is left if usage goes on as so far in the period; null where something is."
    )
    sources: tuple[Allowance, ...]


class Entitlements(Answer):
    """What a customer may use now."""

    entitlements: tuple[Entitlement, ...]


def entitlement(found: Entitled, label: str, time_zone: str, now: datetime) -> Entitlement:
    """Return a feature as it is shown; days are those of the contract's zone."""
    zone = ZoneInfo(time_zone)
    return Entitlement(
        feature=found.feature,
        meter=found.meter,
        label=label,
        unit=found.unit,
        value=found.value,
        limit=found.limit,
        used=found.used,
        held=found.held,
        remaining=found.remaining,
        beyond=found.beyond,
        is_soft=found.is_soft,
        resets_on=found.period.end.astimezone(zone).date(),
        runs_out_on=None if (at := runs_out_at(found, now)) is None else at.astimezone(zone).date(),
        sources=tuple(
            Allowance(
                kind=source.kind,
                name=source.name if source.kind == "carriedOver" else "",
                remaining=source.remaining,
                last_day=None
                if source.expires_at is None
                else (source.expires_at - _MICROSECOND).astimezone(zone).date(),
            )
            for source in found.sources
        ),
    )


def runs_out_at(found: Entitled, now: datetime) -> datetime | None:
    """Return when nothing is left if usage goes on as so far in the period; None where something is, or nothing was.

    Each source is drawn until it is used up or expires, and only then the next one.
    """
    start, end, here = (_microseconds(moment) for moment in (found.period.start, found.period.end, now))
    if not found.used or found.remaining is None or not start < here < end or found.remaining <= 0:
        return None
    each_us = Fraction(found.used) / (here - start)
    at = Fraction(here)
    for source in found.sources:
        if source.remaining is None:
            return None
        ends = Fraction(end) if source.expires_at is None else Fraction(_microseconds(source.expires_at))
        if ends > at:
            at = min(at + Fraction(source.remaining) / each_us, ends)
    return None if at >= end else datetime.fromtimestamp(0, UTC) + _MICROSECOND * (at.numerator // at.denominator)


def _microseconds(moment: datetime) -> int:
    return (moment - datetime.fromtimestamp(0, UTC)) // _MICROSECOND
