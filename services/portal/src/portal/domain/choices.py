"""What somebody chose in an explorer: which span, in which windows, by what, and of what alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from chassis.errors import Reason
from chassis.errors.refused import Refused

if TYPE_CHECKING:
    from portal.domain.exploring import Window


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices. A span is a billing period (empty = the newest) or goes from one civil day to before another."""

    billing_period: str = ""
    start: date | None = None
    end: date | None = None
    window: Window = "day"
    group_by: str = ""
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    compares: bool = False

    @property
    def is_by_days(self) -> bool:
        """Whether the span is given by its days."""
        return self.start is not None or self.end is not None

    def properties(self) -> tuple[str, ...]:
        """Return the properties that are grouped or filtered by."""
        return (*((self.group_by,) if self.group_by else ()), *self.filters)

    def days(self) -> tuple[date, date]:
        """Return the first day and the first day after a span that is given by its days. Raises Refused."""
        if self.start is None or self.end is None or self.billing_period:
            text = "give both `from` and `until`, or `billingPeriod` alone"
            raise Refused("from", Reason.PERIOD_INVALID, text)
        if self.start >= self.end:
            raise Refused("until", Reason.PERIOD_INVALID, "the span must end after it begins; take a later `until`")
        return self.start, self.end


def filters_of(texts: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return filters such as `origin:EWR`, of which several of one property widen it. Raises Refused."""
    found: dict[str, list[str]] = {}
    for place, text in enumerate(texts):
        name, colon, value = text.partition(":")
        if not name or not colon:
            raise Refused(f"filter[{place}]", Reason.FIELD_INVALID, "write property:value, such as origin:EWR")
        found.setdefault(name, []).append(value)
    return found
