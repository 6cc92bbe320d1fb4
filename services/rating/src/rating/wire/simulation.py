"""Simulations as messages."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypedDict

from metering.rating.v1 import margin_pb2, simulation_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from money import ZERO, currency, exact_arithmetic, exact_of, format_decimal, format_exact
from rating.domain.simulation import BOUNDS_PERCENT, Skip, Summary
from rating.operations.simulation import SimulationQuestion
from rating.wire.catalogs import entries_from_proto
from rating.wire.margins import margin_to_proto

if TYPE_CHECKING:
    from decimal import Decimal
    from fractions import Fraction

    from rating.domain.simulation import Band, BandOutcome, CustomerOutcome, ItemOutcome, PlanOutcome, Total

_CUSTOMERS_A_MESSAGE = 50


class _Margins(TypedDict):
    margin_now: margin_pb2.Margin | None
    margin_then: margin_pb2.Margin | None


def question_from_proto(request: pb.SimulatePlansRequest) -> SimulationQuestion:
    """Return what is simulated. Raises InvalidRequest for entries that would be refused."""
    entries, faults = entries_from_proto(request.entries)
    faults.raise_any()
    return SimulationQuestion(
        entries,
        request.plan,
        request.customers,
        request.from_month,
        request.until_month,
        request.with_items,
        request.with_cheapest,
    )


def parts_to_proto(part: Sequence[CustomerOutcome] | Summary, *, with_items: bool) -> list[pb.SimulatePlansResponse]:
    """Return the messages of a part of the stream; each is small, however many items customers have."""
    if isinstance(part, Summary):
        totals = [_total_to_proto(code, total) for code, total in sorted(part.totals.items())]
        return [pb.SimulatePlansResponse(totals=totals, skipped=_skipped_to_proto(part), is_last=True)]
    customers = [_customer_to_proto(outcome, with_items=with_items) for outcome in part]
    return [
        pb.SimulatePlansResponse(customers=customers[first : first + _CUSTOMERS_A_MESSAGE])
        for first in range(0, len(customers), _CUSTOMERS_A_MESSAGE)
    ]


def _customer_to_proto(outcome: CustomerOutcome, *, with_items: bool) -> simulation_pb2.SimulatedCustomer:
    code, cheapest = outcome.currency, outcome.cheapest
    return simulation_pb2.SimulatedCustomer(
        customer=outcome.customer,
        currency=code,
        periods=outcome.periods,
        now=_printed(outcome.now, code),
        then=_printed(outcome.then, code),
        difference=_printed(outcome.difference, code),
        items=[_item_to_proto(name, item, code) for name, item in outcome.items.items()] if with_items else [],
        cheapest_plan="" if cheapest is None else cheapest.plan,
        cheapest="" if cheapest is None else _printed(cheapest.amount, code),
        **_margins(outcome, code),
    )


def _margins(outcome: CustomerOutcome | ItemOutcome | PlanOutcome | Total, code: str) -> _Margins:
    return {
        "margin_now": margin_to_proto(outcome.now, outcome.costs_now, code),
        "margin_then": margin_to_proto(outcome.then, outcome.costs_then, code),
    }


def _item_to_proto(name: str, item: ItemOutcome, code: str) -> simulation_pb2.SimulatedItem:
    return simulation_pb2.SimulatedItem(
        item=name,
        now=_printed(item.now, code),
        then=_printed(item.then, code),
        exact_now=_exact(item.exact_now),
        exact_then=_exact(item.exact_then),
        exact_cost_now=_exact(item.costs_now.exact) if item.costs_now.known else "",
        exact_cost_then=_exact(item.costs_then.exact) if item.costs_then.known else "",
        **_margins(item, code),
    )


def _total_to_proto(code: str, total: Total) -> simulation_pb2.SimulationTotal:
    falls = [one for band, one in total.bands.items() if band.sign < 0]
    rises = [one for band, one in total.bands.items() if band.sign > 0]
    with exact_arithmetic():
        difference = total.then - total.now
        won, lost = (sum((one.difference for one in some), ZERO) for some in (falls, rises))
    return simulation_pb2.SimulationTotal(
        currency=code,
        customers=total.customers,
        periods=total.periods,
        now=_printed(total.now, code),
        then=_printed(total.then, code),
        difference=_printed(difference, code),
        winners=sum(one.customers for one in falls),
        won=_printed(won, code),
        losers=sum(one.customers for one in rises),
        lost=_printed(lost, code),
        bands=[_band_to_proto(band, one, code) for band, one in sorted(total.bands.items(), key=lambda pair: pair[0])],
        plans=[_plan_to_proto(name, plan, code) for name, plan in sorted(total.plans.items())],
        losing_now=total.losing_now,
        losing_then=total.losing_then,
        **_margins(total, code),
    )


def _band_to_proto(band: Band, outcome: BandOutcome, code: str) -> simulation_pb2.SimulationBand:
    bounds = dict(pairwise(BOUNDS_PERCENT)) if band.sign else {0: 0}
    below = None if band.size is None else bounds.get(band.size)
    return simulation_pb2.SimulationBand(
        is_rise=band.sign > 0,
        from_percent="" if band.size is None else str(band.size),
        below_percent="" if below is None else str(below),
        is_from_nothing=band.size is None,
        customers=outcome.customers,
        difference=_printed(outcome.difference, code),
    )


def _plan_to_proto(name: str, plan: PlanOutcome, code: str) -> simulation_pb2.SimulatedPlan:
    return simulation_pb2.SimulatedPlan(
        plan=name,
        periods=plan.periods,
        now=_printed(plan.now, code),
        then=_printed(plan.then, code),
        **_margins(plan, code),
    )


def _skipped_to_proto(summary: Summary) -> list[simulation_pb2.SkippedPeriods]:
    return [
        simulation_pb2.SkippedPeriods(
            reason=simulation_pb2.SimulationSkip.Value(f"SIMULATION_SKIP_{reason.value}"),
            periods=summary.skipped[reason][0],
            example=summary.skipped[reason][1],
        )
        for reason in Skip
        if reason in summary.skipped
    ]


def _exact(amount: Fraction) -> str:
    try:
        return format_exact(exact_of(amount))
    except ValueError:
        return ""


def _printed(amount: Decimal, code: str) -> str:
    return format_decimal(amount, places_min=currency(code).minor_units)
