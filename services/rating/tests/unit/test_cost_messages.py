"""Cost and usage as messages: what is too much for one answer is refused, and says what to ask instead."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chassis.errors import Reason, TooBig
from eventlog.as_of import AsOf
from eventlog.period import Period
from eventlog.wire import period_to_proto
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.aggregator.v1 import usage_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from rating.domain.billing_period import BillingPeriod
from rating.domain.charges import ChargeKind, Terms
from rating.domain.cost import Breakdown, CostPart, CostRow
from rating.domain.plans import Plan
from rating.domain.versions import Version
from rating.operations.cost import CostOfPeriod
from rating.wire.cost import check_rows, cost_to_proto, question_from_proto, usage_from_pages

JANUARY = BillingPeriod("2013-01", datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 2, 1, tzinfo=UTC))
TERMS = Terms("UA-2013", "UA", JANUARY, "UTC", Version("standard", 1, JANUARY.start, Plan("JPY", ())))


def costing(rows: int) -> CostOfPeriod:
    window = Period(JANUARY.start, JANUARY.end)
    row = CostRow(
        "Calls", ChargeKind.USAGE, "calls", "call", CostPart.USAGE, window, Decimal(3), None, None, ("x" * 99,)
    )
    return CostOfPeriod([row] * rows, TERMS, AsOf(), is_filled=False)


def test_more_rows_than_a_message_holds_are_refused() -> None:
    assert len(cost_to_proto(costing(1000)).rows) == 1000
    with pytest.raises(
        TooBig, match="the answer has 60,000 rows, more than one answer holds; ask for larger"
    ) as refused:
        cost_to_proto(costing(60_000))
    assert refused.value.reason is Reason.MESSAGE_TOO_LARGE


def test_usage_of_more_rows_than_an_answer_is_made_from_is_refused() -> None:
    page = aggregator_pb.QueryUsageResponse(rows=[usage_pb2.UsageRow()] * 10_000)

    check_rows([page] * 10)
    with pytest.raises(TooBig, match="usage has more than 100,000 rows"):
        check_rows([page] * 11)


def test_a_quantity_that_is_not_known_is_empty_and_an_amount_has_the_places_of_its_currency() -> None:
    (row,) = cost_to_proto(costing(1)).rows

    assert (row.quantity, row.amount, row.exact_amount, row.is_grouped) == ("", "3", "", True)


def test_two_filters_of_one_property_both_hold() -> None:
    request = pb.QueryCostRequest()
    request.filters.add(property="origin", values=["JFK", "EWR"])
    request.filters.add(property="origin", values=["EWR", "LGA"])

    assert question_from_proto(request).breakdown.filters == {"origin": {"EWR"}}


def test_groups_that_a_meter_does_not_tell_apart_are_not_the_empty_one() -> None:
    row = usage_pb2.UsageRow(window=period_to_proto(Period(JANUARY.start, JANUARY.end)), group=[""], quantity="3")
    others = usage_pb2.UsageRow(window=row.window, group=[""], quantity="4", is_other_group=True)
    told = usage_from_pages([aggregator_pb.QueryUsageResponse(rows=[row, others], filled=True)])
    window = Period(JANUARY.start, JANUARY.end)
    costs = [
        CostRow("Calls", ChargeKind.USAGE, "calls", "call", CostPart.USAGE, window, Decimal(3), None, None, one.group)
        for one in told.rows
    ]

    answer = cost_to_proto(CostOfPeriod(costs, TERMS, AsOf(), is_filled=True))
    by_value = Breakdown(filters={"origin": frozenset([""])})

    assert [(list(one.group), one.is_other_group) for one in answer.rows] == [([""], False), ([""], True)]
    assert [by_value.lets_pass(one.group) for one in told.rows] == [True, False]
