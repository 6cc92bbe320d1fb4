"""What may still be used: drawn by stretches as day by day, by an oracle that keeps a plain list of units."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from rating.domain.allowance import (
    Allowance,
    FeaturePeriod,
    Grant,
    Revocation,
    SourceKind,
    Standing,
    allowance,
    standing,
    stretches,
)
from rating.domain.billing_period import BillingPeriod
from rating.domain.features import Feature, Rollover

START = date(2026, 1, 1)
AT = datetime(2026, 1, 1, tzinfo=UTC)
ZONE = "UTC"


def feature(limit: str | None = "1000", rollover: Rollover | None = None) -> Feature:
    return Feature("calls", meter="calls", limit=None if limit is None else Decimal(limit), rollover=rollover)


def periods(lengths: list[int], of: Feature | None) -> list[FeaturePeriod]:
    bounds = [AT + timedelta(days=sum(lengths[:number])) for number in range(len(lengths) + 1)]
    return [
        FeaturePeriod(BillingPeriod(f"p{number:02d}", start, end), of)
        for number, (start, end) in enumerate(pairwise(bounds))
    ]


def grant(name: str, quantity: str, first: int = 0, until: int | None = None, priority: int = 0) -> Grant:
    ends = None if until is None else START + timedelta(days=until)
    return Grant(name, "UA", "calls", Decimal(quantity), START + timedelta(days=first), ends, priority, "", AT)


def drawn(of: list[FeaturePeriod], grants: list[Grant], by_day: list[int]) -> tuple[Allowance, Standing]:
    """Draw the usage of days, the last stretch being the last one of all days."""
    cut = stretches(of, grants, ZONE)
    used = [Decimal(sum(by_day[(one.start - AT).days : (one.end - AT).days])) for one in cut]
    found = allowance(cut, used[:-1], ZONE)
    return found, standing(found, used[-1], Decimal(0))


def told(stands: Standing) -> str:
    return f"{stands.limit} {stands.used} {stands.beyond} {stands.remaining}"


def test_what_is_left_is_carried_over_and_expires() -> None:
    """The example of A8: 1000 a month, at most 500 carried over into one month; uses of 800, 1100 and 1150."""
    of = periods([31, 28, 31], feature(rollover=Rollover(Decimal(500), 1)))
    _, stands = drawn(of, [], [800, *[0] * 30, 1100, *[0] * 27, 1150, *[0] * 30])

    assert told(stands) == "1100 1150 50 0"


def test_late_usage_walks_forward() -> None:
    of = periods([31, 28, 31], feature(rollover=Rollover(Decimal(500), 1)))
    _, stands = drawn(of, [], [950, *[0] * 30, 1100, *[0] * 27, 1150, *[0] * 30])

    # The lots are 50 and 0 now, and 50 of February lay beyond.
    assert told(stands) == "1000 1150 150 0"


def test_grants_are_drawn_after_the_plan_by_priority_and_end() -> None:
    of = periods([31], feature("10"))
    grants = [grant("later", "5", until=31), grant("first", "5", until=20), grant("urgent", "1", priority=0)]
    grants = [*grants[:2], grant("spare", "7", priority=9)]
    found, stands = drawn(of, grants, [12, *[0] * 30])

    assert [(source.kind, source.name) for source in found.sources] == [
        (SourceKind.PLAN, ""),
        (SourceKind.GRANT, "later"),
        (SourceKind.GRANT, "spare"),
    ]
    assert {source.name: source.remaining for source in stands.sources} == {"": 0, "later": 5, "spare": 7}
    # 2 of the grant that ended were drawn in time, 3 of it were lost.
    assert told(stands) == "24 12 0 12"


def test_without_a_limit_nothing_is_drawn() -> None:
    _, stands = drawn(periods([31], feature(None)), [grant("more", "5")], [10**9, *[0] * 30])

    assert told(stands) == "None 1000000000 0 None"


def test_below_zero_counts_as_zero() -> None:
    _, stands = drawn(periods([10, 10], feature("5")), [], [*[0] * 10, -3, *[0] * 9])

    assert told(stands) == "5 0 0 5"


@pytest.mark.parametrize(
    ("made", "field"),
    [
        (lambda: Feature("f", value="eu", meter="calls"), "value"),
        (lambda: Feature("f", limit=Decimal(5)), "limit"),
        (lambda: Feature("f", meter="calls", is_soft=True), "soft"),
        (lambda: Feature("f", meter="calls", rollover=Rollover(Decimal(1), 1)), "rollover"),
        (lambda: Feature(""), "name"),
        (lambda: Rollover(Decimal(0), 1), "most"),
        (lambda: Rollover(Decimal(1), 13), "expires_after"),
        (lambda: grant("none", "0"), "quantity"),
        (lambda: grant("never", "1", first=5, until=5), "until"),
    ],
)
def test_what_contradicts_itself_is_refused(made: object, field: str) -> None:
    with pytest.raises(Refused) as refused:
        made()  # type: ignore[operator]
    assert refused.value.field == field


# --- the oracle ------------------------------------------------------------------------------------------------------


@dataclass
class _Unit:
    """So many single units, and when each may be drawn: from a day on, until before another."""

    order: tuple[object, ...]
    count: int
    first: int
    until: int
    of_plan: int | None = None


def oracle(lengths: list[int], limit: int, rollover: Rollover | None, grants: list[Grant], by_day: list[int]) -> int:
    """Return what is left on the last day, drawing day by day from a plain list."""
    bounds = [sum(lengths[:number]) for number in range(len(lengths) + 1)]
    units = [
        _Unit(
            (2, one.priority, one.until or date.max, one.id),
            int(one.quantity),
            (one.first_day - START).days,
            min(
                (day - START).days
                for day in (one.until or date.max, one.revocation and one.revocation.first_day)
                if day
            ),
        )
        for one in grants
    ]
    for number, (first, until) in enumerate(pairwise(bounds)):
        plan = _Unit((1,), limit, first, until, of_plan=number)
        units.append(plan)
        for day in range(first, until):
            wanted = max(by_day[day], 0) if number < len(lengths) - 1 or day < until else 0
            for unit in sorted((one for one in units if one.first <= day < one.until), key=lambda one: one.order):
                taken = min(unit.count, wanted)
                unit.count -= taken
                wanted -= taken
        if rollover is not None and number < len(lengths) - 1:
            last = min(number + rollover.expires_after, len(lengths) - 1)
            live = [one for one in units if one.order[0] == 0 and one.until > until]
            amount = min(plan.count, int(rollover.most) - sum(one.count for one in live))
            if amount > 0:
                order = (0, number + rollover.expires_after)
                units.append(_Unit(order, amount, until, bounds[last + 1]))
    last_day = bounds[-1] - 1
    return sum(one.count for one in units if one.first <= last_day < one.until)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[int], int, Rollover | None, list[Grant], list[int]]:
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    days = sum(lengths)
    rollover = draw(st.none() | st.builds(Rollover, st.integers(1, 30).map(Decimal), st.integers(1, 3)))
    grants = []
    for number in range(draw(st.integers(0, 4))):
        first = draw(st.integers(0, days - 1))
        until = draw(st.none() | st.integers(first + 1, days + 2))
        made = grant(f"g{number}", str(draw(st.integers(1, 20))), first, until, draw(st.integers(0, 2)))
        taken_back = draw(st.none() | st.integers(0, days + 2))
        if taken_back is not None:
            made = replace(made, revocation=Revocation(START + timedelta(days=taken_back), "by mistake", AT))
        grants.append(made)
    by_day = draw(st.lists(st.integers(-3, 12), min_size=days, max_size=days))
    return lengths, draw(st.integers(0, 30)), rollover, grants, by_day


@given(worlds())
def test_stretches_draw_as_days_do(world: tuple[list[int], int, Rollover | None, list[Grant], list[int]]) -> None:
    lengths, limit, rollover, grants, by_day = world
    by_day = [max(quantity, 0) for quantity in by_day]
    _, stands = drawn(periods(lengths, feature(str(limit), rollover)), grants, by_day)

    assert stands.remaining == oracle(lengths, limit, rollover, grants, by_day)
    assert stands.remaining is not None
    assert stands.limit == stands.used - stands.beyond + stands.remaining
