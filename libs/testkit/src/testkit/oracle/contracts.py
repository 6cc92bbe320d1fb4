"""Which days, plans and prices a contract of months has: docs/money.md and docs/pricing.md, from these pages alone.

A contract is the list of its versions as a catalog writes them, the newest last.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from testkit.oracle.exact import round_half_away

Spec = Mapping[str, Any]


@dataclass(frozen=True)
class Months:
    """A billing period: its label, its days as the contract cuts them, and how many days it has uncut."""

    label: str
    first: date
    after: date
    uncut_days: int


@dataclass(frozen=True)
class Run:
    """An item that is priced over days of a period: as in its plan, with the contract's own prices in it.

    `is_whole`: over all of the period, so that it has no days in its name.
    """

    item: Spec
    first: date
    after: date
    is_whole: bool

    @property
    def name(self) -> str:
        """How its charge is named."""
        return str(self.item["name"]) if self.is_whole else dated(self.item["name"], self.first, self.after)


def dated(name: str, first: date, after: date) -> str:
    """Return a name with the first and the last of some days."""
    return f"{name} ({first} to {after - timedelta(days=1)})"


def midnight(day: date, spec: Spec) -> datetime:
    """Return when a day begins where the contract is."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(spec["timeZone"]))


def periods(spec: Spec, until: str) -> Iterator[Months]:
    """Yield the periods of a contract up to a label."""
    start = date.fromisoformat(spec["start"])
    end = date.fromisoformat(spec["end"]) if spec.get("end") else date.max
    year, month = start.year, start.month
    if start < _begin(year, month, spec["anchorDay"]):
        year, month = _next(year, month, -1)
    while (label := f"{year}-{month:02}") <= until and _begin(year, month, spec["anchorDay"]) < end:
        first, after = _begin(year, month, spec["anchorDay"]), _begin(*_next(year, month), spec["anchorDay"])
        yield Months(label, max(first, start), min(after, end), (after - first).days)
        year, month = _next(year, month)


def _begin(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, monthrange(year, month)[1]))


def _next(year: int, month: int, by: int = 1) -> tuple[int, int]:
    months = year * 12 + month - 1 + by
    return months // 12, months % 12 + 1


def share(spec: Spec, period: Months, first: date, after: date) -> Fraction:
    """Return which share of the days of the uncut period some days are that are not paused."""
    days = [first + timedelta(days=number) for number in range((after - first).days)]
    pauses = [(date.fromisoformat(one["from"]), date.fromisoformat(one["until"])) for one in spec.get("pauses", ())]
    held = [day for day in days if not any(begins <= day < ends for begins, ends in pauses)]
    return Fraction(len(held), period.uncut_days)


def plan_on(versions: Sequence[Spec], period: Months, day: date) -> str:
    """Return the plan that rules a day of a period."""
    plan = versions[0]["plan"]
    for spec in versions[1:]:
        if spec["plan"] != plan and spec.get("effectiveFrom"):
            begins = date.fromisoformat(spec["effectiveFrom"])
            # Without midPeriod it rules whole periods alone.
            plan = spec["plan"] if begins <= (day if spec.get("midPeriod") else period.first) else plan
    return str(plan)


def segments(versions: Sequence[Spec], period: Months) -> list[tuple[str, date, date]]:
    """Return the plans of a period with their days."""
    found: list[tuple[str, date, date]] = []
    for number in range((period.after - period.first).days):
        day = period.first + timedelta(days=number)
        plan, after = plan_on(versions, period, day), day + timedelta(days=1)
        if found and found[-1][0] == plan:
            found[-1] = (plan, found[-1][1], after)
        else:
            found.append((plan, day, after))
    return found


def runs(versions: Sequence[Spec], plans: Mapping[str, Spec], period: Months) -> list[Run]:
    """Return what is priced by itself: what neighbors price alike runs on."""
    spec = versions[-1]
    parts = [
        ([_own(item, spec, period) for item in plans[plan]["items"]], first, after)
        for plan, first, after in segments(versions, period)
    ]
    found: list[Run] = []
    for place, (items, first, after) in enumerate(parts):
        for item in items:
            if place and item in parts[place - 1][0]:
                continue
            until = after
            for later, _, ends in parts[place + 1 :]:
                if item not in later:
                    break
                until = ends
            if _falls(item, spec, first, until):
                is_whole = (first, until) == (period.first, period.after)
                found.append(Run(item, first, until, is_whole))
    return found


def _falls(item: Spec, spec: Spec, first: date, after: date) -> bool:
    if item.get("once") == "start":
        return first == date.fromisoformat(spec["start"])
    return item.get("once") != "end" or after.isoformat() == str(spec.get("end"))


def _own(item: Spec, spec: Spec, period: Months) -> Spec:
    """Return an item with what the contract changes of it, which holds for whole periods."""
    found = dict(item)
    for override in spec.get("overrides", ()):
        if override["item"] == item["name"] and rules(override, spec, period):
            if "multiplier" in override:
                found["times"] = override["multiplier"]
            else:
                found |= {key: override[key] for key in ("price", "fixed") if key in override}
    return found


def rules(one: Spec, spec: Spec, period: Months) -> bool:
    """Whether something that a contract has from one day to another rules a period: by the day on which it starts."""
    begins = date.fromisoformat(one.get("from", spec["start"]))
    if "periods" in one:
        starts = [each.first for each in periods(spec, period.label) if each.first >= begins]
        return period.first in starts[: one["periods"]]
    return begins <= period.first < (date.fromisoformat(one["until"]) if "until" in one else date.max)


def shared(amount: Fraction, weights: Mapping[str, Fraction], places: int) -> dict[str, Fraction]:
    """Give a printed amount to names in proportion: whole minor units below, then one each to the largest rests."""
    unit = Fraction(1, 10**places)
    whole = sum(weights.values(), Fraction(0))
    exact = {name: amount * weight / whole if whole else Fraction(0) for name, weight in weights.items()}
    given = {name: part // unit * unit for name, part in exact.items()}
    by_rest = sorted(exact, key=lambda name: given[name] - exact[name])
    for name in by_rest[: int((amount - sum(given.values())) / unit) if whole else 0]:
        given[name] += unit
    return given


def printed(exact: Mapping[str, Fraction], places: int) -> dict[str, Fraction]:
    """Return amounts as lines say them."""
    return {name: round_half_away(amount, places) for name, amount in exact.items()}
