"""Whether charges are what their terms, their prices and their usage come to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rating.domain.advance import taken_off
from rating.domain.charges import ChargeKind, MeterUsage
from rating.domain.line_names import TAKEN_PREFIX
from rating.domain.proration import WHOLE, DayShare, days_of_usage
from rating.domain.rated_period import (
    charge_of_commitment,
    charge_of_item,
    charge_of_run,
    charges_of_bounds,
    in_advance,
    net_of,
    usage_of_reads,
    with_commitments,
    with_discounts,
    without_advance,
    without_commitments,
    without_discounts,
)
from rating.domain.unpriced import NotByGroupError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rating.domain.charges import Charge, RatedPeriod, Terms
    from rating.domain.commitments import DueCommitment
    from rating.domain.discounts import Discount
    from rating.domain.plans import Plan, PlanItem
    from rating.domain.segments import ItemRun


def is_discounted_by(rated: RatedPeriod, discounts: Sequence[Discount], plan: Plan) -> bool:
    """Whether just these discounts, and what they take, are among charges of a plan."""
    own, told = without_discounts(rated.charges), without_commitments(without_advance(rated.charges))
    if not discounts:
        return len(own) == len(told)
    again = with_discounts(own, discounts, plan)
    return [_figures(charge) for charge in told] == [_figures(charge) for charge in again]


def is_bounded_by(rated: RatedPeriod, plan: Plan, share: DayShare | None = None) -> bool:
    """Whether just the bounds of a plan, and what they change, are among charges.

    `share` is that of the days of the period; None: as the charges say.
    """
    own = [charge for charge in rated.charges if charge.kind in {ChargeKind.USAGE, ChargeKind.FIXED}]
    there = [charge for charge in rated.charges if charge.kind is ChargeKind.BOUND]
    days = share or next((charge.share for charge in there if charge.share is not None), WHOLE)
    return [_figures(charge) for charge in there] == [_figures(charge) for charge in charges_of_bounds(plan, own, days)]


def is_committed_by(rated: RatedPeriod, terms: Terms) -> bool:
    """Whether just the commitments of terms, and what they come to, are among charges."""
    told = without_advance(rated.charges)
    again = with_commitments(without_commitments(told), terms)
    return [_figures(charge) for charge in told] == [_figures(charge) for charge in again]


def is_due(charge: Charge, due: DueCommitment, rated: RatedPeriod, discounts: Sequence[Discount], plan: Plan) -> bool:
    """Whether a charge among others is what a commitment comes to beside them."""
    net = net_of(rated.charges, due.promise.commitment.items, discounts, plan)
    return _figures(charge) == _figures(charge_of_commitment(due, net, plan.currency))


def is_rated_by(rated: RatedPeriod, terms: Terms) -> bool:
    """Whether charges are of the plan, the period, the days, the bounds, the discounts and the commitments of terms."""
    if (rated.plan, rated.plan_version, rated.period) != (terms.plan.name, terms.plan.version, terms.period):
        return False
    if rated.segments != tuple(segment.rated for segment in terms.segments):
        return False
    plan = terms.closing_plan.content
    if not is_bounded_by(rated, plan, terms.share) or not is_discounted_by(rated, terms.discounts, plan):
        return False
    if not is_committed_by(rated, terms):
        return False
    if [_figures(charge) for charge in in_advance(rated.charges)] != [_figures(charge) for charge in terms.advance]:
        return False
    told = {charge.item: charge.share for charge in rated.charges if charge.kind is ChargeKind.FIXED}
    fees = (run for run in terms.runs if run.item.price.is_fixed)
    again = (charge_of_run(run, {}, rated.currency, terms.time_zone) for run in fees)
    return told == {charge.item: charge.share for charge in again} and _are_priced_by(rated, terms)


def _are_priced_by(rated: RatedPeriod, terms: Terms) -> bool:
    """Whether charges of items cost what terms say: a contract may get a price of its own with the same plan."""
    runs = {(run.part, run.item.name): run for run in terms.runs}
    own = [charge for charge in rated.charges if charge.kind in {ChargeKind.USAGE, ChargeKind.FIXED}]
    priced = ((charge, runs.get((charge.part, charge.plan_item))) for charge in own)
    return all(
        run is not None and _has_days_of(charge, run) and is_sound(charge, run.item, rated.currency)
        for charge, run in priced
    )


def _has_days_of(charge: Charge, run: ItemRun) -> bool:
    """Whether a charge of usage is of the days of its run; those of fees are looked at beside it."""
    return charge.kind is not ChargeKind.USAGE or charge.share == days_of_usage(run.item, run.share)


def is_sound(charge: Charge, item: PlanItem, currency: str) -> bool:
    """Whether a frozen charge is what its quantity costs by its item's price; the words of its steps may differ."""
    used = MeterUsage(
        charge.quantity, charge.unit, charge.event_count, adds_up=True, rounded=charge.rounded, cells=charge.cells
    )
    billed = charge.quantity if charge.rounded is None else charge.rounded
    if item.price.by and (
        charge.cells is None or (charge.cells.quantity, charge.cells.billed) != (charge.quantity, billed)
    ):
        return False
    reads = usage_of_reads(charge) if charge.reads else {item.meter: used}
    if not reads.keys() >= set(item.meters):
        return False
    try:
        again = charge_of_item(item, reads, currency, charge.share or WHOLE)
    except NotByGroupError:
        return False
    if charge.part is not None:
        again = replace(again, item=charge.item, kind=charge.kind, part=charge.part)
    if charge.item.startswith(TAKEN_PREFIX):
        (again,) = (replace(each, item=charge.item) for each in taken_off([again], currency))
    return item.name == charge.plan_item and _figures(charge) == _figures(again)


def _figures(charge: Charge) -> tuple[object, ...]:
    amount, rows = charge.derivation.amount, charge.derivation.rows
    counted = (charge.quantity, charge.event_count, charge.reads)
    return (
        charge.item,
        charge.kind,
        charge.meter,
        counted,
        amount,
        rows,
        charge.share,
        charge.part,
        charge.basis,
        charge.drawn,
    )
