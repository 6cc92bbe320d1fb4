"""Contracts of one customer beside one another: what both price is found as by looking at every single day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.billing_period import Schedule, period_at
from rating.domain.contracts import Contract
from rating.domain.features import Feature
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.side_by_side import check_beside, first_clash, meters_of, plan_spans, that_may_have, widens
from rating.domain.unbilled import PricedContract
from rating.domain.versions import Version

NOW = datetime(2024, 1, 1, tzinfo=UTC)
FIRST_DAY, DAYS = date(2024, 1, 1), 130
FEE = PlanItem("Fee", "", "", Price(FixedFee(Decimal(1))))
LIMITED = Feature("sms", meter="sms", limit=Decimal(10))


def priced(meter: str) -> PlanItem:
    return PlanItem(meter, meter, "", Price(PerUnit(Decimal(1))))


def plan(name: str, *versions: tuple[str, int], features: tuple[Feature, ...] = ()) -> list[Version[Plan]]:
    """Return a plan whose versions price meters named by letters, each from a day on."""
    return [
        Version(
            name, number, NOW, Plan("USD", (FEE, *map(priced, meters)), "", midnight(day) if day else None, features)
        )
        for number, (meters, day) in enumerate(versions, start=1)
    ]


def midnight(day: int) -> datetime:
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=day)


def contract(
    name: str, plans: Sequence[list[Version[Plan]]], start: int, end: int | None, *, anchor: int = 1, change: int = 0
) -> PricedContract:
    """Return a contract of the first plan; with a `change`, of the second one from that day itself on."""
    schedule = Schedule(
        FIRST_DAY + timedelta(days=start), None if end is None else FIRST_DAY + timedelta(days=end), anchor, "UTC"
    )
    history = [Version(name, 1, NOW, Contract("c", plans[0][0].name, None, schedule, schedule.start))]
    if change:
        day = FIRST_DAY + timedelta(days=change)
        history.append(Version(name, 2, NOW, Contract("c", plans[1][0].name, None, schedule, day, mid_period=True)))
    return PricedContract(history, {}, {each[0].name: each for each in plans}, {})


def by_day(one: PricedContract, day: int) -> frozenset[str]:
    noon = midnight(day) + timedelta(hours=12)
    period = period_at(one.newest.content.schedule, noon)
    found = None if period is None else one.plan_of(period, noon)
    return frozenset() if found is None else meters_of(found.content)


some_meters = st.sampled_from(["", "a", "b", "c", "ab", "bc"])


@st.composite
def contracts(draw: st.DrawFn, name: str) -> PricedContract:
    start = draw(st.integers(0, 90))
    end = draw(st.one_of(st.none(), st.integers(start + 1, DAYS)))
    plans = [
        plan(f"{name}-{number}", (draw(some_meters), 0), (draw(some_meters), draw(st.integers(1, 120))))
        for number in range(2)
    ]
    change = draw(
        st.one_of(st.just(0), st.integers(start + 1, (end or DAYS) - 1) if (end or DAYS) - start > 2 else st.just(0))
    )
    return contract(name, plans, start, end, anchor=draw(st.sampled_from([1, 15, 31])), change=change)


@settings(max_examples=150)
@given(contracts("one"), contracts("other"))
def test_what_both_price_is_found_as_day_by_day(one: PricedContract, other: PricedContract) -> None:
    shared = {day: by_day(one, day) & by_day(other, day) for day in range(DAYS + 60)}
    clashing = [day for day, meters in shared.items() if meters]

    clash = first_clash(one, [other])

    if clash is None:
        assert not clashing
        return
    day = clashing[0]
    assert clash.first == FIRST_DAY + timedelta(days=day)
    meter = clash.what.removeprefix("meter ").strip("'")
    assert meter == min(shared[day])
    until = next((each for each in range(day, DAYS + 60) if meter not in shared[each]), None)
    assert clash.last == (None if until is None else FIRST_DAY + timedelta(days=until - 1))


@settings(max_examples=50)
@given(contracts("one"))
def test_spans_cover_a_contract_without_a_gap(one: PricedContract) -> None:
    spans = plan_spans(one)

    assert (spans[0].start, spans[-1].end) == one.span
    assert all(span.end == following.start for span, following in pairwise(spans))


def test_two_fees_stand_beside_one_another_and_one_meter_does_not() -> None:
    one = contract("one", [plan("p", ("a", 0))], 0, None)
    fees = contract("fees", [plan("q", ("", 0))], 0, None)
    other = contract("other", [plan("r", ("ab", 0))], 40, 70)

    check_beside(one, [fees], "start")
    with pytest.raises(Refused) as refused:
        check_beside(one, [fees, other], "start")

    assert (refused.value.field, refused.value.reason) == ("start", Reason.CONTRACT_OVERLAP)
    assert "meter 'a' would be of contract 'one' and of contract 'other' from 2024-02-10 to 2024-03-10" in str(
        refused.value
    )


def test_a_feature_with_a_limit_is_of_one_contract_and_one_without_may_be_of_both() -> None:
    both = Feature("support", value="mail")
    one = contract("one", [plan("p", ("a", 0), features=(both, LIMITED))], 0, None)

    same = contract("same", [plan("q", ("b", 0), features=(both,))], 0, None)
    other_value = contract("value", [plan("r", ("b", 0), features=(Feature("support", value="phone"),))], 0, None)
    limited = contract("limited", [plan("s", ("b", 0), features=(LIMITED,))], 0, None)

    assert first_clash(one, [same]) is None
    for other, name in ((other_value, "support"), (limited, "sms")):
        clash = first_clash(one, [other])
        assert clash is not None
        assert clash.what == f"feature {name!r}"


def test_a_version_widens_a_plan_where_an_earlier_one_lacked_what_it_has() -> None:
    assert not widens(plan("p", ("ab", 0), ("a", 9)))
    assert widens(plan("p", ("a", 0), ("ab", 9)))
    assert widens(plan("p", ("ab", 0), ("a", 9), ("ab", 12)))
    assert not widens(plan("p", ("ab", 0)))


def test_what_never_had_a_feature_takes_no_time_of_one_that_has_it() -> None:
    having = contract("having", [plan("p", ("a", 0), features=(LIMITED,))], 0, 40)
    beside = contract("beside", [plan("q", ("b", 0))], 10, None)
    before = contract("before", [plan("r", ("b", 0))], 60, None)

    assert that_may_have([having, beside, before], "sms") == [having, before]
