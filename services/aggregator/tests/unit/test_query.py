"""Versions of a meter in time, and what a question reads of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.aggregations import BY_NAME, aggregation_named
from aggregator.domain.billable import EventRounding, RoundingMode
from aggregator.domain.meters import (
    MeterSpec,
    MeterVersion,
    PropertyFilter,
    canonical,
    counting_meters,
    problems_of_succession,
    resolve_counts_from,
    same_content,
)
from aggregator.domain.query import RowKey, UsageQuery, plan_query, plan_totals
from aggregator.domain.usage import UsageAnswer
from aggregator.wire.usage import answer_to_proto, query_from_proto
from chassis.errors import InvalidRequest
from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from eventlog.instants import microseconds_of
from eventlog.period import Period
from eventlog.wire import period_to_proto
from metering.aggregator.v1 import aggregator_service_pb2 as pb

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SPEC = MeterSpec(("call",), BY_NAME["COUNT"], group_by=("region",))


def version(number: int, counts_from: datetime | None, spec: MeterSpec = SPEC) -> MeterVersion:
    return MeterVersion(number * 10, "acme", "calls", number, spec, counts_from, START)


@given(st.lists(st.none() | st.integers(-5, 5), min_size=1, max_size=6), st.integers(-6, 6))
def test_an_event_counts_by_the_newest_version_effective_at_its_time(starts: list[int | None], day: int) -> None:
    versions = [
        version(number, None if start is None else START + start * DAY) for number, start in enumerate(starts, start=1)
    ]
    moment = START + day * DAY

    counting = [one for one in counting_meters(versions) if one.from_us <= microseconds_of(moment) < one.until_us]

    effective = [one.version for one in versions if one.counts_from is None or one.counts_from <= moment]
    assert [one.version.version for one in counting] == effective[-1:]


def test_a_later_version_without_a_time_begins_with_the_running_window() -> None:
    now = START + timedelta(minutes=37, seconds=12)

    assert resolve_counts_from(SPEC, [], now) is None
    assert resolve_counts_from(SPEC, [version(1, None)], now) == START + timedelta(minutes=30)
    minute = replace(SPEC, bucket_minutes=1)
    assert resolve_counts_from(minute, [version(1, None)], now) == START + timedelta(minutes=30)
    assert resolve_counts_from(minute, [version(1, None, minute)], now) == START + timedelta(minutes=37)


def test_equal_meters_are_equal_whatever_the_order_of_their_sets() -> None:
    one = canonical(
        MeterSpec(("b", "a"), BY_NAME["COUNT"], filters=(PropertyFilter("y", ("2", "1")), PropertyFilter("x", ("3",))))
    )
    other = canonical(
        MeterSpec(("a", "b"), BY_NAME["COUNT"], filters=(PropertyFilter("x", ("3",)), PropertyFilter("y", ("1", "2"))))
    )

    assert one == other
    assert same_content(one, version(1, START, other))
    assert not same_content(replace(one, effective_from=START + DAY), version(1, START, other))
    assert not same_content(replace(one, unit="call"), version(1, START, other))


def test_an_aggregation_may_change_only_where_nothing_else_counts() -> None:
    total = replace(SPEC, aggregation=BY_NAME["SUM"], value_property="v")

    (problem,) = problems_of_succession(version(2, START, total), [version(1, None)])
    assert "effectiveFrom: 0001-01-01" in problem.text
    # As the message says.
    before_all = replace(total, effective_from=datetime(1, 1, 1, tzinfo=UTC))
    begins = resolve_counts_from(before_all, [version(1, None)], START)
    assert not problems_of_succession(version(2, begins, before_all), [version(1, None)])
    assert same_content(before_all, version(2, begins, before_all))
    assert not problems_of_succession(version(2, START, total), [version(1, START)])


def test_a_version_that_differs_in_what_it_bills_is_told_so() -> None:
    metered = replace(SPEC, aggregation=BY_NAME["SUM"], value_property="v")
    billed = aggregation_named("SUM", bills_events=True)
    rounded = replace(metered, aggregation=billed, rounding=EventRounding("60", "60", RoundingMode.CEILING))
    finer = replace(rounded, rounding=EventRounding("60", "1", RoundingMode.CEILING))

    (problem,) = problems_of_succession(version(2, START, rounded), [version(1, None, metered)])

    assert problem.field == "spec.billable"
    assert "make a new meter" in problem.text
    assert not problems_of_succession(version(2, START, finer), [version(1, None, rounded)])


def test_a_version_must_begin_on_the_grid_of_those_before() -> None:
    minute = replace(SPEC, bucket_minutes=1)

    problems = problems_of_succession(version(2, START + timedelta(minutes=1), minute), [version(1, None)])

    assert [problem.field for problem in problems] == ["spec.effective_from"]


def test_a_version_that_lacks_a_group_is_read_as_empty_and_not_filtered_by() -> None:
    wider = replace(SPEC, group_by=("tier", "region"))
    meters = counting_meters([version(1, None), version(2, START + DAY, wider)])
    period = Period(START, START + 2 * DAY)

    plan = plan_query(UsageQuery("calls", (), period, group_by=("tier",)), meters, START)
    regions = plan_query(UsageQuery("calls", (), period, filters=(PropertyFilter("region", ("eu",)),)), meters, START)

    assert [projection.places for projection in plan.meters[0].projections] == [(None,), (0,)]
    assert regions.conditions[0].places == ((10, 0), (20, 1))
    with pytest.raises(Refused, match="version 1"):
        plan_query(UsageQuery("calls", (), period, filters=(PropertyFilter("tier", ("gold",)),)), meters, START)
    later = Period(START + DAY, START + 2 * DAY)
    gold = UsageQuery("calls", (), later, filters=(PropertyFilter("tier", ("gold",)),))
    assert plan_query(gold, meters, START).conditions[0].places == ((20, 0),)


def test_totals_name_only_versions_that_count_in_the_period() -> None:
    meters = counting_meters([version(1, None), version(2, START + DAY), version(3, START + 5 * DAY)])

    plan = plan_totals("a", Period(START, START + 2 * DAY), [meters], START)
    before = plan_totals("a", Period(START, START + DAY), [counting_meters([version(1, START + DAY)])], START)

    assert (plan.meters[0].versions, plan.meters[0].newest_version) == ((1, 2), 3)
    assert (before.meters[0].versions, before.meters[0].newest_version) == ((), 1)


def test_a_page_token_leads_on_and_is_good_for_its_question_only() -> None:
    place = RowKey(0, "ü", 0, '["eu"]')
    request = pb.QueryUsageRequest(meter="calls", period=period_to_proto(Period(START, START + DAY)))
    query = query_from_proto(request)
    token = answer_to_proto(query, UsageAnswer([], "", AsOf(), place, filled=True)).next_page_token

    request.page_token = token

    assert query_from_proto(request).after == place
    for wrong in (token[:-4], "[" * 4000, "AAAA", "\u00e9"):
        request.page_token = wrong
        with pytest.raises(InvalidRequest, match="page_token"):
            query_from_proto(request)
    other = pb.QueryUsageRequest(meter="minutes", period=request.period, page_token=token)
    with pytest.raises(InvalidRequest, match="page_token"):
        query_from_proto(other)


def test_a_place_beyond_the_windows_of_the_question_is_refused() -> None:
    query = UsageQuery("calls", (), Period(START, START + DAY), after=RowKey(0, "ü", 7, ""))

    with pytest.raises(Refused, match="page_token"):
        plan_query(query, counting_meters([version(1, None)]), START)
