"""Which plan of a contract rules when: by default, from a day of its own, put right, and where it is too late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.billing_period import Schedule, labels_from, period_labelled, starts_from
from rating.domain.boundaries import Interval
from rating.domain.contract_changes import RANGES_MAX, contract_change
from rating.domain.contracts import Contract
from rating.domain.plans import Plan, PlanItem, plan_at
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.price import Price
from rating.domain.ruling import FrozenPeriod, check_past, check_priced, is_same, ruling_at, rulings, settle
from rating.domain.versions import Version

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FEE = PlanItem("Fee", "", "", Price(FixedFee(Decimal(1))))


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def contract(
    plan: str, start: str = "2024-06-15", end: str | None = None, *, since: str = "", reason: str = "", pin: int = 0
) -> Contract:
    schedule = Schedule(date.fromisoformat(start), date.fromisoformat(end) if end else None, 1, "UTC")
    return Contract("acme", plan, pin or None, schedule, date.fromisoformat(since) if since else None, reason)


def history(*wanted: tuple[Contract, datetime]) -> list[Version[Contract]]:
    """Apply contracts one after another."""
    versions: list[Version[Contract]] = []
    for content, applied_at in wanted:
        settled = settle(versions, content, applied_at)
        versions.append(Version("c", len(versions) + 1, applied_at, settled))
    return versions


def said(versions: Sequence[Version[Contract]]) -> list[tuple[str, str, int]]:
    return [(ruling.day.isoformat(), ruling.plan, ruling.contract_version) for ruling in rulings(versions)]


def frozen(content: Contract, label: str, plan: str, version: int = 1) -> FrozenPeriod:
    period = period_labelled(content.schedule, label)
    assert period is not None
    return FrozenPeriod(period, plan, version)


def plan(*effective_from: str | None) -> list[Version[Plan]]:
    return [
        Version("p", number, NOW, Plan("USD", (FEE,), "", instant(text) if text else None))
        for number, text in enumerate(effective_from, start=1)
    ]


def test_periods_that_only_the_new_version_has_are_priced_by_its_plan() -> None:
    versions = history((contract("new", end="2024-09-01"), NOW), (contract("old", end="2025-01-01"), NOW))

    assert said(versions) == [("2024-06-15", "new", 1), ("2024-09-01", "old", 2)]
    october = ruling_at(rulings(versions), "UTC", instant("2024-10-01"))
    assert (october.plan, october.contract_version) == ("old", 2)


@pytest.mark.parametrize(
    ("end", "since", "reason", "applied_on", "prices"),
    [
        ("2024-09-01", "", "", "2024-07-10", "AAB"),
        ("2024-10-01", "", "", "2024-07-10", "AABB"),
        ("2024-10-01", "", "", "2026-07-10", "AAAB"),
        ("2024-09-01", "2024-07-01", "swapped", "2024-07-10", "ABB"),
        ("2024-09-01", "2024-07-02", "", "2024-07-10", "AAB"),
    ],
)
def test_the_table_in_the_docs(end: str, since: str, reason: str, applied_on: str, prices: str) -> None:
    versions = history((contract("A", end="2024-09-01"), instant("2024-05-01")))
    wanted = settle(versions, contract("B", end=end, since=since, reason=reason), instant(applied_on))
    entry = Version("c", 2, instant(applied_on), wanted)

    check_past(versions, entry, [])

    found = rulings([*versions, entry])
    periods = (period_labelled(wanted.schedule, label) for label in labels_from(wanted.schedule, date(2024, 6, 15)))
    assert "".join(ruling_at(found, "UTC", period.start).plan for period in periods if period) == prices


def test_a_period_cut_by_the_old_end_keeps_the_plan_that_ruled_its_start() -> None:
    versions = history((contract("new", end="2024-08-15"), NOW), (contract("old", end="2025-01-01"), NOW))

    assert said(versions) == [("2024-06-15", "new", 1), ("2024-09-01", "old", 2)]


def test_without_a_day_another_plan_rules_the_periods_that_start_after_it_is_applied() -> None:
    versions = history((contract("a"), NOW), (contract("b"), NOW))

    assert said(versions) == [("2024-06-15", "a", 1), ("2026-12-01", "b", 2)]


def test_a_change_applied_before_the_contract_begins_rules_from_its_start() -> None:
    versions = history((contract("a", "2027-01-10"), NOW), (contract("b", "2027-01-10"), NOW))

    assert said(versions) == [("2027-01-10", "b", 2)]


def test_a_new_end_alone_moves_no_plan() -> None:
    versions = history(
        (contract("a"), NOW), (contract("b", since="2027-03-01"), NOW), (contract("b", end="2028-01-01"), NOW)
    )

    assert said(versions) == [("2024-06-15", "a", 1), ("2027-03-01", "b", 2)]
    assert versions[-1].content.effective_from == date(2027, 3, 1)


def test_a_change_can_be_put_off_brought_forward_and_taken_back() -> None:
    planned = [(contract("a"), NOW), (contract("b", since="2027-03-01"), NOW)]

    assert said(history(*planned, (contract("b", since="2027-05-01"), NOW))) == [
        ("2024-06-15", "a", 1),
        ("2027-05-01", "b", 3),
    ]
    assert said(history(*planned, (contract("b", since="2027-02-01"), NOW)))[1] == ("2027-02-01", "b", 3)
    assert said(history(*planned, (contract("a"), NOW))) == [("2024-06-15", "a", 1)]
    assert said(history(*planned, (contract("c", since="2027-06-01"), NOW)))[1:] == [
        ("2027-03-01", "b", 2),
        ("2027-06-01", "c", 3),
    ]


def test_the_same_file_again_is_no_change() -> None:
    (first,) = history((contract("a"), NOW))
    _, second = history((contract("a"), NOW), (contract("b", since="2027-03-01", reason="why"), NOW))

    later = NOW + timedelta(days=400)
    assert is_same(first.content, settle([first], contract("a"), later))
    assert is_same(first.content, settle([first], contract("a", since="2027-01-01"), later))
    for again in (contract("b"), contract("b", since="2027-03-01"), contract("b", reason="other words")):
        assert is_same(second.content, settle([first, second], again, later))
    assert not is_same(second.content, settle([first, second], contract("b", since="2027-04-01"), later))


def test_versions_from_before_there_were_days_rule_as_they_would_by_default() -> None:
    versions = [
        Version("c", 1, instant("2013-03-10"), contract("old", "2013-01-01")),
        Version("c", 2, instant("2013-05-20"), contract("new", "2013-01-01")),
    ]

    assert said(versions) == [("2013-01-01", "old", 1), ("2013-06-01", "new", 2)]
    assert is_same(versions[-1].content, settle(versions, contract("new", "2013-01-01"), NOW))


@pytest.mark.parametrize(
    ("wanted", "field", "words"),
    [
        (contract("b", end="2024-09-01"), "plan", "no period of the contract starts after now"),
        (contract("b", end="2024-09-01", since="2024-08-02"), "effective_from", "starts on 2024-08-02 or later"),
        (contract("b", end="2024-09-01", since="2024-01-01"), "effective_from", "before the start, 2024-06-15"),
        (contract("b", end="2024-09-01", since="2024-09-01"), "effective_from", "would price nothing"),
    ],
)
def test_a_plan_that_would_price_nothing_is_refused(wanted: Contract, field: str, words: str) -> None:
    versions = history((contract("a", end="2024-09-01"), NOW))

    with pytest.raises(Refused, match=words) as caught:
        settle(versions, wanted, NOW)

    assert (caught.value.field, caught.value.reason) == (field, Reason.CONTRACT_INVALID)


def test_the_first_plan_rules_from_the_start() -> None:
    assert said(history((contract("a", since="2024-06-15"), NOW))) == [("2024-06-15", "a", 1)]
    with pytest.raises(Refused, match="rules from its start, 2024-06-15; leave it out"):
        settle([], contract("a", since="2024-07-01"), NOW)


def test_a_wrong_plan_of_a_period_that_is_not_rated_can_be_put_right_with_a_reason() -> None:
    versions = history((contract("wrong", end="2024-09-01"), NOW))

    def put_right(since: str, reason: str, *kept: FrozenPeriod) -> list[tuple[str, str, int]]:
        wanted = settle(versions, contract("right", end="2024-09-01", since=since, reason=reason), NOW)
        entry = Version("c", 2, NOW, wanted)
        check_past(versions, entry, kept)
        return said([*versions, entry])

    june = frozen(versions[0].content, "2024-06", "wrong")
    assert put_right("2024-06-15", "swapped") == [("2024-06-15", "right", 2)]
    assert put_right("2024-07-01", "swapped", june)[1] == ("2024-07-01", "right", 2)
    with pytest.raises(Refused, match=r"say why: .* from the one of 2024-06-15 on") as unsaid:
        put_right("2024-06-15", "")
    assert (unsaid.value.field, unsaid.value.reason) == ("reason", Reason.FIELD_REQUIRED)
    with pytest.raises(
        Refused, match=r"period 2024-06 is already rated permanently, by plan 'wrong' version 1; .*2024-07-01 or later"
    ) as late:
        put_right("2024-06-15", "swapped", june)
    assert (late.value.field, late.value.reason) == ("effective_from", Reason.CATALOG_CONFLICT)


def test_a_frozen_period_may_get_the_plan_it_was_rated_by() -> None:
    versions = history((contract("a", end="2024-09-01"), NOW))
    pinned = contract("a", end="2024-09-01", since="2024-06-15", reason="pin it", pin=1)

    entry = Version("c", 2, NOW, settle(versions, pinned, NOW))

    check_past(versions, entry, [frozen(entry.content, "2024-06", "a", 1)])
    with pytest.raises(Refused, match="by plan 'a' version 2"):
        check_past(versions, entry, [frozen(entry.content, "2024-06", "a", 2)])


def test_a_plan_that_begins_after_the_first_period_it_should_price_is_refused() -> None:
    settled = settle([], contract("p"), NOW)

    check_priced(settled, plan(None, "2026-01-01"))
    check_priced(settled, plan("2024-06-15"))
    check_priced(replace(settled, plan_version=1), plan("2026-01-01"))
    with pytest.raises(Refused, match=r"effective from 2024-06-16.*from 2024-06-15") as caught:
        check_priced(settled, plan("2024-06-16"))
    assert caught.value.field == "plan"


def test_a_change_is_told_by_ranges_of_periods() -> None:
    versions = history((contract("new", end="2024-09-01"), NOW))
    after = Version("c", 2, NOW, settle(versions, contract("old", end="2025-01-01"), NOW))
    kept = [frozen(after.content, label, "new") for label in ("2024-06", "2024-07")]

    change = contract_change(versions, after, kept, {"new": plan(None), "old": plan(None, "2024-12-01")})

    assert [(periods.first, periods.last, *periods.pricing[:3]) for periods in change.periods] == [
        ("2024-06", "2024-07", ("new", 1), ("new", 1), True),
        ("2024-08", "2024-08", ("new", 1), ("new", 1), False),
        ("2024-09", "2024-11", None, ("old", 1), False),
        ("2024-12", "2024-12", None, ("old", 2), False),
    ]


def test_a_change_of_an_open_contract_ends_open_however_far_it_lies() -> None:
    versions = history((contract("a", "1970-01-01"), NOW))
    after = Version("c", 2, NOW, settle(versions, contract("b", "1970-01-01", "8999-01-01"), NOW))

    change = contract_change(versions, after, [], {"a": plan(None), "b": plan(None)})

    assert [(periods.first, periods.last, *periods.pricing[:2]) for periods in change.periods] == [
        ("1970-01", "2026-11", ("a", 1), ("a", 1)),
        ("2026-12", "8998-12", ("a", 1), ("b", 1)),
        ("8999-01", "", ("a", 1), None),
    ]


DAYS = st.dates(date(2024, 1, 1), date(2027, 12, 31))


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.none() | DAYS, st.none() | DAYS), min_size=1, max_size=6),
    st.integers(1, 31),
)
def test_the_newest_version_rules_from_its_day_on_and_every_period_is_ruled(
    steps: list[tuple[str, date | None, date | None]], anchor_day: int
) -> None:
    versions: list[Version[Contract]] = []
    for number, (name, since, end) in enumerate(steps, start=1):
        if end is not None and end <= date(2024, 1, 1):
            continue
        wanted = Contract("acme", name, None, Schedule(date(2024, 1, 1), end, anchor_day, "UTC"), since)
        applied_at = instant("2024-03-10") + timedelta(days=100 * number)
        before = rulings(versions)
        try:
            settled = settle(versions, wanted, applied_at)
        except Refused:
            continue
        versions.append(Version("c", len(versions) + 1, applied_at, settled))
        found = rulings(versions)
        day = settled.effective_from
        assert day is not None
        # What the newest version says is never without effect: some period of the contract is priced by its plan.
        starts = (starts_from(settled.schedule, instant(day.isoformat())),)
        assert starts[0] is not None
        assert ruling_at(found, "UTC", instant(starts[0].isoformat())).plan == name
        assert found[-1].plan == name
        assert [ruling.day for ruling in found] == sorted({ruling.day for ruling in found})
        # Earlier periods keep what ruled them, unless the newest version only moves the day of the same plan.
        if before and not before[-1].same_plan(found[-1]):
            for label in (
                label
                for label, _ in zip(labels_from(settled.schedule, settled.schedule.start), range(60), strict=False)
            ):
                period = period_labelled(settled.schedule, label)
                assert period is not None
                if period.start < instant(day.isoformat()):
                    was, now = (ruling_at(each, "UTC", period.start) for each in (before, found))
                    assert was.same_plan(now)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.none() | DAYS, st.none() | DAYS), min_size=2, max_size=5),
    st.sampled_from([(Interval.DAY, 9), (Interval.WEEK, 3), (Interval.MONTH, 1), (Interval.QUARTER, 1)]),
    st.lists(DAYS, max_size=2),
    st.sets(st.integers(0, 12), max_size=4),
)
def test_a_change_is_told_as_if_every_period_were_looked_at(
    steps: list[tuple[str, date | None, date | None]],
    length: tuple[Interval, int],
    turns: list[date],
    frozen_numbers: set[int],
) -> None:
    versions: list[Version[Contract]] = []
    for number, (name, since, end) in enumerate(steps, start=1):
        last = date(2028, 1, 1) if end is None or end <= date(2024, 1, 1) else end
        wanted = Contract("acme", name, None, Schedule(date(2024, 1, 1), last, 1, "UTC", *length), since)
        try:
            settled = settle(versions, wanted, instant("2024-03-10") + timedelta(days=100 * number))
        except Refused:
            continue
        versions.append(Version("c", len(versions) + 1, NOW, settled))
    assume(len(versions) > 1)
    before, after = versions[:-1], versions[-1]
    plans = {"a": plan(None, *(day.isoformat() for day in sorted(turns))), "b": plan(None, "2025-05-05")}
    old, new = before[-1].content.schedule, after.content.schedule
    longer = max(old, new, key=lambda schedule: schedule.end or date.max)
    labels = list(labels_from(longer, longer.start))
    chosen = [label for number, label in enumerate(labels) if number in frozen_numbers]
    kept = [frozen(after.content, label, "b", 7) for label in chosen if period_labelled(new, label)]

    change = contract_change(before, after, kept, plans)

    told = {
        label: tuple(periods.pricing[:3])
        for periods in change.periods
        for label in labels[labels.index(periods.first) : labels.index(periods.last) + 1]
    }
    # More ranges than are told: the first ones are left out.
    expected = labels if len(change.periods) < RANGES_MAX else list(told)
    assert told == {label: _pricing(label, before, after, kept, plans) for label in expected}
    for one, following in pairwise(change.periods):
        assert one.pricing != following.pricing


def _pricing(
    label: str,
    before: list[Version[Contract]],
    after: Version[Contract],
    kept: list[FrozenPeriod],
    plans: dict[str, list[Version[Plan]]],
) -> tuple[object, ...]:
    is_frozen = any(each.period.label == label for each in kept)

    def priced(versions: list[Version[Contract]]) -> tuple[str, int] | None:
        period = period_labelled(versions[-1].content.schedule, label)
        if period is None:
            return None
        if is_frozen:
            return "b", 7
        name = ruling_at(rulings(versions), "UTC", period.start).plan
        found = plan_at(plans[name], period.start)
        return name, found.version if found else 0

    return priced(before), priced([*before, after]), is_frozen
