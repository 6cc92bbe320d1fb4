"""Several billing periods that begin in the middle of a month: cut where they begin, and compared at the same point."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page

from testkit.browser.portal import Portal, bars
from testkit.live import LiveSuite, Tenant

CATALOG = """
kind: Meter
metadata: {{name: calls}}
spec: {{eventTypes: [call.made], aggregation: SUM, value: count, groupBy: [region], unit: call}}
---
kind: Plan
metadata: {{name: standard}}
spec:
  currency: USD
  items:
    - {{name: Base fee, fixed: {{amount: "10.00"}}}}
    - {{name: Calls, meter: calls, price: {{perUnit: "0.50"}}}}
---
kind: Customer
metadata: {{name: mid}}
spec: {{displayName: Mid Month, currency: USD}}
---
kind: Contract
metadata: {{name: mid}}
spec: {{customer: mid, plan: standard, start: "{start}", interval: MONTH, anchorDay: {anchor}, timeZone: UTC}}
"""
FEE, PRICE = Decimal("10.00"), Decimal("0.50")
REGIONS = ("north", "south")
BEGUN_DAYS_AGO = 9


def calls_on(day: date) -> int:
    """How many calls there were on a day: no two months have as many."""
    return day.toordinal() % 5 + day.month


@dataclass(frozen=True)
class World:
    """Seven billing periods, the last of which runs: the first days of all of them, and today."""

    portal: Portal
    starts: tuple[date, ...]
    today: date

    def calls(self, first: date, end: date) -> int:
        """Add up the days one by one; there are calls until yesterday."""
        days = (min(end, self.today) - first).days
        return sum(calls_on(first + timedelta(days=n)) for n in range(days))

    @property
    def bounds(self) -> list[tuple[date, date]]:
        """First day and first day after of each period; the last has not ended."""
        return list(zip(self.starts, (*self.starts[1:], following(self.starts[-1])), strict=True))


def following(day: date) -> date:
    """The same day of the next month; no test begins after the 28th."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=day.day)


@pytest.fixture(scope="module")
def world(suite: LiveSuite, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A customer whose periods begin in the middle of a month, with calls on each day until yesterday."""
    today = datetime.now(UTC).date()
    last = today - timedelta(days=BEGUN_DAYS_AGO)
    # Never on the first, which would be months of the calendar, nor on a day that some month has not.
    last = last.replace(day=min(max(last.day, 2), 28))
    starts = [last]
    while len(starts) < 7:
        starts.insert(0, (starts[0].replace(day=1) - timedelta(days=1)).replace(day=last.day))
    tenant = Tenant.create(suite, "mid-month", tmp_path_factory.mktemp("mid-month"))
    tenant.apply(CATALOG.format(start=starts[0].isoformat(), anchor=last.day))
    tenant.report(*events(starts[0], today))
    tenant.json("usage", "calls", "--from", starts[0].isoformat(), "--to", today.isoformat(), "--wait")
    return World(Portal(tenant, browser), tuple(starts), today)


def events(first: date, today: date) -> Iterator[dict[str, Any]]:
    """One event a day and region."""
    for n in range((today - first).days):
        day = first + timedelta(days=n)
        for region, count in zip(REGIONS, (1, calls_on(day) - 1), strict=True):
            yield {
                "id": f"{day}-{region}",
                "source": "test",
                "type": "call.made",
                "customer": "mid",
                "time": f"{day}T12:00:00Z",
                "properties": {"count": str(count), "region": region},
            }


def ask(page: Page, path: str, world: World, **query: str) -> Any:
    """Ask for the last three periods, compared with the three before."""
    span = {"from": world.starts[-3].isoformat(), "until": world.bounds[-1][1].isoformat()}
    return page.request.get(f"/api/v1/{path}?{urlencode({**span, 'compare': 'previous', **query})}").json()


def test_usage_is_cut_where_the_periods_begin_and_compared_at_the_same_point(world: World) -> None:
    with world.portal.page("mid", "/usage?meter=calls&span=3&window=month") as page:
        drawn = bars(page)
        shown = ask(page, "usage", world, meter="calls", window="month", groupBy="region")

    periods = [world.calls(*bounds) for bounds in world.bounds]
    days = (world.today - world.starts[-1]).days
    assert sorted(map(int, drawn.values())) == sorted(periods[-3:])
    assert list(map(int, shown["totals"])) == periods[-3:]
    assert [bucket["start"][:10] for bucket in shown["buckets"]] == [day.isoformat() for day in world.starts[-3:]]
    for series, region in zip(sorted(shown["series"], key=lambda one: one["key"]), REGIONS, strict=True):
        assert series["key"] == region
        assert sum(map(int, series["values"])) == int(series["total"])
    compare = shown["compare"]
    assert list(map(int, compare["totals"])) == periods[-6:-3]
    assert compare["aligned"] == [0, 1, 2]
    until = world.starts[-4] + timedelta(days=days)
    assert int(compare["samePoint"]["total"]) == sum(periods[-6:-4]) + world.calls(world.starts[-4], until)
    assert compare["samePoint"]["days"] == (until - world.starts[-6]).days


def test_cost_of_periods_that_run_is_compared_at_the_same_point(world: World) -> None:
    with world.portal.page("mid", "/cost") as page:
        shown = ask(page, "cost", world, window="month")

    bills = [FEE + PRICE * world.calls(*bounds) for bounds in world.bounds]
    until = world.starts[-4] + timedelta(days=(world.today - world.starts[-1]).days)
    assert list(map(Decimal, shown["totals"])) == bills[-3:]
    assert list(map(Decimal, shown["compare"]["totals"])) == bills[-6:-3]
    point = sum(bills[-6:-4]) + FEE + PRICE * world.calls(world.starts[-4], until)
    assert Decimal(shown["compare"]["samePoint"]["total"]) == point
    assert shown["compare"]["samePoint"]["days"] == (until - world.starts[-6]).days
