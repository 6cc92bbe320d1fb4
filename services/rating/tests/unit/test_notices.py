"""Notices of price changes: which version may rule a contract, from when on, and what a notice shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from rating.domain.billing_period import Schedule, period_labelled
from rating.domain.boundaries import Interval
from rating.domain.charges import MeterUsage, RatedPeriod
from rating.domain.contracts import Contract
from rating.domain.discounts import Discount
from rating.domain.notice_rule import NoticeRule
from rating.domain.notices import (
    NoticeKind,
    agreed_at,
    effect_on,
    kind_of,
    needs_notice,
    periods_shown,
    plan_for,
    starts_at,
)
from rating.domain.plans import Plan, PlanItem, plan_at
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.proration import WHOLE
from rating.domain.rated_period import rate_plan
from rating.domain.simulation import HistoricPeriod
from rating.domain.versions import Version

RULE = NoticeRule(30)


def day(month: int, of_month: int = 1, hour: int = 0) -> datetime:
    return datetime(2026, month, of_month, hour, tzinfo=UTC)


def plan(number: int, made: datetime, notice: NoticeRule | None = None, since: datetime | None = None) -> Version[Plan]:
    item = PlanItem("Fee", "", "", Price(FixedFee(Decimal(number))))
    return Version("p", number, made, Plan("USD", (item,), effective_from=since, notice=notice))


def contract(number: int, made: datetime, name: str = "p") -> Version[Contract]:
    schedule = Schedule(date(2026, 1, 1), None, 1, "UTC", Interval.MONTH)
    return Version("c", number, made, Contract("UA", name, None, schedule))


FIRST, SECOND = plan(1, day(1)), plan(2, day(3), RULE, day(3))


def ruling(start: datetime, agreed: datetime | None, starts: Any = None) -> int:
    found = plan_for([FIRST, SECOND], start, agreed, starts or {})
    return 0 if found is None else found.version


def test_without_a_notice_a_version_never_begins() -> None:
    agreed = day(2)

    assert [ruling(start, agreed) for start in (day(2), day(3), day(12))] == [1, 1, 1]
    assert plan_for([FIRST, SECOND], day(12), agreed, {("other", 2): day(1)}) == FIRST


def test_a_version_begins_with_the_first_period_that_starts_late_enough() -> None:
    starts = {("p", 2): day(7, 10)}

    assert [ruling(start, day(2), starts) for start in (day(7), day(7, 10), day(8))] == [1, 2, 2]
    # A notice that comes early brings nothing forward.
    assert [ruling(start, day(2), {("p", 2): day(1)}) for start in (day(2), day(3))] == [1, 2]
    found = plan_for([FIRST, SECOND], day(8), day(2), starts)
    assert found == SECOND


def test_who_got_the_plan_later_has_agreed_to_its_prices() -> None:
    assert [ruling(start, day(4)) for start in (day(2), day(3))] == [1, 2]
    assert ruling(day(3), None) == 2


def test_a_later_version_without_notice_begins_as_it_says() -> None:
    third = plan(3, day(4), None, day(5))

    found = [plan_for([FIRST, SECOND, third], start, day(2), {}) for start in (day(4), day(5))]

    assert found == [FIRST, third]


def test_a_contract_agrees_when_it_gets_a_plan_and_not_when_it_changes_otherwise() -> None:
    history = [contract(1, day(1)), contract(2, day(2), "q"), contract(3, day(3)), contract(4, day(4))]

    assert agreed_at(history, "p") == day(3)
    assert agreed_at(history, "q") == day(2)
    assert agreed_at(history[:2], "p") == day(1)
    assert agreed_at(history, "other") is None


def test_the_first_version_needs_no_notice() -> None:
    assert not needs_notice(plan(1, day(5), RULE), day(1))
    assert needs_notice(plan(2, day(5), RULE), day(1))
    assert not needs_notice(plan(2, day(5)), day(1))
    assert not needs_notice(plan(2, day(5), RULE), day(5))


def test_days_are_those_of_the_zone() -> None:
    sent = datetime(2026, 6, 10, 23, 30, tzinfo=UTC)

    assert starts_at(SECOND, NoticeKind.SENT, sent, "UTC") == day(7, 10)
    assert starts_at(SECOND, NoticeKind.SENT, sent, "Europe/Vienna") == datetime(2026, 7, 10, 22, tzinfo=UTC)
    for kind in (NoticeKind.OVERRIDDEN, NoticeKind.NOT_NEEDED):
        assert starts_at(SECOND, kind, sent, "UTC") == day(3)
        assert starts_at(plan(2, day(4), RULE), kind, sent, "UTC") == day(4)


def history(calls: str, label: str = "2026-05") -> HistoricPeriod:
    usage = {"calls": MeterUsage(Decimal(calls), "", 1)}
    period = period_labelled(contract(1, day(1)).content.schedule, label)
    assert period is not None
    rated = RatedPeriod("c", "UA", period, "p", 1, "USD", rate_plan(priced("1"), usage), AsOf("e", {}))
    return HistoricPeriod(rated, WHOLE, usage)


def priced(unit: str, *more: PlanItem) -> Plan:
    return Plan("USD", (PlanItem("Calls", "calls", "", Price(PerUnit(Decimal(unit)))), *more))


def test_a_notice_shows_what_each_item_would_have_cost() -> None:
    fee = PlanItem("Fee", "", "", Price(FixedFee(Decimal("2.5"))))

    shown = effect_on(priced("0.333", fee), priced("0.3"), history("10"))

    assert shown.label == "2026-05"
    assert [(one.item, one.before, one.after, one.difference) for one in shown.items] == [
        ("Calls", Decimal("3.33"), Decimal("3.0"), Decimal("-0.33")),
        ("Fee", Decimal("2.5"), Decimal(0), Decimal("-2.5")),
    ]


@pytest.mark.parametrize(
    ("increase_only", "after", "missing", "override", "kind"),
    [
        (False, "0.5", [], "", NoticeKind.SENT),
        (True, "0.5", [], "", NoticeKind.NOT_NEEDED),
        (True, "1", [], "", NoticeKind.NOT_NEEDED),
        (True, "1.001", [], "", NoticeKind.SENT),
        (True, "0.5", ["2026-04"], "", NoticeKind.SENT),
        (True, "2", [], "agreed by phone", NoticeKind.OVERRIDDEN),
    ],
)
def test_what_is_not_dearer_may_need_no_notice(
    increase_only: bool, after: str, missing: list[str], override: str, kind: NoticeKind
) -> None:
    version = plan(2, day(3), NoticeRule(30, increase_only=increase_only))
    shown = [effect_on(priced("1"), priced(after), history("10"))]

    assert kind_of(version, shown, missing, override) is kind
    assert kind_of(version, [], [], "") is NoticeKind.SENT


def test_a_discount_that_takes_less_makes_nothing_dearer() -> None:
    tenth = Discount("Friends", Decimal(10), None, (), day(1).date(), None)
    shown = effect_on(priced("1"), priced("0.5"), replace(history("10"), discounts=(tenth,)))

    assert [one.difference for one in shown.items] == [Decimal(-5), Decimal("0.5")]
    assert kind_of(plan(2, day(3), NoticeRule(30, increase_only=True)), [shown], [], "") is NoticeKind.NOT_NEEDED


def test_the_last_ended_periods_are_shown() -> None:
    schedule = contract(1, day(1)).content.schedule

    assert [one.label for one in periods_shown(schedule, day(6, 15), 3)] == ["2026-03", "2026-04", "2026-05"]
    assert [one.label for one in periods_shown(schedule, day(2, 15), 3)] == ["2026-01"]
    assert periods_shown(schedule, day(1, 15), 3) == []


@pytest.mark.parametrize(("days", "periods"), [(0, 3), (367, 3), (30, 0), (30, 13)])
def test_what_is_no_notice_is_refused(days: int, periods: int) -> None:
    with pytest.raises(Refused):
        NoticeRule(days, periods)


months = st.integers(1, 12).map(day)


@given(
    st.lists(st.tuples(months, st.booleans(), st.none() | months), min_size=1, max_size=5),
    months,
    st.dictionaries(st.integers(1, 5), months),
    months,
)
def test_the_ruling_version_is_the_newest_that_may_rule(
    made: list[tuple[datetime, bool, datetime | None]],
    agreed: datetime,
    told: dict[int, datetime],
    start: datetime,
) -> None:
    versions = [
        plan(number, when + timedelta(seconds=number), RULE if asks else None, since)
        for number, (when, asks, since) in enumerate(sorted(made, key=lambda one: one[0]), start=1)
    ]

    found = plan_for(versions, start, agreed, {("p", number): when for number, when in told.items()})

    may_rule = []
    for version in versions:
        effective = version.content.effective_from
        is_told = version.version in told and told[version.version] <= start
        is_free = version.version == 1 or version.content.notice is None or version.created_at <= agreed
        if (effective is None or effective <= start) and (is_free or is_told):
            may_rule.append(version.version)
    assert (0 if found is None else found.version) == max(may_rule, default=0)
    if all(version.content.notice is None for version in versions):
        assert found == plan_at(versions, start)
