"""How far back usage decides what is left: grants outlive contracts, what is carried over does not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from rating.domain.allowance import FeaturePeriod, Grant, allowance, standing, stretches
from rating.domain.billing_period import Schedule, period_at
from rating.domain.boundaries import Interval
from rating.domain.contracts import Contract
from rating.domain.features import Feature, Rollover
from rating.domain.looked_back import PERIODS_MAX, AgreedPeriod, periods_that_matter
from rating.domain.unbilled import PricedContract
from rating.domain.versions import Version

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def contract(name: str, start: date, end: date | None = None, interval: Interval = Interval.MONTH) -> PricedContract:
    content = Contract("c", "plan", None, Schedule(start, end, 1, "UTC", interval))
    return PricedContract([Version(name, 1, NOW, content)], {}, {}, {})


def grant(first_day: date) -> Grant:
    return Grant(str(first_day), "c", "sms", Decimal(10), first_day, None, 0, "", NOW)


def looked_at(
    contracts: list[PricedContract], grants: list[Grant], *, carries_over: bool = False
) -> tuple[list[AgreedPeriod], list[Grant]]:
    current = next(one for one in contracts if period_at(one.newest.content.schedule, NOW))
    period = period_at(current.newest.content.schedule, NOW)
    assert period is not None
    return periods_that_matter(contracts, AgreedPeriod(current, period), grants, carries_over=carries_over)


def labels(found: list[AgreedPeriod]) -> list[tuple[str, str]]:
    return [(one.contract.newest.name, one.period.label) for one in found]


def test_a_grant_is_drawn_from_its_first_day_on_under_whatever_contract() -> None:
    first = contract("first", date(2026, 7, 1), date(2026, 10, 15))
    second = contract("second", date(2026, 10, 15))
    aside = contract("aside", date(2026, 9, 20), date(2026, 10, 10))

    periods, _ = looked_at([second, first, aside], [grant(date(2026, 9, 25))])

    # Where contracts overlap, the later one has the time; no time is there twice.
    assert labels(periods)[-3:] == [("aside", "2026-10"), ("second", "2026-10"), ("second", "2026-11")]
    assert all(one.period.end <= after.period.start for one, after in pairwise(periods))
    assert labels(looked_at([second, first], [])[0]) == [("second", "2026-11")]
    assert labels(looked_at([second, first], [grant(date(2026, 11, 3))])[0]) == [("second", "2026-11")]


def test_a_grant_of_many_days_ago_does_not_come_back() -> None:
    days = contract("days", date(2026, 1, 1), interval=Interval.DAY)
    granted = grant(date(2026, 2, 1))
    periods, grants = looked_at([days], [granted])
    feature = Feature("sms", meter="sms", limit=Decimal(0))
    cut = stretches([FeaturePeriod(one.period, feature, "days") for one in periods], grants, "UTC")
    used = [Decimal(4) if stretch.start.month == 3 and stretch.start.day < 5 else Decimal(0) for stretch in cut[:-1]]

    found = standing(allowance(cut, used, "UTC"), Decimal(0), Decimal(0))

    assert len(periods) == (date(2026, 11, 28) - date(2026, 2, 1)).days + 1
    assert (found.limit, found.remaining) == (Decimal(0), Decimal(0))


def test_what_lies_further_back_than_is_looked_at_counts_as_used_up() -> None:
    days = contract("days", date(2020, 1, 1), interval=Interval.DAY)
    old, young = grant(date(2022, 1, 1)), grant(NOW.date() - timedelta(days=PERIODS_MAX - 1))

    periods, grants = looked_at([days], [old, young])

    assert len(periods) == PERIODS_MAX
    assert grants == [young]


def test_what_is_carried_over_ends_with_the_contract() -> None:
    first = contract("first", date(2026, 9, 1), date(2026, 11, 1))
    second = contract("second", date(2026, 11, 1))
    feature = Feature("sms", meter="sms", limit=Decimal(5), rollover=Rollover(Decimal(100), 3))
    periods, grants = looked_at([first, second], [], carries_over=True)
    cut = stretches([FeaturePeriod(one.period, feature, one.contract.newest.name) for one in periods], grants, "UTC")

    found = standing(allowance(cut, [Decimal(0)] * (len(cut) - 1), "UTC"), Decimal(0), Decimal(0))

    assert labels(periods) == [("first", "2026-09"), ("first", "2026-10"), ("second", "2026-11")]
    assert found.limit == Decimal(5)
